package e2e

import (
	"strings"
	"testing"
)

func TestASecretThatAReplicaPrintsIsToldNowhere(t *testing.T) {
	t.Parallel()
	s := newSite(t, map[string]string{
		"Dockerfile": `FROM busybox
STOPSIGNAL SIGKILL
HEALTHCHECK --interval=100ms --retries=1 CMD test ! -e /ill || { cat /run/secrets/token; false; }
CMD ["sh", "-c", "cd /run/secrets; for n in 16370 16376 32750; do head -c $n /dev/zero | tr '\\0' x; cat token; done; base64 token; sleep 1000000"]
`,
		"compose.yaml":  "services:\n  web: {build: ., secrets: [token], stop_grace_period: 1s}\nsecrets: {token: {file: token}}\n",
		"token":         "FORE-of-the-secret-AFT",
		".dockerignore": "token\n",
	})
	values := []string{"FORE", "AFT", "Rk9SRS1vZi10aGUtc2VjcmV0LUFGV"}
	conceals := func(told string) {
		t.Helper()
		for _, v := range values {
			if strings.Contains(told, v) {
				t.Errorf("%s is told:\n…%s", v, told[max(0, len(told)-500):])
			}
		}
	}
	s.up(0)
	s.eventually("all is written", func() bool { return strings.HasSuffix(s.run(0, "logs", "--no-prefix"), "•••\n") })
	conceals(s.run(0, "logs"))

	s.edit("Dockerfile", "STOPSIGNAL", "RUN touch /ill\nSTOPSIGNAL")
	r := s.try("up")
	if r.code != 6 || !strings.Contains(r.err, "it is unhealthy: •••") {
		t.Errorf("exit code %d:\n%s", r.code, r.err)
	}
	conceals(r.out + r.err)
	conceals(s.run(0, "exec", "web", "--", "touch", "/ill"))
	s.eventually("it is told to be ill", func() bool { return strings.Contains(s.run(0, "status"), "unhealthy") })
	for _, verb := range []string{"status", "status --json", "history", "history --json"} {
		r := s.try(strings.Fields(verb)...)
		conceals(r.out + r.err)
	}
	s.nowhereIn(s.root, []string{"FORE-of-the-secret-AFT"})
}
