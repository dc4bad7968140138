package cli

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

// idle are flags that people of Compose type out of habit, by verb: what they ask for is what the verb does anyway.
var idle = map[string][]string{
	"up":   {"detach d", "build", "wait", "remove-orphans"},
	"down": {"remove-orphans"},
	"exec": {"interactive i", "tty t"},
	"run":  {"interactive i", "tty t", "rm"},
}

// addHabits has verbs understand what they are told out of habit, which no help lists.
func (a *app) addHabits(root *cobra.Command) {
	for verb, flags := range idle {
		cmd := find(root, verb)
		for _, flag := range flags {
			name, short, _ := strings.Cut(flag, " ")
			cmd.Flags().BoolP(name, short, false, "")
			hide(cmd, name)
		}
	}
	a.refuseShort(find(root, "down"))
}

// refuseShort takes the shorthand of --verbose from down, whose -v removes volumes elsewhere.
func (a *app) refuseShort(down *cobra.Command) {
	verbose := down.Root().PersistentFlags().Lookup("verbose")
	down.Flags().BoolVar(&a.verbose, verbose.Name, false, verbose.Usage)
	hide(down, verbose.Name) // all verbs have it
	short := down.Flags().BoolP("v", "v", false, "")
	hide(down, "v")
	down.PreRunE = func(cmd *cobra.Command, _ []string) error {
		if !*short {
			return nil
		}
		return &release.UserError{
			Kind: release.KindUsage, Err: errors.New("-v may mean the volumes or more words here"),
			Hint: cmd.CommandPath() + " --volumes removes the volumes and all data in them; --verbose says more",
		}
	}
}

func hide(cmd *cobra.Command, flag string) {
	if err := cmd.Flags().MarkHidden(flag); err != nil {
		panic(err) // it was made by the caller
	}
}

// find is the command of that path, such as "volume list".
func find(root *cobra.Command, path string) *cobra.Command {
	cmd, left, err := root.Find(strings.Fields(path))
	if err != nil || len(left) > 0 {
		panic("no verb " + path) // it was renamed here or there
	}
	return cmd
}
