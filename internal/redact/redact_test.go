package redact_test

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seaworthyhq/seaworthy/internal/redact"
)

func TestSecretsAreBlankedHoweverTheyAreWritten(t *testing.T) {
	key := "-----BEGIN KEY-----\n" + strings.Repeat("abcdefghijklmnop\n", 9) + "-----END KEY-----\n"
	r := redact.New([]byte("first-line\nsecond-line\n"), []byte("first-line-and-more"), []byte(key), []byte("abc"))
	for name, tc := range map[string]struct{ text, want string }{
		"each line":            {"it is first-line, then second-line", "it is •••, then •••"},
		"one begins as two":    {"first-line-and-more", "•••"},
		"too short to say":     {"abc", "abc"},
		"base64 of all lines":  {base64.StdEncoding.EncodeToString([]byte(key)), "•••"},
		"no secret":            {"nothing here", "nothing here"},
		"between other things": {`{"key":"second-line"}`, `{"key":"•••"}`},
	} {
		if got := r.Text([]byte(tc.text)); got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}

func TestACutLeavesNoPartOfASecret(t *testing.T) {
	long := strings.Repeat("0123456789", 10)
	for name, tc := range map[string]struct {
		secrets  []string
		text     string
		at, want int
	}{
		"no secret":                    {nil, "abcdefghij", 5, 5},
		"in a character":               {nil, "abcdåfghij", 5, 4},
		"in a secret":                  {[]string{"secret"}, "abcsecretdef", 6, 3},
		"behind a secret":              {[]string{"secret"}, "abcsecretdef", 9, 9},
		"before a secret":              {[]string{"secret"}, "abcsecretdef", 3, 3},
		"in a secret that meets one":   {[]string{"secret", "abcdsec"}, "xxabcdsecretdef", 10, 2},
		"in a secret from the start":   {[]string{long}, long + "abc", 50, 100},
		"in the last byte of a secret": {[]string{"secret"}, "abcsecretdef", 8, 3},
	} {
		var secrets [][]byte
		for _, s := range tc.secrets {
			secrets = append(secrets, []byte(s))
		}
		if got := redact.New(secrets...).Cut([]byte(tc.text), tc.at); got != tc.want {
			t.Errorf("%s: cut at %d, want %d", name, got, tc.want)
		}
	}
}

func TestFilesOfAFolderAreSecrets(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{"0": "open-sesame\n", "1": "hush-hush"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o400); err != nil {
			t.Fatal(err)
		}
	}
	r, err := redact.Files(dir)
	if got := r.Text([]byte("open-sesame hush-hush")); err != nil || got != "••• •••" {
		t.Errorf("got %q, %v", got, err)
	}
	none, err := redact.Files(filepath.Join(dir, "missing"))
	if got := none.Text([]byte("open-sesame")); err != nil || got != "open-sesame" || none.Longest() != 0 {
		t.Errorf("without a folder: %q, %v", got, err)
	}
}
