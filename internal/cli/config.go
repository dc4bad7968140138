package cli

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"

	"github.com/seaworthyhq/seaworthy/internal/graph"
	"github.com/seaworthyhq/seaworthy/internal/project"
	"github.com/seaworthyhq/seaworthy/internal/tui"
)

func (a *app) config() *cobra.Command {
	var profiles []string
	cmd := &cobra.Command{
		Use:   "config",
		Short: "The project as it is understood, all files merged and every value resolved",
		Long: lines(
			"Prints what the Dockerfile, the compose files and seaworthy.yaml come to for an environment: its services with every",
			"variable resolved, its stages with what each is for, and where secrets come from. Values of secrets are not read.",
			"Values of environment variables are shown: they are no secrets to whoever can read the files."),
		Example: lines(
			"  seaworthy config",
			"  seaworthy config -e staging --json"),
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			p, err := a.load(cmd.Context(), profiles)
			if err != nil {
				return err
			}
			for _, w := range p.Warnings {
				tui.Note(a.err, *w.Event().Message)
			}
			return a.result(graph.Of(p), func(out tui.Output) error { return writeProject(out, p) })
		},
	}
	cmd.Flags().StringSliceVar(&profiles, "profile", nil, "Compose profiles, besides those that seaworthy.yaml names")
	return cmd
}

// writeProject writes the project as YAML: not a file that could be read again, but one that reads like them.
func writeProject(out tui.Output, p *project.Project) error {
	doc := yaml.MapSlice{
		{Key: "name", Value: p.Name},
		{Key: "environment", Value: p.Environment.Name},
		{Key: "host", Value: p.Environment.Host},
	}
	services := yaml.MapSlice{}
	for _, s := range p.Environment.Services {
		shown, err := shownService(p, s)
		if err != nil {
			return err
		}
		services = append(services, yaml.MapItem{Key: s.Name, Value: shown})
	}
	doc = append(doc, yaml.MapItem{Key: "services", Value: services})
	for _, part := range []struct {
		key   string
		value yaml.MapSlice
	}{
		{"networks", shownNetworks(p)}, {"volumes", shownVolumes(p)}, {"secrets", shownSecrets(p)}, {"stages", shownStages(p)},
	} {
		if len(part.value) > 0 {
			doc = append(doc, yaml.MapItem{Key: part.key, Value: part.value})
		}
	}
	if len(p.Others) > 0 {
		var names []string
		for _, e := range p.Others {
			names = append(names, e.Name)
		}
		doc = append(doc, yaml.MapItem{Key: "other environments", Value: names})
	}
	text, err := yaml.MarshalWithOptions(doc, yaml.Indent(2), yaml.IndentSequence(true))
	if err != nil {
		return fmt.Errorf("write project: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		if err := out.Printf("%s\n", tui.Clean(strings.TrimSuffix(line, "\n"))); err != nil {
			return err
		}
	}
	return nil
}

// shownService is a service with its image before everything else.
func shownService(p *project.Project, s project.Service) (yaml.MapSlice, error) {
	raw, err := json.Marshal(s.Service)
	if err != nil {
		return nil, err
	}
	var fields yaml.MapSlice
	if err := yaml.UnmarshalWithOptions(raw, &fields, yaml.UseOrderedMap()); err != nil {
		return nil, err
	}
	shown := yaml.MapSlice{{Key: "image", Value: s.Ref}}
	if s.Build != nil {
		shown = yaml.MapSlice{{Key: "build", Value: builtFrom(p, s.Build)}}
	}
	for _, f := range fields {
		if f.Key != "name" && f.Key != "image" {
			shown = append(shown, yaml.MapItem{Key: f.Key, Value: octalModes(f.Value)})
		}
	}
	return shown, nil
}

// builtFrom says which stage of which Dockerfile a service is.
func builtFrom(p *project.Project, b *project.BuildRef) string {
	text := ""
	if stage := p.Stage(b.Stage); stage != nil {
		text = "stage " + stage.Name
	}
	if d := p.Dockerfile(b.Dockerfile); d != nil {
		text += " of " + inProject(p, d.File)
	}
	return text
}

// octalModes writes permissions as people do.
func octalModes(v any) any {
	switch v := v.(type) {
	case yaml.MapSlice:
		for i := range v {
			if n, ok := v[i].Value.(uint64); ok && v[i].Key == "mode" {
				v[i].Value = fmt.Sprintf("0%o", n)
				continue
			}
			v[i].Value = octalModes(v[i].Value)
		}
	case []any:
		for i := range v {
			v[i] = octalModes(v[i])
		}
	}
	return v
}

func shownNetworks(p *project.Project) (all yaml.MapSlice) {
	for _, n := range p.Environment.Networks {
		text := "with a way out"
		if n.Internal {
			text = "internal"
		}
		all = append(all, yaml.MapItem{Key: n.Name, Value: text})
	}
	return all
}

func shownVolumes(p *project.Project) (all yaml.MapSlice) {
	for _, v := range p.Environment.Volumes {
		text := "made where it is missing"
		if v.External {
			text = "has to be there"
		}
		all = append(all, yaml.MapItem{Key: v.Name, Value: text})
	}
	return all
}

// shownSecrets says where values come from, never what they are.
func shownSecrets(p *project.Project) (all yaml.MapSlice) {
	for _, s := range p.Environment.Secrets {
		from := "the variable " + s.Variable
		if s.File != "" {
			from = "the file " + inProject(p, s.File)
		}
		all = append(all, yaml.MapItem{Key: s.Name, Value: "from " + from})
	}
	return all
}

func shownStages(p *project.Project) (all yaml.MapSlice) {
	for _, n := range graph.New(p).Nodes {
		text := string(n.Role)
		if n.Skipped {
			text += ", skipped"
		}
		if n.Why != "" {
			text += ": " + n.Why
		}
		all = append(all, yaml.MapItem{Key: n.FullName(), Value: text})
	}
	return all
}

// inProject is a path as seen from the project's directory.
func inProject(p *project.Project, path string) string {
	if rel, err := filepath.Rel(p.Dir, path); err == nil && filepath.IsAbs(path) && !strings.HasPrefix(rel, "..") {
		return rel
	}
	return path
}
