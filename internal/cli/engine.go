package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/seaworthyhq/seaworthy/internal/api"
	"github.com/seaworthyhq/seaworthy/internal/phrase"
	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/tui"
)

// Engine is what the CLI needs of the engine it may have to become. It is handed in, since everything else goes through the API.
type Engine struct {
	Run           func(ctx context.Context, root, settings string, onDemand bool) error
	WriteUnit     func(dir, binary, root, settings string) (path string, err error)
	UnitName      string
	Installed     func(root string) bool           // whether systemd starts the engine of that state root
	InstalledWith func(root, settings string) bool // and its unit names this file
	SystemdRuns   func() bool
	SettingsPath  string
}

func (a *app) engine() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "engine",
		Short: "The long-running process that builds and runs",
	}
	parentOf(cmd)
	a.addPlain(cmd, a.engineRun(), a.engineInstall(), a.engineRestart(), a.engineStop(), a.engineStatus())
	return cmd
}

func (a *app) addPlain(parent *cobra.Command, commands ...*cobra.Command) {
	a.add(parent, "", commands...)
}

func (a *app) engineRun() *cobra.Command {
	var config string
	var starter int
	cmd := &cobra.Command{
		Use:     "run",
		Short:   "Run the engine in the foreground",
		Example: "  sudo seaworthy engine run",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := needRoot("run an engine"); err != nil {
				return err
			}
			tell := tellStarter(starter)
			err := a.engineParts.Run(cmd.Context(), a.root, config, starter != 0)
			tell(err)
			return err
		},
	}
	a.configFlag(cmd, &config)
	cmd.Flags().IntVar(&starter, starterFlag, 0, "")
	_ = cmd.Flags().MarkHidden(starterFlag) // it is there
	return cmd
}

// namedSettings is the variable that names the file of the engine's settings.
const namedSettings = "SEAWORTHY_CONFIG"

func (a *app) configFlag(cmd *cobra.Command, config *string) {
	text := "settings of the engine (docs/engine.md); by default " + a.engineParts.SettingsPath + ", where that is there"
	cmd.Flags().StringVar(config, "config", os.Getenv(namedSettings), text)
}

func (a *app) engineInstall() *cobra.Command {
	var unitDir, config string
	var noStart bool
	cmd := &cobra.Command{
		Use:   "install",
		Short: "Have systemd start the engine with the machine",
		Long: lines(
			"Writes a systemd unit for this binary and enables it, so that what runs comes back when the machine restarts.",
			"Replicas and edge outlive the engine: stopping or restarting the unit does not interrupt what serves."),
		Example: "  sudo seaworthy engine install",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := needRoot("install the engine"); err != nil {
				return err
			}
			return a.install(cmd.Context(), unitDir, config, !noStart)
		},
	}
	cmd.Flags().StringVar(&unitDir, "unit-dir", "/etc/systemd/system", "where the unit is written")
	a.configFlag(cmd, &config)
	cmd.Flags().BoolVar(&noStart, "no-start", false, "write the unit and do nothing else")
	return cmd
}

// installed is what scripts are told.
type installed struct {
	Unit    string `json:"unit"` // path
	Started bool   `json:"started"`
}

func (a *app) install(ctx context.Context, unitDir, config string, start bool) error {
	binary, err := os.Executable()
	if err != nil {
		return err
	}
	root, err := filepath.Abs(a.root)
	if err != nil {
		return err
	}
	if config, err = settingsFile(config); err != nil {
		return err
	}
	if start && !a.engineParts.SystemdRuns() {
		return noSystemd(root, config)
	}
	path, err := a.engineParts.WriteUnit(unitDir, binary, root, config)
	if err != nil {
		return &release.UserError{
			Kind: release.KindUsage, Err: fmt.Errorf("write unit: %w", err), Hint: "--unit-dir names a folder that is there and that systemd reads",
		}
	}
	if !start {
		return a.result(installed{Unit: path}, func(out tui.Output) error {
			return out.Printf("wrote %s\n", path)
		})
	}
	// An engine that was started on demand gives the state root to the one that systemd starts.
	if err := stopEngine(ctx, api.NewClient(a.root)); err != nil && !errors.Is(err, api.ErrNoEngine) {
		return err
	}
	for _, args := range [][]string{{"daemon-reload"}, {"enable", "--now", a.engineParts.UnitName}} {
		if out, err := exec.CommandContext(ctx, "systemctl", args...).CombinedOutput(); err != nil {
			return &release.UserError{
				Kind:   release.KindEngine,
				Err:    fmt.Errorf("systemctl %s: %w", strings.Join(args, " "), err),
				Detail: string(out),
				Hint:   "the unit is written; where systemd runs: systemctl enable --now " + a.engineParts.UnitName,
			}
		}
	}
	return a.result(installed{Unit: path, Started: true}, func(out tui.Output) error {
		return out.Printf("wrote %s\nengine enabled and started\n", path)
	})
}

