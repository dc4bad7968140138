package tui

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

// Confirm asks a question that only a yes answers, and returns nil for it. With yes it does not ask. Where in is no terminal
// it does not ask either: that is an error which names --yes, since a script must not wait for a person.
func Confirm(ctx context.Context, in io.Reader, out io.Writer, question string, yes bool) error {
	if yes {
		return nil
	}
	if !IsTerminal(in) {
		return &release.UserError{
			Kind: release.KindUsage,
			Err:  fmt.Errorf("there is no terminal to ask on: %s", Clean(question)),
			Hint: "add --yes to go ahead without being asked",
		}
	}
	o := Describe(out, ColorAuto)
	if _, err := fmt.Fprintf(o, "%s %s ", o.Paint(Strong, Clean(question)), o.Paint(Dim, "[y/N]")); err != nil {
		return fmt.Errorf("ask question: %w", err)
	}
	answer, err := readLine(ctx, in)
	if err != nil {
		fmt.Fprintln(o)
		return err
	}
	if a := strings.ToLower(strings.TrimSpace(answer)); a == "y" || a == "yes" {
		return nil
	}
	return &release.UserError{Kind: release.KindDeclined, Err: errors.New("not confirmed, nothing was done")}
}

// readLine reads a line, or gives up when ctx ends; the read then lasts until the process does.
func readLine(ctx context.Context, in io.Reader) (string, error) {
	type answer struct {
		line string
		err  error
	}
	read := make(chan answer, 1)
	go func() {
		line, err := bufio.NewReader(in).ReadString('\n')
		read <- answer{line, err}
	}()
	select {
	case a := <-read:
		if a.err != nil && !errors.Is(a.err, io.EOF) {
			return "", fmt.Errorf("read answer: %w", a.err)
		}
		return a.line, nil
	case <-ctx.Done():
		return "", &release.UserError{Kind: release.KindInterrupted, Err: errors.New("interrupted, nothing was done")}
	}
}
