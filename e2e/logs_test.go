package e2e

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// talkers write what they are told to, one in the image and one by command.
var talkers = map[string]string{
	"Dockerfile": `FROM busybox
RUN echo one > /version
STOPSIGNAL SIGKILL
CMD ["sh", "-c", "echo version $(cat /version); while :; do while read line; do echo \"$line\"; done < /tmp/say; done"]
`,
	"compose.yaml": `services:
  web:
    build: .
    command: ["sh", "-c", "mkfifo /tmp/say; echo version $(cat /version); while :; do while read line; do echo \"$$line\"; done < /tmp/say; done"]
    stop_grace_period: 1s
    deploy: {replicas: 2, update_config: {monitor: 100ms}}
  crash:
    image: busybox
    command: ["sh", "-c", "mkfifo /tmp/fail 2>/dev/null; echo up; read code < /tmp/fail; echo going down >&2; exit $$code"]
    restart: always
    stop_grace_period: 1s
    deploy: {update_config: {monitor: 100ms}}
`,
}

func TestLogs(t *testing.T) {
	t.Parallel()
	s := newSite(t, talkers)
	s.up(0)
	for _, line := range []string{"a-2", "b-1", "c-2", "d-1"} {
		s.run(0, "exec", "--index", line[2:], "web", "--", "sh", "-c", "echo "+line+" > /tmp/say")
		s.logged(line)
	}
	t.Run("lines come in order of time, after who wrote them", s.logsAreInOrder)
	t.Run("what is not there is an error", s.logsOfNobody)
	t.Run("a replica that crashed is seen to have", s.logsOfACrash)
	t.Run("following goes on across restarts, updates and scaling", s.logsAreFollowed)
	t.Run("interrupted, it ends with 130 and says nothing", s.followingIsInterrupted)
	t.Run("what was removed can be read, with how it ended", s.logsOfTheRemoved)
	t.Run("a replica that comes back has a log of its own", s.logsOfTheReturned)
	t.Run("following ends when the environment is down", s.followingEndsWithDown)
}

// logged waits until the log of web has that.
func (s *site) logged(text string) {
	s.t.Helper()
	s.eventually("the log has "+text, func() bool { return strings.Contains(s.run(0, "logs", "web"), text) })
}

// crash ends the service with that exit code, and the command that says so with it if it is still there.
func (s *site) crash(code string) {
	s.try("exec", "crash", "--", "sh", "-c", "echo "+code+" > /tmp/fail")
}

func (s *site) logsAreInOrder(t *testing.T) {
	s = s.sub(t)
	want := []string{"web-2 | a-2", "web-1 | b-1", "web-2 | c-2", "web-1 | d-1"}
	got := linesOf(s.run(0, "logs", "web"))
	if got = slices.DeleteFunc(got, func(l string) bool { return strings.Contains(l, "version") }); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := linesOf(s.run(0, "logs", "-n", "1", "--no-prefix", "web")); !slices.Equal(got, []string{"c-2", "d-1"}) {
		t.Errorf("the last line of each is %q", got)
	}
	if got := s.run(0, "logs", "--since", time.Now().Add(time.Hour).Format(time.RFC3339), "web"); got != "" {
		t.Errorf("since a moment that is to come: %q", got)
	}
	if got := linesOf(s.run(0, "logs", "--since", "1h", "web")); len(got) != 6 {
		t.Errorf("since an hour ago: %q", got)
	}
	stamp, _, _ := strings.Cut(strings.TrimPrefix(linesOf(s.run(0, "logs", "-t", "web"))[5], "web-1 | "), " ")
	if _, err := time.Parse(time.RFC3339Nano, stamp); err != nil {
		t.Error(err)
	}
	var first struct {
		Type string
		Log  struct{ Service, Stream, Line string }
	}
	if err := json.NewDecoder(strings.NewReader(s.run(0, "logs", "--json", "web"))).Decode(&first); err != nil || first.Log.Service != "web" || first.Log.Stream != "stdout" {
		t.Errorf("as JSON: %+v, %v", first, err)
	}
	if all := s.run(0, "logs"); !strings.Contains(all, "crash-1 | up") || !strings.Contains(all, "web-1") {
		t.Errorf("without a service:\n%s", all)
	}
}

func (s *site) logsOfNobody(t *testing.T) {
	s = s.sub(t)
	s.refused(8, []string{"logs", "wbe"}, "no service wbe", "crash, web")
	s.refused(8, []string{"logs", "-f", "wbe"}, "no service wbe", "crash, web")
	s.refused(2, []string{"logs", "--since", "yesterday"}, "--since", "10m")
	s.refused(8, []string{"logs", "-e", "shop/nowhere"}, "nothing is deployed")
}

