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

// refusals are what is said of flags that mean something else there, by verb and flag.
var refusals = map[string]map[string]release.UserError{
	"down": {"v": {
		Err:  errors.New("-v may mean the volumes or more words here"),
		Hint: "seaworthy down --volumes removes the volumes and all data in them; --verbose says more",
	}},
	"exec": {"detach d": {
		Err: errors.New("a command is waited for: there is no -d"), Hint: "what goes on running beside the others is a service of compose.yaml",
	}},
	"run": {"detach d": {
		Err: errors.New("a command is waited for: there is no -d"), Hint: "what goes on running beside the others is a service of compose.yaml",
	}},
	"up": {"force-recreate": {
		Err: errors.New("up leaves alone what did not change"), Hint: "seaworthy restart starts replicas anew",
	}},
}

// addHabits has verbs understand what they are told out of habit, which no help lists.
func (a *app) addHabits(root *cobra.Command) {
	a.freeShorthand(find(root, "down"))
	for verb, flags := range idle {
		for _, flag := range flags {
			addHidden(find(root, verb), flag)
		}
	}
	for verb, flags := range refusals {
		cmd := find(root, verb)
		refused := map[string]*release.UserError{}
		for flag, refusal := range flags {
			refusal.Kind = release.KindUsage
			refused[addHidden(cmd, flag)] = &refusal
		}
		cmd.PreRunE = func(cmd *cobra.Command, _ []string) error {
			for name, refusal := range refused {
				if cmd.Flags().Changed(name) {
					return refusal
				}
			}
			return nil
		}
	}
}

// freeShorthand takes -v, the shorthand of --verbose, from down: elsewhere it removes volumes.
func (a *app) freeShorthand(down *cobra.Command) {
	verbose := down.Root().PersistentFlags().Lookup("verbose")
	down.Flags().BoolVar(&a.verbose, verbose.Name, false, verbose.Usage)
	hide(down, verbose.Name) // all verbs have it
}

// addHidden adds a flag, "name" or "name shorthand", and returns its name. One of a letter is its own shorthand.
func addHidden(cmd *cobra.Command, flag string) string {
	name, short, _ := strings.Cut(flag, " ")
	if len(name) == 1 {
		short = name
	}
	cmd.Flags().BoolP(name, short, false, "")
	hide(cmd, name)
	return name
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
