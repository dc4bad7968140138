package build

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/session/secrets"

	"github.com/seaworthyhq/seaworthy/internal/redact"
)

// sessionWait is how long a session may take to arrive after the request that names it.
const sessionWait = 5 * time.Second

// user is the other end of a request's session.
func (b *Builder) user(ctx context.Context, req *Request) (session.Caller, error) {
	ctx, cancel := context.WithTimeout(ctx, sessionWait)
	defer cancel()
	caller, err := b.sessions.Get(ctx, req.Session, false)
	if err != nil {
		return nil, fmt.Errorf("reach build session: %w", err)
	}
	return caller, nil
}

// redactor knows the secrets that the request's session offers to RUN, so that a step that prints one does not put it
// into the event stream. The values stay in memory for as long as the build runs.
func (b *Builder) redactor(ctx context.Context, req *Request) (redact.Redactor, error) {
	if len(req.Secrets) == 0 {
		return redact.Redactor{}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, sessionWait)
	defer cancel()
	caller, err := b.user(ctx, req)
	if err != nil {
		return redact.Redactor{}, err
	}
	var values [][]byte
	for _, id := range req.Secrets {
		value, err := secrets.GetSecret(ctx, caller, id)
		if errors.Is(err, secrets.ErrNotFound) {
			continue // a RUN that cannot do without it says so
		}
		if err != nil {
			return redact.Redactor{}, fmt.Errorf("read secret %s: %w", id, err)
		}
		values = append(values, value)
	}
	return redact.New(values...), nil
}
