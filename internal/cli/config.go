package cli

import (
	"encoding/json"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"

	"github.com/seaworthyhq/seaworthy/internal/tui"
)

func (a *app) config() *cobra.Command {
	return &cobra.Command{
		Use: "config", Short: "The project as it is understood, with every value resolved", Example: "  seaworthy config", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			p, err := a.load(cmd.Context(), nil)
			if err != nil {
				return err
			}
			return a.result(p, func(out tui.Output) error {
				raw, err := json.Marshal(p)
				if err != nil {
					return err
				}
				text, err := yaml.JSONToYAML(raw)
				if err != nil {
					return err
				}
				_, err = out.Write(text)
				return err
			})
		},
	}
}
