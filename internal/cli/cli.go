// Package cli is what a user types: one file per verb, each its options, its declaration and what it runs. It holds what is
// the user's (files, build context, terminal) and reaches everything else through the engine's API.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"

	"github.com/seaworthyhq/seaworthy/internal/api"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

//go:generate go test -run ^TestReferenceIsInStep$ -update .

// DefaultRoot is the state root unless --root or SEAWORTHY_ROOT says otherwise.
const DefaultRoot = "/var/lib/seaworthy"

// app is one call of the command line.
type app struct {
	in       io.Reader
	out, err io.Writer
	version  string

	engineParts Engine
	client      *api.Client         // once connected
	answered    bool                // a result is printed
	here        release.Environment // the one that the directory and -e name; zero: not known yet

	root        string
	dir         string
	environment string
	json        bool
	plain       bool
	quiet       bool
	verbose     bool
	yes         bool
}

// sameInterrupt is how close to each other two interrupts are one: timeout and some shells send it to a process and to its group.
const sameInterrupt = 200 * time.Millisecond

// Main runs the command line and returns the exit code (docs/exit-codes.md).
func Main(version string, args []string, engine Engine) int {
	logrus.SetOutput(io.Discard) // compose-go says there what project says better
	// The first interrupt ends the call in order; a second one ends the process at once.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, func() { time.AfterFunc(sameInterrupt, stop) })
	a := &app{in: os.Stdin, out: os.Stdout, err: os.Stderr, version: version, engineParts: engine}
	root := a.command()
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	a.noteVersion()
	if exit, ok := errors.AsType[exitError](err); ok {
		return exit.code
	}
	if err != nil && ctx.Err() != nil && release.KindOf(err) != release.KindInterrupted {
		err = interrupted("interrupted", "")
	}
	a.fail(cmd, args, err)
	return release.ExitCode(err)
}

// exitError ends the process with the exit code of a command that ran in a replica.
type exitError struct{ code int }

func (e exitError) Error() string { return fmt.Sprintf("exit code %d", e.code) }

func (a *app) command() *cobra.Command {
	root := &cobra.Command{
		Use:   "seaworthy",
		Short: "Run a multi-stage Dockerfile's whole life: check, package, deploy, scale, update, roll back",
		Long: `Seaworthy takes an ordinary multi-stage Dockerfile and runs the rest of the application's life from it.

In a directory with a Dockerfile, "seaworthy up" builds it stage by stage, runs its checks, and brings the
service up on this machine; run again, it updates the service without a failed request.`,
		Version:           a.version,
		SilenceErrors:     true,
		SilenceUsage:      true,
		PersistentPreRunE: a.rejectClashes,
	}
	parentOf(root)
	flags := root.PersistentFlags()
	flags.StringVar(&a.root, "root", envOr("SEAWORTHY_ROOT", DefaultRoot), "state root of the engine")
	flags.StringVarP(&a.dir, "directory", "C", ".", "directory of the project")
	flags.StringVarP(&a.environment, "env", "e", os.Getenv("SEAWORTHY_ENV"), "environment, or project/environment where there is no checkout")
	flags.BoolVar(&a.json, "json", false, "print JSON: a result, or one event a line")
	flags.BoolVar(&a.plain, "plain", false, "print steady lines even on a terminal")
	flags.BoolVarP(&a.quiet, "quiet", "q", false, "print only warnings, failures and the outcome")
	flags.BoolVarP(&a.verbose, "verbose", "v", false, "print every stage, instruction and line of log")
	flags.BoolVarP(&a.yes, "yes", "y", false, "answer what is asked with yes")
	root.SetFlagErrorFunc(usage)
	root.AddGroup(
		&cobra.Group{ID: "life", Title: "From Dockerfile to running service:"},
		&cobra.Group{ID: "look", Title: "Look:"},
		&cobra.Group{ID: "run", Title: "Change what runs:"},
		&cobra.Group{ID: "keep", Title: "Keep house:"},
	)
	a.add(root, "life", streams(a.up(), a.plan(), a.build(), a.release(), a.deploy())...)
	a.add(root, "look", a.status(), a.history(), a.show(), a.why(), a.ledger(), a.config(), a.export())
	a.add(root, "look", streams(a.logs())...)
	a.add(root, "run", streams(a.scale(), a.rollback(), a.restart(), a.down())...)
	a.add(root, "run", a.resume(), a.exec(), a.run())
	a.add(root, "keep", a.gc(), a.volume(), a.engine(), a.completion(), a.versionVerb())
	root.SetHelpCommandGroupID("keep")
	strictHelp(root)
	a.addCompletion(root)
	a.addHabits(root)
	return root
}

// add puts commands below parent; wrong arguments of each get its own usage as a hint.
func (a *app) add(parent *cobra.Command, group string, commands ...*cobra.Command) {
	for _, cmd := range commands {
		cmd.GroupID = group
		cmd.SuggestFor = habits[cmd.Name()]
		if check := cmd.Args; check != nil {
			cmd.Args = func(cmd *cobra.Command, args []string) error {
				if err := check(cmd, args); err != nil {
					return usage(cmd, err)
				}
				return nil
			}
		}
		parent.AddCommand(cmd)
	}
}

// connect returns a client of the engine, which is started if it does not run.
func (a *app) connect(ctx context.Context) (*api.Client, error) {
	client := api.NewClient(a.root)
	err := client.Reach(ctx)
	if errors.Is(err, api.ErrNoEngine) {
		err = a.startEngine(ctx, client)
	}
	a.client = client
	return client, err
}

// reach is connect for verbs about what is there. Where no engine has ever run nothing is, and none is started to say so: a
// root that was mistyped stays as it is.
func (a *app) reach(ctx context.Context) (*api.Client, error) {
	if a.neverRan() {
		return nil, &release.UserError{
			Kind: release.KindEngine, Err: fmt.Errorf("no engine has ever run in %s", a.root),
			Hint: "seaworthy up starts one; another state root is named with --root or SEAWORTHY_ROOT",
		}
	}
	return a.connect(ctx)
}

func (a *app) neverRan() bool {
	_, err := os.Stat(filepath.Join(a.root, api.DatabaseName))
	return errors.Is(err, fs.ErrNotExist)
}

func envOr(name, other string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return other
}

func lines(text ...string) string { return strings.Join(text, "\n") }
