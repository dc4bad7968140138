package cli

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

func TestWhatCannotBeAPlanIsNotRead(t *testing.T) {
	dir := t.TempDir()
	pipe, large := filepath.Join(dir, "pipe"), filepath.Join(dir, "large")
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(large, []byte(`{"schema": "seaworthy plan 1"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(large, maxPlan+1); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{pipe, large} {
		read := make(chan error, 1)
		go func() {
			_, err := readPlanFile(path)
			read <- err
		}()
		select {
		case err := <-read:
			if want := path + " is not a plan"; err == nil || err.Error() != want || release.KindOf(err) != release.KindUsage {
				t.Errorf("got %v, want %s", err, want)
			}
		case <-time.After(10 * time.Second):
			t.Errorf("%s is read", path)
		}
	}
}
