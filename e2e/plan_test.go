package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// planned is a small service with a secret, whose content is a file of the context.
var planned = map[string]string{
	"Dockerfile": `FROM busybox AS content
RUN mkdir /www
COPY version /www/version

FROM content AS check
RUN test -s /www/version

FROM busybox
COPY --from=content /www /www
EXPOSE 8080
HEALTHCHECK --interval=1s CMD wget -q -O /dev/null http://localhost:8080/version
CMD ["httpd", "-f", "-p", "8080", "-h", "/www"]
`,
	"compose.yaml": `services:
  shop:
    build: .
    ports: ["0.0.0.0:{{port}}:8080"]
    environment: {LEVEL: info}
    secrets: [token]
    volumes: ["./app.conf:/etc/app.conf:ro"]
    stop_grace_period: 1s
secrets: {token: {file: ./token}}
`,
	"version":    "one",
	"token":      "open sesame",
	"app.conf":   "level = 3",
	".gitignore": "token\n",
}

func TestPlanSaysWhatUpWouldDoAndChangesNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t, planned)
	gitIn(t, s.dir, "init", "-q", "-b", "main")
	s.commit("shop: open")
	gitIn(t, s.dir, "tag", "v1.0")

	out := s.run(11, "plan", "--exit-code")
	for _, word := range []string{"+ shop", "start 1 replica", "the world can reach it"} {
		if !strings.Contains(out, word) {
			t.Errorf("the first plan does not say %q:\n%s", word, out)
		}
	}
	if all := s.run(0, "status", "--all", "--json"); strings.TrimSpace(all) != "[]" {
		t.Errorf("a plan has left an environment: %s", all)
	}
	s.refused(8, []string{"show"}, "nothing is deployed")

	s.up(0)
	s.run(0, "show", "v1.0")
	s.run(0, "plan", "--exit-code")
	t.Run("a release that differs elsewhere only says in what", func(t *testing.T) {
		s.write("seaworthy.yaml", "name: shop\nenvironments: {local: , staging: }\n")
		if out := s.run(11, "plan", "-e", "local", "--exit-code"); !strings.Contains(out, "they differ in the configuration of staging") {
			t.Errorf("the plan does not say what differs:\n%s", out)
		}
		if err := os.Remove(s.path("seaworthy.yaml")); err != nil {
			t.Fatal(err)
		}
	})
	before := s.run(0, "history", "--json")
	s.killEngine() // what it remembers has to outlive it
	s.write("version", "two")
	s.edit("compose.yaml", "LEVEL: info", "LEVEL: very-private")
	s.write("app.conf", "level = 4")
	s.commit("shop: two of them")
	s.write("version", "three")
	for range 2 { // the second time, everything comes from cache
		out = s.run(11, "plan", "--exit-code")
		for _, word := range []string{
			"~ shop", "replace 1 replica", "content: COPY version /www/version (Dockerfile:3)", "LEVEL changed", "file /etc/app.conf changed",
			"shop: two of them", "not committed: version", "changed: app.conf, compose.yaml, version", "move traffic to",
		} {
			if !strings.Contains(out, word) {
				t.Errorf("the plan does not say %q:\n%s", word, out)
			}
		}
		if strings.Contains(out, "the world can reach it") {
			t.Errorf("the plan warns of a port that has not changed:\n%s", out)
		}
		if strings.Contains(out, "very-private") {
			t.Errorf("the plan shows a value:\n%s", out)
		}
	}
	if after := s.run(0, "history", "--json"); before != after {
		t.Errorf("a plan was deployed:\n%s", after)
	}
	if got := s.get("version"); got != "one" {
		t.Errorf("a plan serves %q", got)
	}
}

func TestUpRunsExactlyThePlanOfAFile(t *testing.T) {
	t.Parallel()
	s := newSite(t, planned)
	file := filepath.Join(s.tmp, "shop.plan")
	s.run(0, "plan", "-o", file)
	if content, err := os.ReadFile(file); err != nil || strings.Contains(string(content), "open sesame") {
		t.Fatalf("the plan holds the secret: %v\n%s", err, content)
	}

	elsewhere := *s
	elsewhere.dir = t.TempDir()
	elsewhere.run(0, "up", file)
	if got := s.get("version"); got != "one" {
		t.Errorf("%q serves", got)
	}
	if got := s.run(0, "exec", "shop", "--", "cat", "/run/secrets/token"); got != "open sesame" {
		t.Errorf("the secret is %q", got)
	}
	if got := s.run(0, "exec", "shop", "--", "cat", "/etc/app.conf"); got != "level = 3" {
		t.Errorf("the carried file is %q", got)
	}
	s.refused(7, []string{"up", file}, "stale", "local#1", "seaworthy plan -o")
	s.run(0, "plan", "--exit-code")

	t.Run("what was handed over since makes another plan", func(t *testing.T) {
		s.write("version", "two")
		s.run(0, "plan", "-o", file)
		s.write("token", "shut sesame")
		s.run(0, "release")
		s.refused(7, []string{"up", file}, "stale", "secret token changed")
		if got := s.get("version"); got != "one" {
			t.Errorf("%q serves", got)
		}
	})
	t.Run("a plan that was changed by hand is refused", func(t *testing.T) {
		s.run(0, "plan", "-o", file)
		var content map[string]any
		raw, err := os.ReadFile(file)
		if err != nil || json.Unmarshal(raw, &content) != nil {
			t.Fatal(err)
		}
		serving := content["plan"].(map[string]any)["serving"]
		content["plan"].(map[string]any)["release"] = serving
		raw, err = json.Marshal(content)
		if err != nil {
			t.Fatal(err)
		}
		s.write(file, string(raw))
		s.refused(7, []string{"up", file}, "stale")
		s.write(file, "{}")
		s.refused(2, []string{"up", file}, "is not a plan")
		s.refused(2, []string{"up", file, "--pull"}, "--pull")
	})
}

// commit commits everything in the project.
func (s *site) commit(subject string) {
	s.t.Helper()
	gitIn(s.t, s.dir, "add", "-A")
	gitIn(s.t, s.dir, "commit", "-q", "-m", subject)
}

func gitIn(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null",
		"GIT_AUTHOR_NAME=t", "GIT_AUTHOR_EMAIL=t@example.com", "GIT_COMMITTER_NAME=t", "GIT_COMMITTER_EMAIL=t@example.com")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
}
