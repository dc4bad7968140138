package engine

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRotateCutsALogThatIsOpenToAppend(t *testing.T) {
	path := filepath.Join(t.TempDir(), "engine.log")
	log, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	long := strings.Repeat("x", 100)
	for _, step := range []struct{ write, want, kept string }{
		{"short", "short", ""},
		{long, "", "short" + long},
		{"after", "after", "short" + long},
	} {
		fmt.Fprint(log, step.write)
		if err := rotate(path, 50); err != nil {
			t.Fatal(err)
		}
		if got, _ := os.ReadFile(path); string(got) != step.want {
			t.Errorf("after %.10q the log is %.20q, want %.20q", step.write, got, step.want)
		}
		if got, _ := os.ReadFile(path + ".1"); string(got) != step.kept {
			t.Errorf("after %.10q the earlier part is %.20q, want %.20q", step.write, got, step.kept)
		}
	}
}
