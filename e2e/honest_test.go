package e2e

import (
	"slices"
	"strings"
	"testing"
)

// branched is made of two branches, of which each has a part of the context.
var branched = map[string]string{
	"Dockerfile": `FROM busybox AS assets
COPY www/ /w/
RUN mkdir /www && cat /w/* > /www/page

FROM busybox
COPY app.sh /app.sh
COPY --from=assets /www /www
EXPOSE 8080
CMD ["sh", "/app.sh"]
`,
	"compose.yaml": "services: {web: {build: ., ports: ['127.0.0.1:{{port}}:8080'], stop_grace_period: 1s}}\n",
	"www/a":        "a",
	"app.sh":       "exec httpd -f -p 8080 -h /www",
}

func TestAPlanNamesWhatChangedAndNothingElse(t *testing.T) {
	t.Parallel()
	s := newSite(t, branched)
	s.up(0)
	const assets, app = "assets: COPY www/ /w/ (Dockerfile:2)", "COPY app.sh /app.sh (Dockerfile:6)"
	for _, row := range []struct {
		when      string
		change    func()
		says, not []string
	}{
		{"both branches changed", func() { s.write("www/a", "b"); s.write("app.sh", "sleep 0; exec httpd -f -p 8080 -h /www") }, []string{assets + ": www/a changed", app + ": app.sh changed"}, []string{"without cache"}},
		{"one of them changed", func() { s.write("www/a", "a") }, []string{app + ": app.sh changed"}, []string{assets, "without cache"}},
	} {
		row.change()
		out := s.run(0, "plan")
		for _, word := range row.says {
			if !strings.Contains(out, word) {
				t.Errorf("%s, and the plan does not say %q:\n%s", row.when, word, out)
			}
		}
		for _, word := range row.not {
			if strings.Contains(out, word) {
				t.Errorf("%s, and the plan says %q:\n%s", row.when, word, out)
			}
		}
	}

	t.Run("what runs again without cache has not changed", func(t *testing.T) {
		s := s.sub(t)
		s.up(0)
		s.run(0, "gc", "--all")
		for _, args := range [][]string{{"plan"}, {"up", "--no-cache"}} {
			out := s.run(0, args...)
			for line := range strings.Lines(out) {
				building := strings.HasPrefix(line, "[") || strings.HasPrefix(line, "stages of ")
				if !building && strings.Contains(line, "Dockerfile:") && !strings.Contains(line, "ran again without cache: ") {
					t.Errorf("%v: %s", args, line)
				}
			}
			if !strings.Contains(out, "ran again without cache: "+assets) || !strings.Contains(out, "made anew, with the same content: ") {
				t.Errorf("%v does not say why:\n%s", args, out)
			}
		}
	})
}

func TestTheHintAfterAFailureLeadsToWhatFailed(t *testing.T) {
	t.Parallel()
	s := newSite(t, map[string]string{
		"Dockerfile":   "FROM busybox\nSTOPSIGNAL SIGKILL\nCMD [\"sh\", \"-c\", \"echo well; exec sleep 1000\"]\n",
		"compose.yaml": "services: {web: {build: ., stop_grace_period: 1s, deploy: {replicas: 2, update_config: {monitor: 100ms}}}}\n",
	})
	s.up(0)
	s.edit("Dockerfile", "echo well; exec sleep 1000", "echo broken; exit 3")

	failed := s.try("up")
	_, hint, _ := strings.Cut(failed.err, "seaworthy logs ")
	hint, _, _ = strings.Cut(hint, " shows the whole log")
	got := s.run(0, append([]string{"logs"}, strings.Fields(hint)...)...)
	if !strings.Contains(got, "| broken") || !strings.Contains(got, "exited with code 3") || strings.Contains(got, "well") {
		t.Errorf("after\n%s\nseaworthy logs %s shows\n%s", failed.err, hint, got)
	}
	_, back, _ := strings.Cut(failed.out+failed.err, ": return to ")
	if !strings.Contains(back, "of the failed deployment") || strings.Contains(back, "old web") {
		t.Errorf("the way back calls what failed old:\n%s", back)
	}

	all := linesOf(s.run(0, "logs", "--previous", "web"))
	for _, want := range []string{"web-1#1 | well", "web-2#1 | well"} {
		if !slices.Contains(all, want) {
			t.Errorf("%q is missing in %q", want, all)
		}
	}
	if !slices.Contains(all, "web-1#2 | broken") && !slices.Contains(all, "web-2#2 | broken") { // the first to fail stops the other
		t.Errorf("what failed is missing in %q", all)
	}
	s.refused(8, []string{"logs", "--deployment", "7"}, "#7", "seaworthy history")
}
