package shim

import (
	"errors"
	"io/fs"
	"os/exec"
	"path/filepath"
	"testing"
)

func TestTheLogWriterIsToldFromOtherPartsOfItsProgram(t *testing.T) {
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "seaworthy-log")
	if out, err := exec.Command("cp", sleep, program).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	run := func(name string) int {
		cmd := exec.CommandContext(t.Context(), program, "600")
		cmd.Args[0] = name
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cmd.Wait() }) // ended with the context
		return cmd.Process.Pid
	}
	run("seaworthy-crun")
	if pid, err := childOf(program); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a log writer it found %d, %v", pid, err)
	}
	want := run(program)
	if pid, err := childOf(program); err != nil || pid != want {
		t.Errorf("found %d, %v, want %d", pid, err, want)
	}
}
