package cli

import (
	"testing"

	"github.com/seaworthyhq/seaworthy/internal/engine"
)

func TestAnEngineIsInstalledForItsOwnRootOnly(t *testing.T) {
	empty, dir := t.TempDir(), t.TempDir()
	if _, err := engine.WriteUnit(dir, "/usr/local/bin/seaworthy", "/srv/a"); err != nil {
		t.Fatal(err)
	}
	dirs := []string{empty, dir}
	if !installed(dirs, engine.UnitName, "/srv/a") {
		t.Error("the unit that was written is not found")
	}
	if installed(dirs, engine.UnitName, "/srv") || installed(dirs, engine.UnitName, "/srv/ab") {
		t.Error("it is taken for another root's")
	}
	if installed([]string{empty}, engine.UnitName, "/srv/a") {
		t.Error("it is found where it is not")
	}
}
