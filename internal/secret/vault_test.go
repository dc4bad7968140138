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
	if err := open(t, dir).HandOver(production, want); err != nil {
		t.Fatal(err)
	}
	v := open(t, dir)
	got, err := v.Values(production, marked(v, want))
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
	if err := v.HandOver(production, map[string][]byte{"a": []byte("b")}); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(v.path(production), v.path(staging)); err != nil {
		t.Fatal(err)
	}
	if got, err := v.Latest(staging); err == nil {
		t.Errorf("got %v of another environment", got)
	}
}

func TestMarksTellValuesApartAndNothingElse(t *testing.T) {
	dir := t.TempDir()
	v := open(t, dir)
	mark := v.Mark(production, "token", []byte("one"))
	if again := open(t, dir).Mark(production, "token", []byte("one")); again != mark {
		t.Errorf("the same value has the marks %s and %s", mark, again)
	}
	others := map[string]release.Digest{
		"another value":       v.Mark(production, "token", []byte("two")),
		"another name":        v.Mark(production, "key", []byte("one")),
		"another environment": v.Mark(release.Environment{Project: "shop", Name: "staging"}, "token", []byte("one")),
		"another vault":       open(t, t.TempDir()).Mark(production, "token", []byte("one")),
		"no key at all":       release.DigestOf([]byte("one")),
	}
	for what, other := range others {
		if other == mark {
			t.Errorf("%s has the same mark", what)
		}
	}
}

func TestVaultKeepsValuesOfEarlierDeploymentsUntilToldToForget(t *testing.T) {
	v := open(t, t.TempDir())
	before := map[string][]byte{"token": []byte("one")}
	after := map[string][]byte{"token": []byte("two")}
	for _, values := range []map[string][]byte{before, after} {
		if err := v.HandOver(production, values); err != nil {
			t.Fatal(err)
		}
	}
	kept := func(values map[string][]byte) map[string][]byte {
		got, err := v.Values(production, marked(v, values))
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if diff := cmp.Diff(before, kept(before)); diff != "" {
		t.Errorf("the value before (-want +got):\n%s", diff)
	}
	if err := v.Forget(production, nil); err != nil {
		t.Fatal(err)
	}
	if got := kept(before); len(got) > 0 {
		t.Errorf("%q was to be forgotten", got)
	}
	if diff := cmp.Diff(after, kept(after)); diff != "" {
		t.Errorf("the latest value (-want +got):\n%s", diff)
	}
}

func TestVaultWithoutValuesKeepsNothing(t *testing.T) {
	v := open(t, t.TempDir())
	if err := v.HandOver(production, map[string][]byte{"a": []byte("b")}); err != nil {
		t.Fatal(err)
	}
	if err := v.HandOver(production, nil); err != nil {
		t.Fatal(err)
	}
	if err := v.Forget(production, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(v.path(production)); err == nil {
		t.Error("the file is still there")
	}
}

// marked are the secrets that stand for these values.
func marked(v *Vault, values map[string][]byte) []release.Secret {
	var all []release.Secret
	for name, mark := range v.Marks(production, values) {
		all = append(all, release.Secret{Name: name, Mark: mark})
	}
	return all
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
