package build

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/moby/buildkit/session/secrets"
)

const (
	// blank stands where a secret was.
	blank = "•••"
	// shortest is the least of a secret that is looked for: shorter ones are in any text.
	shortest = 4
	// shortestEncoded is the least of a secret that is looked for in other encodings, too.
	shortestEncoded = 8
	// sessionWait is how long a session may take to arrive after the request that names it.
	sessionWait = 5 * time.Second
)

// redactor blanks the secrets of a build in what its steps write.
type redactor struct {
	values   []string // longest first, so that of two that begin alike the whole one goes
	replacer *strings.Replacer
}

func newRedactor(secrets ...[]byte) *redactor {
	h := &redactor{}
	for _, s := range secrets {
		h.add(shortest, string(s))
		if len(s) >= shortestEncoded {
			h.add(shortestEncoded, encodings(s)...)
		}
	}
	slices.SortFunc(h.values, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	h.values = slices.Compact(h.values)
	var pairs []string
	for _, v := range h.values {
		pairs = append(pairs, v, blank)
	}
	h.replacer = strings.NewReplacer(pairs...)
	return h
}

// add looks for texts from now on, each line by itself, since that is how a log comes.
func (h *redactor) add(shortest int, texts ...string) {
	for _, text := range texts {
		for line := range strings.Lines(text) {
			if line = strings.TrimSpace(line); len(line) >= shortest {
				h.values = append(h.values, line)
			}
		}
	}
}

// encodings are a secret as common tools write it: as it is, without the line end that its file has, with the one that echo adds.
func encodings(secret []byte) []string {
	var all []string
	bare := bytes.TrimSpace(secret)
	for _, s := range [][]byte{secret, bare, slices.Concat(bare, []byte("\n"))} {
		plain, url := base64.StdEncoding.EncodeToString(s), base64.URLEncoding.EncodeToString(s)
		digits := hex.EncodeToString(s)
		all = append(all, plain, strings.TrimRight(plain, "="), url, strings.TrimRight(url, "="), digits, strings.ToUpper(digits),
			wrapped(plain, 76), wrapped(plain, 64), wrapped(digits, 60)) // base64, openssl, xxd
	}
	return all
}

// wrapped breaks a text into lines.
func wrapped(text string, width int) string {
	return string(bytes.Join(slices.Collect(slices.Chunk([]byte(text), width)), []byte("\n")))
}

func (h *redactor) longest() int {
	if len(h.values) == 0 {
		return 0
	}
	return len(h.values[0])
}

// cut is where a text can end, at a place or before it, without a part of a secret at its end.
func (h *redactor) cut(text []byte, at int) int {
	for i := 0; i < len(h.values); i++ {
		value := []byte(h.values[i])
		from := max(0, at-len(value)+1)
		if found := bytes.Index(text[from:min(len(text), at+len(value)-1)], value); found >= 0 {
			at, i = from+found, -1 // another may lie across the new end
		}
	}
	return at
}

// redactor knows the secrets that the request's session offers to RUN, so that a step that prints one does not put it
// into the event stream. The values stay in memory for as long as the build runs.
func (b *Builder) redactor(ctx context.Context, req *Request) (*redactor, error) {
	if len(req.Secrets) == 0 {
		return newRedactor(), nil
	}
	ctx, cancel := context.WithTimeout(ctx, sessionWait)
	defer cancel()
	caller, err := b.sessions.Get(ctx, req.Session, false)
	if err != nil {
		return nil, fmt.Errorf("reach build session: %w", err)
	}
	var values [][]byte
	for _, id := range req.Secrets {
		value, err := secrets.GetSecret(ctx, caller, id)
		if errors.Is(err, secrets.ErrNotFound) {
			continue // a RUN that cannot do without it says so
		}
		if err != nil {
			return nil, fmt.Errorf("read secret %s: %w", id, err)
		}
		values = append(values, value)
	}
	return newRedactor(values...), nil
}
