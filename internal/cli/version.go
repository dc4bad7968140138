package cli

import (
	"github.com/spf13/cobra"

	"github.com/seaworthyhq/seaworthy/internal/api"
	"github.com/seaworthyhq/seaworthy/internal/tui"
)

// versions are what scripts are told.
type versions struct {
	Version string `json:"version"`
	Engine  string `json:"engine,omitempty"` // empty: none runs, or it cannot be asked
}

func (a *app) versionVerb() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "The version of this program, and of the engine that runs", Example: "  seaworthy version", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			info, _ := api.NewClient(a.root).Engine(cmd.Context()) // none is an answer
			return a.result(versions{a.version, info.Version}, func(out tui.Output) error {
				out.Println("seaworthy " + a.version)
				if info.Version != "" {
					out.Println("engine " + info.Version)
				}
				return nil
			})
		},
	}
}
