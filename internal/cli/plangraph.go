package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/graph"
	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/tui"
)

// graphForms are how the graph can be written.
var graphForms = []string{"mermaid", "dot", "json"}

// writeGraph writes the stages of the project and their edges in the form that was asked for.
func (a *app) writeGraph(ctx context.Context, o planOptions) error {
	if err := a.mayWriteGraph(o); err != nil {
		return &release.UserError{Kind: release.KindUsage, Err: err, Hint: "seaworthy plan --graph mermaid, or dot, or json"}
	}
	p, err := a.load(ctx, o.profiles)
	if err != nil {
		return err
	}
	g := graph.New(p)
	for _, w := range slices.Concat(p.Warnings, g.Warnings) {
		if m := *w.Event().Message; m.Level == event.Warn || a.verbose {
			tui.Note(a.err, m)
		}
	}
	switch o.graph {
	case "mermaid":
		if beyond := g.BeyondMermaid(); beyond != "" {
			tui.Note(a.err, event.Message{Level: event.Warn, Text: beyond, Hint: "seaworthy plan --graph dot is for Graphviz, which has no such limits"})
		}
		_, err = io.WriteString(a.out, g.Mermaid())
	case "dot":
		_, err = io.WriteString(a.out, g.DOT())
	default:
		err = tui.WriteJSON(a.out, g)
	}
	return err
}

func (a *app) mayWriteGraph(o planOptions) error {
	switch {
	case !slices.Contains(graphForms, o.graph):
		return fmt.Errorf("--graph takes %s, not %q", strings.Join(graphForms, ", "), o.graph)
	case a.json && o.graph != "json":
		return fmt.Errorf("--json and --graph %s cannot both be had", o.graph)
	case o.file != "" || o.exitCode:
		return errors.New("--graph makes no plan: leave -o and --exit-code out")
	}
	return nil
}
