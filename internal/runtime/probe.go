package runtime

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/seaworthyhq/seaworthy/internal/redact"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// Limits of a probe.
const (
	defaultProbeTimeout = 30 * time.Second // the image specification's
	maxProbeOutput      = 4096             // bytes
)

// Probe runs the health test once. Output is the first 4 KiB of what the test wrote, without the replica's secrets. A test that
// takes longer than its timeout is killed and not ok; an error means that it could not be run at all. What a test leaves behind
// ends with it.
func (r *Runtime) Probe(ctx context.Context, id string, health release.Health) (ok bool, output string, err error) {
	args, err := probeArgs(health.Test)
	if err != nil {
		return false, "", fmt.Errorf("probe replica %s: %w", id, err)
	}
	secrets, err := redact.Files(filepath.Join(r.dir.container(id), secretsDir))
	if err != nil {
		return false, "", fmt.Errorf("probe replica %s: %w", id, err)
	}
	timeout := health.Timeout.Or(defaultProbeTimeout)
	timed, cancel := context.WithTimeoutCause(ctx, timeout, errProbeTimeout)
	defer cancel()
	out := limitedBuffer{secrets: secrets}
	code, err := r.Exec(timed, id, ExecSpec{Args: args, EndChildren: true, Attachment: Attachment{Stdout: &out, Stderr: &out}})
	if errors.Is(err, errProbeTimeout) && ctx.Err() == nil {
		return false, fmt.Sprintf("the test took longer than %s\n%s", timeout, out.String()), nil
	}
	return err == nil && code == 0, out.String(), err
}

var errProbeTimeout = errors.New("the test took too long")

func probeArgs(test []string) ([]string, error) {
	if len(test) > 1 {
		switch test[0] {
		case "CMD":
			return test[1:], nil
		case "CMD-SHELL":
			return []string{"/bin/sh", "-c", test[1]}, nil
		}
	}
	return nil, fmt.Errorf("health test %q is none that can be run", test)
}

// limitedBuffer keeps the beginning of what both streams write to it.
type limitedBuffer struct {
	secrets redact.Redactor

	mu  sync.Mutex // guards buf
	buf bytes.Buffer
}

func (b *limitedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	// What is behind the limit tells whether a secret lies across it.
	if room := maxProbeOutput + b.secrets.Longest() - b.buf.Len(); room > 0 {
		b.buf.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}

// String is what was written, without secrets.
func (b *limitedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	text := b.buf.Bytes()
	if len(text) > maxProbeOutput {
		text = text[:b.secrets.Cut(text, maxProbeOutput)]
	}
	return b.secrets.Text(text)
}

// Dial connects to a TCP port of the replica, on its first network.
func (r *Runtime) Dial(ctx context.Context, id string, port int) (net.Conn, error) {
	rep, err := r.Replica(id)
	if err != nil {
		return nil, err
	}
	if rep.IP == "" {
		return nil, fmt.Errorf("dial replica %s: it is in no network", id)
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", net.JoinHostPort(rep.IP, strconv.Itoa(port)))
	if err != nil {
		return nil, fmt.Errorf("dial replica %s: %w", id, err)
	}
	return conn, nil
}

// Listens reports whether the replica listens on one of the TCP ports. The kernel says so: the replica does not notice, as it
// would a connection that says nothing.
func (r *Runtime) Listens(id string, ports ...int) bool {
	open, err := r.networks.Listening(id, ports)
	return err == nil && open
}
