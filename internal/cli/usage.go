package cli

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

// habits are what people type who come from elsewhere, by the verb that does it here.
var habits = map[string][]string{
	"status":  {"ps", "ls", "list", "top", "port", "images"},
	"up":      {"start", "create", "apply", "push"},
	"down":    {"stop", "kill", "rm", "remove", "destroy", "delete"},
	"gc":      {"prune", "clean"},
	"history": {"log", "releases", "deployments"},
	"show":    {"inspect"},
	"exec":    {"attach", "ssh", "shell"},
	"list":    {"ls"},
	"remove":  {"rm", "delete"},
	"config":  {"validate", "convert", "lint"},
}

// ofOne is what people type who come from elsewhere about one service: what ends one does not end all.
var ofOne = map[string]string{"stop": "scale %s=0", "kill": "scale %s=0", "rm": "scale %s=0", "start": "restart %s"}

// usage is the error of a command line that is wrong.
func usage(cmd *cobra.Command, err error) error {
	if _, ok := errors.AsType[*release.UserError](err); ok {
		return err
	}
	if cmd.HasSubCommands() && cmd.Flags().NArg() > 0 { // a flag of a verb that there is not
		return unknownVerb(cmd, cmd.Flags().Args())
	}
	return &release.UserError{Kind: release.KindUsage, Err: err, Hint: cmd.CommandPath() + " --help"}
}

func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return fmt.Errorf("%s takes no arguments, and was given %s", cmd.CommandPath(), strings.Join(args, " "))
}

// arguments are between least and most arguments (most below 0: any number), which the command's usage line names.
func arguments(least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		names := strings.Fields(cmd.Use)[1:]
		call := strings.TrimSuffix(cmd.UseLine(), " [flags]")
		switch {
		case len(args) < least:
			return fmt.Errorf("%s is missing: %s", names[len(args)], call)
		case most >= 0 && len(args) > most:
			return fmt.Errorf("%s is too much: %s", strings.Join(args[most:], " "), call)
		}
		return nil
	}
}

// parentOf makes cmd a command that does nothing itself: alone it explains itself, and what it does not know is an error.
func parentOf(cmd *cobra.Command) {
	cmd.Args = unknownVerb
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
}

// unknownVerb is an error that says what may have been meant, where arguments are left for a command that takes verbs.
func unknownVerb(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := cmd.CommandPath() + " --help lists the verbs"
	meant := meantBy(cmd, args[0])
	if one, ok := ofOne[args[0]]; ok && len(args) > 1 && !cmd.HasParent() {
		meant = fmt.Sprintf(one, args[1])
	}
	if meant != "" {
		hint = fmt.Sprintf("did you mean %s %s? %s", cmd.CommandPath(), meant, hint)
	}
	return &release.UserError{Kind: release.KindUsage, Err: fmt.Errorf("%s has no verb %s", cmd.CommandPath(), args[0]), Hint: hint}
}

// meantBy is the verb that a word stands for elsewhere, or looks like; empty: none.
func meantBy(cmd *cobra.Command, word string) string {
	for _, c := range cmd.Commands() {
		if slices.Contains(c.SuggestFor, word) {
			return c.Name()
		}
	}
	cmd.SuggestionsMinimumDistance = min(2, max(1, len(word)/2-1)) // of two letters, one is all there is in common
	if meant := cmd.SuggestionsFor(word); len(meant) > 0 {
		return meant[0]
	}
	return ""
}

// strictHelp has help about a verb that there is not end as an error.
func strictHelp(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	help, _, err := root.Find([]string{"help"})
	if err != nil {
		panic(err) // it was made above
	}
	help.Run = nil
	help.RunE = func(_ *cobra.Command, args []string) error {
		cmd, left, err := root.Find(args)
		if err != nil || cmd.HasSubCommands() && len(left) > 0 {
			return errors.Join(err, unknownVerb(cmd, left))
		}
		cmd.InitDefaultHelpFlag()
		return cmd.Help()
	}
}

// count is a number of things, 0 or more.
type count int

func (c *count) String() string { return strconv.Itoa(int(*c)) }
func (c *count) Type() string   { return "int" }
func (c *count) Set(text string) error {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return errors.New("it is not a number of 0 or more")
	}
	*c = count(n)
	return nil
}

// countFlag is a flag -n.
func countFlag(flags *pflag.FlagSet, n *int, name string, def int, text string) {
	*n = def
	flags.VarP((*count)(n), name, "n", text)
}

// rejectClashes are flags that cannot be meant together.
func (a *app) rejectClashes(cmd *cobra.Command, _ []string) error {
	if a.json && a.plain {
		return usage(cmd, errors.New("--json and --plain exclude each other"))
	}
	return nil
}
