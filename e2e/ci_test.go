package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The jobs of docs/ci.md are run as they stand there, each in a shell of its own.
func TestRecipeForCIWorksAsWritten(t *testing.T) {
	t.Parallel()
	s := newSite(t, map[string]string{
		"Dockerfile":     "FROM busybox AS builder\nRUN mkdir /www && echo one > /www/index.html\nFROM builder AS test\nRUN grep one /www/index.html\nFROM busybox\nCOPY --from=builder /www /www\nCMD [\"httpd\", \"-f\", \"-p\", \"8080\", \"-h\", \"/www\"]\nEXPOSE 8080\n",
		"compose.yaml":   "services: {web: {build: ., stop_signal: SIGKILL, ports: [\"127.0.0.1:{{port}}:8080\"]}}\n",
		"seaworthy.yaml": "name: shop\nenvironments:\n  staging: {services: {web: {ports: [\"127.0.0.1:0:8080\"]}}}\n  production: {}\n",
	})
	s.git("init", "-q")
	s.git("add", ".")
	s.git("commit", "-q", "-m", "one")
	recipe, err := os.ReadFile("../docs/ci.md")
	if err != nil {
		t.Fatal(err)
	}
	jobs := regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(recipe), -1)
	if len(jobs) == 0 {
		t.Fatal("docs/ci.md has no jobs")
	}
	out := ""
	for _, job := range jobs {
		cmd := exec.CommandContext(t.Context(), "bash", "-c", job[1])
		cmd.Dir = s.dir
		cmd.Env = append(os.Environ(), append(s.env, "SEAWORTHY_ROOT="+s.root, "PATH="+filepath.Dir(s.bin)+":"+os.Getenv("PATH"))...)
		said, err := cmd.CombinedOutput()
		if out = string(said); err != nil {
			t.Fatalf("%s%v\n%s", job[1], err, out)
		}
	}
	if !strings.HasPrefix(out, "production r-") || !strings.HasSuffix(out, " web 1/1\n") {
		t.Errorf("the report says %q", out)
	}
	if got := s.get(""); got != "one" {
		t.Errorf("production answers %q", got)
	}
}
