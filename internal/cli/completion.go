package cli

import (
	"bytes"
	_ "embed"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// bashWords does what the script for bash otherwise takes from Debian's package bash-completion, which may be missing.
//
//go:embed completion.bash
var bashWords []byte

// shells are those that the verbs can be completed in.
var shells = map[string]func(*cobra.Command, io.Writer) error{
	"bash":       writeBashCompletion,
	"fish":       func(root *cobra.Command, w io.Writer) error { return root.GenFishCompletion(w, true) },
	"powershell": func(root *cobra.Command, w io.Writer) error { return root.GenPowerShellCompletionWithDesc(w) },
	"zsh":        func(root *cobra.Command, w io.Writer) error { return root.GenZshCompletion(w) },
}

func (a *app) completion() *cobra.Command {
	names := slices.Sorted(maps.Keys(shells))
	return &cobra.Command{
		Use:   "completion SHELL",
		Short: "What has a shell complete verbs, options, services, releases and volumes",
		Long: lines(
			"Writes a script for "+strings.Join(names, ", ")+". The one for bash needs no package beside it.",
			"Names are asked of the engine, where one runs; none is started for it."),
		Example: lines(
			"  source <(seaworthy completion bash)                                      # this shell",
			"  seaworthy completion bash > /etc/bash_completion.d/seaworthy             # all, with the package bash-completion",
			"  echo 'source <(seaworthy completion bash)' >> ~/.bashrc                  # all, without it"),
		ValidArgs: names,
		Args: func(cmd *cobra.Command, args []string) error {
			if err := arguments(1, 1)(cmd, args); err != nil {
				return err
			}
			if shells[args[0]] == nil {
				return fmt.Errorf("there is no completion for %s, only for %s", args[0], strings.Join(names, ", "))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return shells[args[0]](cmd.Root(), a.out) },
	}
}

// writeBashCompletion has cobra's script use what bashWords defines.
func writeBashCompletion(root *cobra.Command, w io.Writer) error {
	var script bytes.Buffer
	if err := root.GenBashCompletionV2(&script, true); err != nil {
		return err
	}
	_, err := strings.NewReplacer("_get_comp_words_by_ref ", "__seaworthy_words ", "_filedir", "__seaworthy_filedir").
		WriteString(w, script.String())
	if err == nil {
		_, err = w.Write(bashWords)
	}
	return err
}