func (s *site) logsOfACrash(t *testing.T) {
	s = s.sub(t)
	s.eventually("it is up", func() bool { return strings.Contains(s.run(0, "logs", "crash"), "| up") }) // its two streams have no order
	s.crash("42")
	s.eventually("it is up again", func() bool { return strings.Count(s.run(0, "logs", "crash"), "| up") == 2 })
	want := []string{"crash-1 | up", "crash-1 | going down", "crash-1 exited with code 42", "crash-1 | up"}
	if got := linesOf(s.run(0, "logs", "crash")); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func (s *site) logsAreFollowed(t *testing.T) {
	s = s.sub(t)
	follow := s.session(s.command("logs", "-f", "-n", "0"))
	out := &follow.out
	s.eventually("what is written is followed", func() bool {
		s.run(0, "exec", "--index", "1", "web", "--", "sh", "-c", "echo live > /tmp/say")
		return strings.Contains(out.String(), "web-1 | live")
	})
	if strings.Contains(out.String(), "d-1") {
		t.Errorf("-n 0 shows what was:\n%s", out.String())
	}
	s.crash("43")
	shows := func(text string) {
		t.Helper()
		who, _, _ := strings.Cut(text, " ")
		s.eventually("it shows "+text, func() bool {
			its := slices.DeleteFunc(linesOf(out.String()), func(line string) bool { return !strings.HasPrefix(line, who+" ") }) // others may come between
			return strings.Contains(strings.Join(its, "\n"), text)
		})
	}
	shows("crash-1 | going down\ncrash-1 exited with code 43\ncrash-1 | up")
	s.edit("Dockerfile", "echo one", "echo two")
	s.up(0)
	shows("web-1 | version two")
	shows("web-2 | version two")
	shows("web-1 replaced by #2 (exited with code 137)")
	s.run(0, "scale", "web=3")
	shows("web-3 | version two")
	if n := strings.Count(out.String(), "exited with code 43"); n != 1 {
		t.Errorf("one end is told %d times:\n%s", n, out.String())
	}
	if err := follow.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	follow.ends()
}

func (s *site) followingIsInterrupted(t *testing.T) {
	s = s.sub(t)
	term := openTerminal(t, s.command("logs", "-f"))
	term.shows("version two")
	term.types("\x03")
	if code := term.ends(); code != 130 || strings.Contains(term.out.String(), "error") {
		t.Errorf("exit code %d:\n%s", code, term.out.String())
	}
	if !strings.Contains(term.out.String(), "\x1b[") {
		t.Error("names have no colour on a terminal")
	}
}

func (s *site) logsOfTheRemoved(t *testing.T) {
	s = s.sub(t)
	got := s.run(0, "logs", "--previous", "web")
	for _, want := range []string{"version one", "d-1", "exited with code 137", "version two"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing:\n%s", want, got)
		}
	}
	if strings.Contains(s.run(0, "logs", "web"), "version one") {
		t.Error("without --previous, too")
	}
}

func (s *site) logsOfTheReturned(t *testing.T) {
	s = s.sub(t)
	s.run(0, "rollback")
	s.logged("version one")
	if got := s.run(0, "logs", "web"); strings.Contains(got, "d-1") {
		t.Errorf("it says what an earlier one said:\n%s", got)
	}
	all := linesOf(s.run(0, "logs", "--previous", "web"))
	for _, want := range []string{"web-1#1 | d-1", "web-1#2 | version two", "web-1#4 | version one"} {
		if !slices.Contains(all, want) {
			t.Errorf("%q is missing in %q", want, all)
		}
	}
	if got := s.run(0, "logs", "--deployment", "1", "web"); !strings.Contains(got, "d-1") {
		t.Errorf("of the first deployment it shows:\n%s", got)
	}
}

func (s *site) followingEndsWithDown(t *testing.T) {
	s = s.sub(t)
	follow := s.started(s.command("logs", "-f", "web"), "version one")
	s.run(0, "down")
	if code := follow.ends(); code != 0 {
		t.Errorf("exit code %d:\n%s", code, follow.out.String())
	}
	if got := s.run(0, "logs", "--previous", "web"); !strings.Contains(got, "version one") {
		t.Errorf("after down nothing is left:\n%s", got)
	}
	s.refused(8, []string{"logs", "web"}, "nothing is deployed")
}

func linesOf(text string) []string {
	var all []string
	for line := range bytes.Lines([]byte(text)) {
		all = append(all, strings.Join(strings.Fields(string(line)), " ")) // names are padded
	}
	return all
}
