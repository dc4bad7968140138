package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestShellsCompleteWhatThereIs(t *testing.T) {
	t.Parallel()
	s := newSite(t, keeper)
	if got := s.completes("exec", ""); len(got) > 0 {
		t.Errorf("before anything runs: %q", got)
	}
	if _, err := os.Stat(filepath.Join(s.root, "engine.sock")); err == nil {
		t.Fatal("an engine was started to complete a word")
	}
	s.up(0)
	release := s.status().Release[:10]
	for _, tc := range []struct {
		args []string
		want []string
	}{
		{[]string{"exec", ""}, []string{"web"}},
		{[]string{"run", "w"}, []string{"web"}},
		{[]string{"logs", "-f", ""}, []string{"web"}},
		{[]string{"logs", "web", ""}, nil},
		{[]string{"restart", ""}, []string{"web"}},
		{[]string{"scale", ""}, []string{"web="}},
		{[]string{"rollback", ""}, []string{"local#1", release}},
		{[]string{"show", "r-"}, []string{release}},
		{[]string{"deploy", "local"}, []string{"local#1"}},
		{[]string{"volume", "export", ""}, []string{"data"}},
		{[]string{"status", "-e", ""}, []string{"local", "shop/local"}},
		{[]string{"exec", "-e", "shop/local", ""}, []string{"web"}},
	} {
		got := s.completes(tc.args...)
		for i := range got { // the word on what it is
			got[i], _, _ = strings.Cut(got[i], "\t")
		}
		if !slices.Equal(got, tc.want) {
			t.Errorf("%q completes to %q, want %q", tc.args, got, tc.want)
		}
	}
}

// completes is what a shell offers for the last of these words.
func (s *site) completes(words ...string) []string {
	s.t.Helper()
	out, err := s.command(append([]string{"__complete"}, words...)...).Output()
	if err != nil {
		s.t.Fatalf("complete %q: %v", words, err)
	}
	var offered []string
	for line := range strings.Lines(string(out)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, ":") {
			offered = append(offered, line)
		}
	}
	return offered
}
