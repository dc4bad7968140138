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
	if !installedWith(dirs, "/srv/a", "/etc/x.yaml") || installedWith(dirs, "/srv/a", "/etc/y.yaml") || installedWith(dirs, "/srv/a", SettingsPath) {
		t.Error("it is not told with which settings")
	}
	if installed(dirs, "/srv") || installed(dirs, "/srv/ab") {
		t.Error("it is taken for another root's")
	}
	if installed([]string{empty}, "/srv/a") {
		t.Error("it is found where it is not")
	}
	if _, err := WriteUnit(empty, "/usr/local/bin/seaworthy", "/srv/b", ""); err != nil {
		t.Fatal(err)
	}
	if !installedWith(dirs, "/srv/b", SettingsPath) {
		t.Error("a unit that names no settings has those of the default path")
	}
}
