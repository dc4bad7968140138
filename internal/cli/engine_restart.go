package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/seaworthyhq/seaworthy/internal/api"
	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/tui"
)

func (a *app) engineRestart() *cobra.Command {
	return &cobra.Command{
		Use:   "restart",
		Short: "Replace the engine by one of this version; what runs goes on running",
		Long: lines(
			"Stops the engine and starts one of this binary, through systemd where that is what starts it. The new engine takes",
			"over the replicas and finishes what the old one had begun; the edge hands its sockets over, so no connection is lost."),
		Example: "  sudo seaworthy engine restart",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := needRoot("restart the engine"); err != nil {
				return err
			}
			return a.restartEngine(cmd.Context())
		},
	}
}

func (a *app) restartEngine(ctx context.Context) error {
	if a.installed() && a.systemctl(ctx, "is-active") == nil {
		if err := a.startInstalled(ctx, "restart"); err != nil {
			return err
		}
	} else if err := tui.Busy(a.err, "stopping the engine", func() error { return stopEngine(ctx, api.NewClient(a.root)) }); err != nil && !errors.Is(err, api.ErrNoEngine) {
		return err
	}
	client, err := a.connect(ctx)
	if err != nil {
		return err
	}
	info, err := client.Engine(ctx)
	if err != nil {
		return err
	}
	return a.result(info, func(out tui.Output) error {
		return out.Printf("engine %s runs, process %d\n", info.Version, info.PID)
	})
}

// noteVersion says when the engine is of another version than the command that spoke to it.
func (a *app) noteVersion() {
	if a.client == nil || a.json || a.quiet {
		return
	}
	if engine := a.client.EngineVersion(); engine != "" && engine != a.version {
		tui.Note(a.err, event.Message{
			Level: event.Warn, Text: fmt.Sprintf("the engine is %s, this is %s", engine, a.version),
			Hint: a.asTyped("seaworthy engine restart replaces it; what runs goes on running"),
		})
	}
}
