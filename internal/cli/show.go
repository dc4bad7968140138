package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/seaworthyhq/seaworthy/internal/api"
	"github.com/seaworthyhq/seaworthy/internal/tui"
)

func (a *app) show() *cobra.Command {
	return &cobra.Command{
		Use: "show [RELEASE]", Short: "What a release consists of and where it came from",
		Example: "  seaworthy show\n  seaworthy show local#2", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			env, err := a.targetEnvironment()
			if err != nil {
				return err
			}
			client, err := a.connect(cmd.Context())
			if err != nil {
				return err
			}
			info, err := client.Release(cmd.Context(), env, strings.Join(args, ""))
			if err != nil {
				return err
			}
			return a.result(info, func(out tui.Output) error { return writeRelease(out, info) })
		},
	}
}

func writeRelease(out tui.Output, info api.ReleaseInfo) error {
	fmt.Fprintln(out, info.ID)
	for _, o := range info.Origins {
		fmt.Fprintf(out, "  made by %s %s %s\n", o.Actor, tui.Ago(o.Time, time.Now()), originOf(o))
	}
	table := tui.NewTable("image", "digest", "platform")
	for _, img := range info.Release.Images() {
		table.Add(tui.Text(img.Ref), tui.Text(string(img.Digest)), tui.Text(img.Platform))
	}
	for _, b := range info.Release.Bases {
		table.Add(tui.Text(b.Ref+" (base)"), tui.Text(string(b.Digest)), tui.Text(""))
	}
	return table.Write(out)
}
