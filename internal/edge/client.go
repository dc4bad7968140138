package edge

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seaworthyhq/seaworthy/internal/event"
)

// SocketPath is where the edge of a folder takes orders.
func SocketPath(dir string) string { return filepath.Join(dir, "edge.sock") }

// Client gives orders to an edge. All of them may be given twice, and are, within patience, while an edge is being
// restarted or replaced.
type Client struct {
	http     *http.Client
	patience time.Duration
}

// patience is how long a Client waits for an edge that has just gone to come back.
const patience = 5 * time.Second

// NewClient talks to the edge of a folder.
func NewClient(dir string) *Client {
	c := NewClientAt(SocketPath(dir))
	c.patience = patience
	return c
}

// NewClientAt talks to the one edge that listens at a path, and does not wait for it.
func NewClientAt(path string) *Client {
	var d net.Dialer
	return &Client{http: &http.Client{Transport: &http.Transport{
		// A connection serves one order: an idle one could belong to an edge that was replaced meanwhile.
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return d.DialContext(ctx, "unix", path)
		},
	}}}
}

// DrainOrder says for whom and how long to wait.
type DrainOrder struct {
	Upstream string        `json:"upstream"`
	Timeout  time.Duration `json:"timeout"`
}

// Count of requests, connections and flows.
type Count struct {
	Connections int64 `json:"connections"`
}

// Apply makes r all that the edge does. When it returns, every new request and connection goes by r, and what goes by older
// routes is counted as in flight. A port that is taken is a release.UserError of KindConflict, and nothing has changed.
func (c *Client) Apply(ctx context.Context, r Routes) error {
	if err := c.do(ctx, http.MethodPut, "/routes", r, nil); err != nil {
		return fmt.Errorf("apply routes: %w", err)
	}
	return nil
}

// Routes are those in force.
func (c *Client) Routes(ctx context.Context) (Routes, error) {
	var r Routes
	err := c.do(ctx, http.MethodGet, "/routes", nil, &r)
	return r, err
}

// Status is what the edge says of itself.
func (c *Client) Status(ctx context.Context) (Status, error) {
	var s Status
	err := c.do(ctx, http.MethodGet, "/status", nil, &s)
	return s, err
}

// drainDefault is how long Drain waits when its context has no deadline.
const drainDefault = time.Hour

// Drain waits until nothing is in flight to an upstream (named by ID or address), until ctx's deadline at the latest, and
// says how much is left then; with the deadline alone err is nil. Apply routes without the upstream first.
func (c *Client) Drain(ctx context.Context, upstream string) (left int64, err error) {
	timeout := drainDefault
	if deadline, ok := ctx.Deadline(); ok {
		timeout = max(0, time.Until(deadline))
		// The answer comes at the deadline: leave it the time to arrive.
		var cancel context.CancelFunc
		ctx, cancel = afterDeadline(ctx, 2*time.Second)
		defer cancel()
	}
	return c.DrainFor(ctx, DrainOrder{upstream, timeout})
}

// afterDeadline is ctx with a later deadline, cancelled when ctx is cancelled.
func afterDeadline(ctx context.Context, more time.Duration) (context.Context, context.CancelFunc) {
	deadline, _ := ctx.Deadline()
	later, cancel := context.WithDeadline(context.WithoutCancel(ctx), deadline.Add(more))
	stop := context.AfterFunc(ctx, func() {
		if errors.Is(ctx.Err(), context.Canceled) {
			cancel()
		}
	})
	return later, func() { stop(); cancel() }
}

// DrainFor is Drain with the time in the order.
func (c *Client) DrainFor(ctx context.Context, order DrainOrder) (left int64, err error) {
	var n Count
	if err := c.do(ctx, http.MethodPost, "/drain", order, &n); err != nil {
		return 0, fmt.Errorf("drain %s: %w", order.Upstream, err)
	}
	return n.Connections, nil
}

// CloseNow ends all that is in flight to an upstream and says how much that was.
func (c *Client) CloseNow(ctx context.Context, upstream string) (ended int64, err error) {
	var n Count
	if err := c.do(ctx, http.MethodPost, "/close?upstream="+url.QueryEscape(upstream), nil, &n); err != nil {
		return 0, fmt.Errorf("close connections to %s: %w", upstream, err)
	}
	return n.Connections, nil
}

// Stop ends the edge and its predecessors, and with them all traffic.
func (c *Client) Stop(ctx context.Context) error {
	err := c.once(ctx, http.MethodPost, "/stop", nil, nil)
	if isAway(err) {
		return nil
	}
	return err
}

// WaitReady returns when the edge answers.
func (c *Client) WaitReady(ctx context.Context) (Status, error) {
	for {
		var s Status
		err := c.once(ctx, http.MethodGet, "/status", nil, &s)
		if err == nil {
			return s, nil
		}
		if waitErr := sleep(ctx, 5*time.Millisecond); waitErr != nil {
			return s, fmt.Errorf("wait for the edge: %w", err)
		}
	}
}

func (c *Client) do(ctx context.Context, method, path string, in, out any) error {
	deadline := time.Now().Add(c.patience)
	for {
		err := c.once(ctx, method, path, in, out)
		if err == nil || !isAway(err) || time.Now().After(deadline) {
			return err
		}
		if sleep(ctx, 10*time.Millisecond) != nil {
			return err
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}

// isAway reports whether the edge was not there, or went away before it answered.
func isAway(err error) bool {
	for _, away := range []error{unix.ECONNREFUSED, unix.ENOENT, unix.ECONNRESET, unix.EPIPE, io.EOF, io.ErrUnexpectedEOF} {
		if errors.Is(err, away) {
			return true
		}
	}
	return false
}

func (c *Client) once(ctx context.Context, method, path string, in, out any) error {
	var body bytes.Buffer
	if in != nil {
		if err := json.NewEncoder(&body).Encode(in); err != nil {
			return err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://edge"+path, &body)
	if err != nil {
		return err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusConflict:
		var e event.Error
		if err := json.NewDecoder(resp.Body).Decode(&e); err != nil {
			return err
		}
		return e.Err()
	case resp.StatusCode == http.StatusServiceUnavailable: // it has handed over between our connecting and our asking
		return unix.ECONNREFUSED
	case resp.StatusCode != http.StatusOK:
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 1024))
		return fmt.Errorf("edge answers %s: %s", resp.Status, bytes.TrimSpace(text))
	case out == nil:
		return nil
	}
	return json.NewDecoder(resp.Body).Decode(out)
}
