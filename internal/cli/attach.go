package cli

import (
	"context"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/seaworthyhq/seaworthy/internal/api"
	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/tui"
)

// commandFlags are the flags of the verbs that run a command.
type commandFlags struct {
	noTTY   bool
	noStdin bool
	user    string
	dir     string
	vars    []string
}

func (f *commandFlags) addTo(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.BoolVarP(&f.noTTY, "no-tty", "T", false, "make no terminal; by default there is one where input and output are one")
	flags.BoolVar(&f.noStdin, "no-stdin", false, "give the command no input")
	flags.StringVarP(&f.user, "user", "u", "", "run as this `user`, or user:group")
	flags.StringVarP(&f.dir, "workdir", "w", "", "run in this `directory` of the replica")
	flags.StringArrayVar(&f.vars, "env-var", nil, "set a variable, `KEY=value`, or pass KEY on")
	flags.SetInterspersed(false) // what comes after the service is the command's
}

// request is what the flags ask for.
func (f *commandFlags) request(env release.Environment, service string, command []string) api.ExecRequest {
	return api.ExecRequest{
		Environment: env, Service: service, Args: command, Actor: actor(),
		Env: variables(f.vars), User: f.user, WorkingDir: f.dir, Stdin: !f.noStdin,
	}
}

// variables are KEY=value; one without a value has the one of this process, or is left out.
func variables(vars []string) []string {
	var all []string
	for _, v := range vars {
		if !strings.Contains(v, "=") {
			value, set := os.LookupEnv(v)
			if !set {
				continue
			}
			v += "=" + value
		}
		all = append(all, v)
	}
	return all
}

// splitCommand reads SERVICE [flags] [--] CMD...: flags of the verb may stand behind the service, where -- ends them.
func splitCommand(cmd *cobra.Command, args []string) (service string, command []string, err error) {
	service, command = args[0], args[1:]
	if len(command) == 0 || !strings.HasPrefix(command[0], "-") {
		return service, command, nil
	}
	end := slices.Index(command, "--")
	if end < 0 {
		end = len(command)
	}
	if err := cmd.Flags().Parse(command[:end]); err != nil {
		return "", nil, usage(cmd, err)
	}
	rest := cmd.Flags().Args()
	return service, append(slices.Clone(rest), command[min(end+1, len(command)):]...), nil
}

// attach runs a command in a replica with the user's terminal, or what stands for it, at its other end. Its exit code becomes
// the verb's.
func (a *app) attach(ctx context.Context, req api.ExecRequest, noTTY bool) error {
	client, err := a.reach(ctx)
	if err != nil {
		return err
	}
	// From here on the command hears the signals: its end is the verb's.
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	signals, stop := forwardSignals(cancel)
	defer stop()
	user := api.ExecIO{Stdout: a.out, Stderr: a.err, Signals: signals}
	if req.Stdin {
		user.Stdin = a.in
	}
	if !noTTY && tui.IsTerminal(a.in) && tui.IsTerminal(a.out) {
		screen, err := openScreen(a.in, a.out)
		if err != nil {
			return err
		}
		defer screen.close()
		req.TTY, req.Width, req.Height, user.Resize = true, screen.width, screen.height, screen.sizes
	}
	code, err := client.Exec(ctx, req, user)
	if err == nil && code != 0 {
		err = exitError{code}
	}
	return err
}