// noSystemd is the error of an installation where nothing would start what is installed.
func noSystemd(root, config string) error {
	where := " --root " + root
	if config != "" {
		where += " --config " + config
	}
	return &release.UserError{
		Kind: release.KindEngine, Err: errors.New("no systemd runs on this machine"),
		Hint: "have the machine start seaworthy engine run" + where + "; --no-start writes the unit all the same",
	}
}

// settingsFile is the absolute path of the settings, which have to be there; empty: none were named.
func settingsFile(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	if _, err := os.Stat(path); err != nil {
		return "", &release.UserError{
			Kind: release.KindUsage, Err: fmt.Errorf("find settings: %w", err), Hint: "--config and " + namedSettings + " name the file: mend or unset them",
		}
	}
	return filepath.Abs(path)
}

// stopped is what scripts are told.
type stopped struct {
	Stopped  bool `json:"stopped"`  // false: none was running
	Replicas int  `json:"replicas"` // go on running
}

func (s stopped) String() string {
	switch {
	case !s.Stopped:
		return "no engine is running"
	case s.Replicas > 0:
		return "engine stopped; " + phrase.Count(s.Replicas, "replica") + " left running"
	}
	return "engine stopped"
}

func (a *app) engineStop() *cobra.Command {
	return &cobra.Command{
		Use:     "stop",
		Short:   "Stop the engine; what runs goes on running",
		Example: "  sudo seaworthy engine stop",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client := api.NewClient(a.root)
			info, err := client.Engine(cmd.Context())
			if err == nil {
				err = tui.Busy(a.err, "stopping the engine", func() error { return stopEngine(cmd.Context(), client) })
			}
			was := stopped{Stopped: err == nil, Replicas: info.Replicas}
			if err != nil && !errors.Is(err, api.ErrNoEngine) {
				return err
			}
			return a.result(was, func(out tui.Output) error {
				return out.Println(was.String())
			})
		},
	}
}

func (a *app) engineStatus() *cobra.Command {
	return &cobra.Command{
		Use:     "status",
		Short:   "Say whether the engine runs, since when, and what it does",
		Example: "  seaworthy engine status",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			info, err := api.NewClient(a.root).Engine(cmd.Context())
			if errors.Is(err, api.ErrNoEngine) {
				return a.noEngine(err)
			}
			if err != nil {
				return err
			}
			return a.result(info, func(out tui.Output) error {
				out.Printf("engine %s, process %d, since %s\n", info.Version, info.PID, tui.Ago(info.Started, time.Now()))
				out.Printf("root %s, edge process %d, %s running, new ones with %s\n", info.Root, info.Edge, phrase.Count(info.Replicas, "replica"), info.Runtime)
				if info.NotCrun != "" {
					out.Printf("crun is not used: %s\n", tui.Clean(info.NotCrun))
				}
				for _, b := range info.Busy {
					out.Printf("busy: %s\n", b)
				}
				return nil
			})
		},
	}
}

func (a *app) noEngine(err error) error {
	hint := "seaworthy up starts one"
	if a.engineParts.SystemdRuns() {
		hint += "; sudo seaworthy engine install has systemd start it with the machine"
	}
	return &release.UserError{Kind: release.KindEngine, Err: err, Hint: hint}
}

func needRoot(what string) error {
	if os.Geteuid() == 0 {
		return nil
	}
	return &release.UserError{
		Kind: release.KindDenied,
		Err:  fmt.Errorf("only root can %s", what),
		Hint: "sudo " + strings.Join(os.Args, " "),
	}
}
