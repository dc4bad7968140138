package secret

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

var production = release.Environment{Project: "shop", Name: "production"}

func TestVaultKeepsValuesSealed(t *testing.T) {
	dir := t.TempDir()
	want := map[string][]byte{"db_password": []byte("correct horse battery staple")}
	if err := open(t, dir).Put(production, want); err != nil {
		t.Fatal(err)
	}
	got, err := open(t, dir).Get(production)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
	for _, path := range files(t, dir) {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(content, want["db_password"]) {
			t.Errorf("%s holds the value in clear", path)
		}
		if info, _ := os.Stat(path); info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s can be read by others: %v", path, info.Mode())
		}
	}
}

func TestVaultRefusesValuesOfAnotherEnvironment(t *testing.T) {
	v := open(t, t.TempDir())
	staging := release.Environment{Project: "shop", Name: "staging"}
	if err := v.Put(production, map[string][]byte{"a": []byte("b")}); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(v.path(production), v.path(staging)); err != nil {
		t.Fatal(err)
	}
	if got, err := v.Get(staging); err == nil {
		t.Errorf("got %v of another environment", got)
	}
}

func TestVaultWithoutValuesKeepsNothing(t *testing.T) {
	v := open(t, t.TempDir())
	if err := v.Put(production, map[string][]byte{"a": []byte("b")}); err != nil {
		t.Fatal(err)
	}
	if err := v.Put(production, nil); err != nil {
		t.Fatal(err)
	}
	if got, err := v.Get(production); err != nil || got != nil {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := os.Stat(v.path(production)); err == nil {
		t.Error("the file is still there")
	}
}

func open(t *testing.T, dir string) *Vault {
	t.Helper()
	v, err := OpenVault(dir)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func files(t *testing.T, dir string) []string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(all) == 0 {
		t.Fatalf("files of the vault: %v, %v", all, err)
	}
	return all
}
