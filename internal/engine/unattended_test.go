package engine

import "testing"

func TestAnEngineIsInstalledForItsOwnRootOnly(t *testing.T) {
	empty, dir := t.TempDir(), t.TempDir()
	if _, err := WriteUnit(dir, "/usr/local/bin/seaworthy", "/srv/a", "/etc/x.yaml"); err != nil {
		t.Fatal(err)
	}
	dirs := []string{empty, dir}
	if !installed(dirs, "/srv/a") {
		t.Error("the unit that was written is not found")
	}
	if installed(dirs, "/srv") || installed(dirs, "/srv/ab") {
		t.Error("it is taken for another root's")
	}
	if installed([]string{empty}, "/srv/a") {
		t.Error("it is found where it is not")
	}
}
