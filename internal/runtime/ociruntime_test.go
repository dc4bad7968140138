package runtime_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/seaworthyhq/seaworthy/internal/runtime"
)

func TestWhatACrunThatWasKilledLeavesGoesWithTheNextEngine(t *testing.T) {
	needsRoot(t)
	needsCrun(t)
	crun, err := exec.LookPath("crun")
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	told := filepath.Join(bin, "told")
	wrapper := "#!/bin/sh\necho \"$_LIBCONTAINER_STATEDIR\" >> " + told + "\nexec " + crun + " \"$@\"\n"
	if err := os.WriteFile(filepath.Join(bin, "crun"), []byte(wrapper), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	e := startWith(t, program, "crun")
	e.run("web-1", e.service("sleep", "600"))
	e.sh("web-1", "true")
	if err := e.Remove(t.Context(), "web-1"); err != nil {
		t.Fatal(err)
	}
	lines, err := os.ReadFile(told)
	if err != nil {
		t.Fatal(err)
	}
	folders := slices.Compact(strings.Fields(string(lines)))
	if len(folders) != 1 || strings.Count(string(lines), "\n") < 4 || filepath.Dir(folders[0]) != runtime.RunDir(e.root) {
		t.Fatalf("crun had its temporary files in:\n%s", lines)
	}
	left := filepath.Join(folders[0], "crun.LEFTIT")
	if err := os.WriteFile(left, nil, 0); err != nil {
		t.Fatal(err)
	}
	e.close()
	e.open()
	if _, err := os.Stat(left); !os.IsNotExist(err) {
		t.Errorf("the file is still there: %v", err)
	}
}
