package api

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestWhoMayNotOpenTheSocketIsToldHowToJoin(t *testing.T) {
	path := filepath.Join(t.TempDir(), SocketName)
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := howToJoin(path); !strings.Contains(got, "groupadd --system seaworthy; sudo usermod -aG seaworthy $USER; sudo seaworthy engine restart") {
		t.Errorf("of a socket for root alone: %s", got)
	}
	if err := os.Chown(path, 0, 54321); err != nil {
		t.Skip(err)
	}
	if got := howToJoin(path); got != "join the group: sudo usermod -aG 54321 $USER" {
		t.Errorf("of a group's socket: %s", got)
	}
}
