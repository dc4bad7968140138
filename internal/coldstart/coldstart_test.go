package coldstart_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// The runtime tells of each collection. One while packages are initialized would mean that this one comes too late among them.
func TestNothingIsCollectedWhileACommandComesUp(t *testing.T) {
	t.Parallel()
	binary := filepath.Join(t.TempDir(), "seaworthy")
	build := exec.Command("go", "build", "-o", binary, "../..")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	version := exec.Command(binary, "--version")
	version.Env = append(os.Environ(), "GODEBUG=gctrace=1", "GOGC=100")
	var told bytes.Buffer
	version.Stderr = &told
	if err := version.Run(); err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(told.Bytes(), []byte("gc 1 @")) {
		t.Errorf("there was a collection:\n%s", told.Bytes())
	}
}
