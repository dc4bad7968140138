package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestACrunThatIsNotUsedIsSpokenOf(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	bin := filepath.Join(s.tmp, "bin")
	s.write(filepath.Join(bin, "crun"), "#!/bin/sh\necho crun version 1.5\n")
	if err := os.Chmod(filepath.Join(bin, "crun"), 0o755); err != nil {
		t.Fatal(err)
	}
	s.env = []string{"PATH=" + bin + ":" + os.Getenv("PATH"), "SEAWORTHY_CONFIG=/dev/null"}
	s.run(0, "engine", "restart")
	const why = "crun 1.5 is older than 1.8"
	s.refused(0, []string{"engine", "status"}, "new ones with runc", "crun is not used: "+why)
	var info struct{ Runtime, NotCrun string }
	s.readJSON(&info, "engine", "status")
	if info.Runtime != "runc" || info.NotCrun != why {
		t.Errorf("engine status --json: %+v", info)
	}
	log, err := os.ReadFile(filepath.Join(s.root, "engine.log"))
	if err != nil || !strings.Contains(string(log), why) {
		t.Errorf("the log does not say it: %v\n%s", err, log)
	}

	s.write(filepath.Join(s.tmp, "runc.yaml"), "runtime: runc\n")
	s.env[1] = "SEAWORTHY_CONFIG=" + filepath.Join(s.tmp, "runc.yaml")
	s.run(0, "engine", "restart")
	if out := s.run(0, "engine", "status"); strings.Contains(out, "crun") {
		t.Errorf("nobody asked for crun:\n%s", out)
	}
}
