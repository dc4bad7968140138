package build

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/moby/buildkit/session/secrets"
)

const (
	// blank stands where a secret was.
	blank = "•••"
	// shortest is the least of a secret that is looked for: shorter ones are in any text.
	shortest = 4
	// sessionWait is how long a session may take to arrive after the request that names it.
	sessionWait = 5 * time.Second
)

// redactor knows the secrets that the request's session offers to RUN, so that a step that prints one does not put it
// into the event stream. The values stay in memory for as long as the build runs.
func (b *Builder) redactor(ctx context.Context, req *Request) (*strings.Replacer, error) {
	if len(req.Secrets) == 0 {
		return strings.NewReplacer(), nil
	}
	ctx, cancel := context.WithTimeout(ctx, sessionWait)
	defer cancel()
	caller, err := b.sessions.Get(ctx, req.Session, false)
	if err != nil {
		return nil, fmt.Errorf("reach build session: %w", err)
	}
	var pairs []string
	for _, id := range req.Secrets {
		value, err := secrets.GetSecret(ctx, caller, id)
		if errors.Is(err, secrets.ErrNotFound) {
			continue // a RUN that cannot do without it says so
		}
		if err != nil {
			return nil, fmt.Errorf("read secret %s: %w", id, err)
		}
		// The log comes by line, and so must what is looked for in it.
		for line := range bytes.Lines(value) {
			if line = bytes.TrimSpace(line); len(line) >= shortest {
				pairs = append(pairs, string(line), blank)
			}
		}
	}
	return strings.NewReplacer(pairs...), nil
}
