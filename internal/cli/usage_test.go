package cli

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

// typed runs a command line where there is no engine, and returns the error for its user.
func typed(t *testing.T, args ...string) *release.UserError {
	t.Helper()
	a := &app{in: new(emptyInput), out: io.Discard, err: io.Discard}
	root := a.command()
	root.SetArgs(append(args, "--root", filepath.Join(t.TempDir(), "none")))
	root.SetOut(io.Discard)
	user, _ := errors.AsType[*release.UserError](root.ExecuteContext(t.Context()))
	return user
}

type emptyInput struct{}

func (*emptyInput) Read([]byte) (int, error) { return 0, io.EOF }

func TestWrongArgumentsAreNamed(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.Mkdir("web", 0o755); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		args      []string
		err, hint string
	}{
		{[]string{"deploy"}, "RELEASE is missing: seaworthy deploy RELEASE", "seaworthy deploy --help"},
		{[]string{"show", "a", "b", "c"}, "b c is too much: seaworthy show [RELEASE]", "seaworthy show --help"},
		{[]string{"volume", "import"}, "NAME is missing: seaworthy volume import NAME [FILE]", "seaworthy volume import --help"},
		{[]string{"scale"}, "SERVICE=N... is missing: seaworthy scale SERVICE=N...", "seaworthy scale --help"},
		{[]string{"up", "web"}, "up takes no service names, and web is no file", whatUpTakes}, // a directory
		{[]string{"run", "-d", "web"}, "a command is waited for: there is no -d", "what goes on running beside the others is a service of compose.yaml"},
		{[]string{"up", "--force-recreate"}, "up leaves alone what did not change", "seaworthy restart starts replicas anew"},
		{[]string{"run", "-e", "DEBUG=1", "web"}, "-e names an environment, which DEBUG=1 cannot be", "a variable for the command of exec or run is set with --env-var DEBUG=1"},
		{[]string{"down", "-v"}, "-v may mean the volumes or more words here", "seaworthy down --volumes removes the volumes and all data in them; --verbose says more"},
	} {
		got := typed(t, row.args...)
		if got == nil {
			t.Errorf("%v passed", row.args)
			continue
		}
		if diff := cmp.Diff([]string{string(release.KindUsage), row.err, row.hint}, []string{string(got.Kind), got.Err.Error(), got.Hint}); diff != "" {
			t.Errorf("%v: -want +got\n%s", row.args, diff)
		}
	}
}

func TestHabitsOfComposeAreUnderstood(t *testing.T) {
	for _, args := range [][]string{
		{"up", "-d", "--build", "--remove-orphans"},
		{"exec", "-it", "web", "sh"},
		{"run", "--rm", "-it", "web", "sh"},
		{"down", "--remove-orphans", "--verbose"},
	} {
		cmd, rest, err := commandForDocs().Find(args)
		if err == nil {
			err = cmd.ParseFlags(rest)
		}
		if err != nil {
			t.Errorf("%v: %v", args, err)
		}
	}
}
