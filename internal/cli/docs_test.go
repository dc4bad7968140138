package cli

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

var update = flag.Bool("update", false, "write docs/reference.md")

const referenceHead = `# Reference

<!-- Generated from internal/cli: go generate ./internal/cli -->

Every verb with its options, as ` + "`--help`" + ` shows it; [verbs](verbs.md) says how they belong together.
`

func TestReferenceIsInStep(t *testing.T) {
	var b bytes.Buffer
	b.WriteString(referenceHead)
	root := commandForDocs()
	writeOptions(&b, "All verbs take", root.PersistentFlags())
	for _, group := range root.Groups() {
		fmt.Fprintf(&b, "\n## %s\n", strings.TrimSuffix(group.Title, ":"))
		for _, cmd := range root.Commands() {
			if cmd.GroupID == group.ID && cmd.Name() != "help" {
				writeCommand(&b, cmd)
			}
		}
	}
	const path = "../../docs/reference.md"
	if *update {
		if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(b.String(), string(got)); diff != "" {
		t.Errorf("docs/reference.md is out of step (go generate ./internal/cli): -want +got\n%s", diff)
	}
}

func TestEveryVerbIsExplained(t *testing.T) {
	verbs, err := os.ReadFile("../../docs/verbs.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, cmd := range leaves(commandForDocs()) {
		if cmd.Short == "" || cmd.Example == "" {
			t.Errorf("%s lacks a description or an example", cmd.CommandPath())
		}
		if name := strings.TrimPrefix(cmd.CommandPath(), "seaworthy "); !strings.Contains(string(verbs), strings.Fields(name)[0]) {
			t.Errorf("docs/verbs.md does not know %s", name)
		}
		if !strings.Contains(cmd.Example, "seaworthy "+strings.TrimPrefix(cmd.CommandPath(), "seaworthy ")) {
			t.Errorf("the example of %s does not show it: %s", cmd.CommandPath(), cmd.Example)
		}
	}
}

func commandForDocs() *cobra.Command {
	for _, name := range []string{"SEAWORTHY_ROOT", "SEAWORTHY_ENV", "SEAWORTHY_CONFIG"} { // they show as defaults
		os.Unsetenv(name)
	}
	return (&app{engineParts: Engine{SettingsPath: "/etc/seaworthy/engine.yaml"}}).command()
}

func leaves(cmd *cobra.Command) []*cobra.Command {
	if !cmd.HasSubCommands() {
		return []*cobra.Command{cmd}
	}
	var all []*cobra.Command
	for _, c := range cmd.Commands() {
		if c.Name() != "help" {
			all = append(all, leaves(c)...)
		}
	}
	return all
}

func writeCommand(b *bytes.Buffer, cmd *cobra.Command) {
	if cmd.HasSubCommands() {
		for _, sub := range cmd.Commands() {
			writeCommand(b, sub)
		}
		return
	}
	text := cmd.Long
	if text == "" {
		text = cmd.Short + "."
	}
	fmt.Fprintf(b, "\n### `%s`\n\n%s\n\n```sh\n%s\n```\n", strings.TrimSuffix(cmd.UseLine(), " [flags]"), text, strings.ReplaceAll(strings.TrimPrefix(cmd.Example, "  "), "\n  ", "\n"))
	writeOptions(b, "", cmd.LocalNonPersistentFlags())
}

func writeOptions(b *bytes.Buffer, title string, flags *pflag.FlagSet) {
	if !flags.HasAvailableFlags() {
		return
	}
	if title != "" {
		fmt.Fprintf(b, "\n%s\n", title)
	}
	b.WriteString("\n| option | |\n| --- | --- |\n")
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		kind, usage := pflag.UnquoteUsage(f)
		name := "--" + f.Name
		if kind != "" {
			name += " " + kind
		}
		if f.Shorthand != "" {
			name = "-" + f.Shorthand + ", " + name
		}
		switch f.DefValue {
		case "", "false", "0", "[]", "0s":
		default:
			usage += " (" + f.DefValue + ")"
		}
		fmt.Fprintf(b, "| `%s` | %s |\n", name, strings.ReplaceAll(usage, "|", `\|`))
	})
}
