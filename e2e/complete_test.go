package e2e

import (
	"os"
	"os/exec"
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
	s.git("init", "-q")
	s.git("add", ".")
	s.git("commit", "-q", "-m", "one")
	s.git("tag", "v1.0")
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
		{[]string{"rollback", ""}, []string{"local#1", release, "v1.0"}},
		{[]string{"show", "r-"}, []string{release}},
		{[]string{"deploy", "local"}, []string{"local#1"}},
		{[]string{"deploy", "v"}, []string{"v1.0"}},
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
	s.edit("compose.yaml", "stop_grace_period: 1s", "stop_grace_period: 2s")
	s.run(0, "release")
	if got := s.completes("rollback", ""); len(got) != 3 {
		t.Errorf("nobody goes back to what has never served: %q", got)
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

// bare is a bash without Debian's package bash-completion: it is handed the words as bash breaks them, and says what it offers.
const bare = `
set -u
compopt() { :; } # outside of a completion it is an error
source <("$SEAWORTHY" completion bash) || exit
PATH=$(dirname "$SEAWORTHY"):$PATH
COMP_LINE=$1 COMP_POINT=${#1} COMP_TYPE=9
shift
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
__start_seaworthy
printf '%s\n' "${COMPREPLY[@]}"
`

func TestBashCompletesWithoutItsPackage(t *testing.T) {
	t.Parallel()
	s := newSite(t, keeper)
	s.up(0)
	for _, tc := range []struct {
		line  string
		words []string // as bash breaks them
		want  string
	}{
		{"seaworthy exe", []string{"seaworthy", "exe"}, "exec"},
		{"seaworthy exec ", []string{"seaworthy", "exec", ""}, "web"},
		{"seaworthy exec --env=shop/local ", []string{"seaworthy", "exec", "--env", "=", "shop/local", ""}, "web"},
		{"seaworthy exec --env=sh", []string{"seaworthy", "exec", "--env", "=", "sh"}, "shop/local"},
		{"seaworthy deploy local#", []string{"seaworthy", "deploy", "local#"}, "local#1"},
		{"seaworthy scale web", []string{"seaworthy", "scale", "web"}, "web="},
	} {
		cmd := exec.CommandContext(t.Context(), "bash", append([]string{"--norc", "-c", bare, "bash", tc.line}, tc.words...)...)
		cmd.Dir = s.dir
		cmd.Env = append(os.Environ(), append(s.env, "SEAWORTHY="+s.bin, "SEAWORTHY_ROOT="+s.root)...)
		out, err := cmd.CombinedOutput()
		if got := strings.TrimSpace(string(out)); err != nil || got != tc.want {
			t.Errorf("%q completes to %q (%v), want %q", tc.line, got, err, tc.want)
		}
	}
}
