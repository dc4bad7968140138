package program_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/seaworthyhq/seaworthy/internal/program"
)

// compile makes a program that differs from others by one word.
func compile(t *testing.T, path, word string) {
	t.Helper()
	source := filepath.Join(t.TempDir(), "main.go")
	if err := os.WriteFile(source, []byte("package main\n\nfunc main() { println(\""+word+"\") }\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path, source).CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
}

func install(t *testing.T, root, self string) program.Installed {
	t.Helper()
	installed, err := program.Install(root, self, "no-such-program", "one-name", "another")
	if err != nil {
		t.Fatal(err)
	}
	return installed
}

func TestAProgramIsLaidOutByItsContent(t *testing.T) {
	root, self := t.TempDir(), filepath.Join(t.TempDir(), "self")
	compile(t, self, "tick")
	first := install(t, root, self)
	if !first.Self {
		t.Error("a program that is nowhere is not played by self")
	}
	if again := install(t, root, self); again != first {
		t.Errorf("the same program is in %s and in %s", first.Dir, again.Dir)
	}
	compile(t, self, "tock") // as long as before
	second := install(t, root, self)
	if second == first {
		t.Error("another program takes the place of one that may run")
	}
	for _, name := range []string{"one-name", "another"} {
		for dir, want := range map[string]string{first.Dir: "tick\n", second.Dir: "tock\n"} {
			if out, err := exec.Command(filepath.Join(dir, name)).CombinedOutput(); err != nil || string(out) != want {
				t.Errorf("%s in %s says %q, %v; want %q", name, dir, out, err, want)
			}
		}
	}
}

func TestAProgramBesideSelfIsPreferred(t *testing.T) {
	dir := t.TempDir()
	self := filepath.Join(dir, "self")
	compile(t, self, "self")
	compile(t, filepath.Join(dir, "no-such-program"), "beside")
	installed := install(t, t.TempDir(), self)
	out, err := exec.Command(filepath.Join(installed.Dir, "one-name")).CombinedOutput()
	if installed.Self || err != nil || string(out) != "beside\n" {
		t.Errorf("%+v says %q, %v", installed, out, err)
	}
}
