package engine

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestUnitKeepsReplicasWhenTheEngineEnds(t *testing.T) {
	dir := t.TempDir()
	path, err := WriteUnit(dir, "/usr/local/bin/seaworthy", "/var/lib/seaworthy")
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(dir, "seaworthy.service"); path != want {
		t.Errorf("unit is %s, want %s", path, want)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	section := ""
	got := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			section = line
		}
		got[section+line] = true
	}
	for _, want := range []string{
		"[Service]ExecStart=/usr/local/bin/seaworthy engine run --root /var/lib/seaworthy",
		"[Service]KillMode=process",           // replicas and edge outlive it
		"[Service]Delegate=yes",               // systemd leaves the cgroups of replicas alone
		"[Service]Restart=on-failure",         // back when killed, but not when told to stop
		"[Install]WantedBy=multi-user.target", // and with the machine
	} {
		if !got[want] {
			t.Errorf("unit lacks %q:\n%s", want, text)
		}
	}
}
