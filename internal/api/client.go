// Package api is how a CLI and an engine talk: HTTP and JSON over a unix socket that only root and one group may open. It
// holds the wire types, the client, and what serves a plain function as a call or a stream. It knows nothing of what the
// functions do.
package api

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// ErrNoEngine means that nobody serves the socket.
var ErrNoEngine = errors.New("no engine is running")

// versionHeader has the engine's version, in each of its answers.
const versionHeader = "Seaworthy-Version"

// Client talks to the engine of one state root.
type Client struct {
	socket  string
	http    *http.Client
	version atomic.Pointer[string]
}

// EngineVersion is the version of the engine that answered last; empty before it has.
func (c *Client) EngineVersion() string {
	if v := c.version.Load(); v != nil {
		return *v
	}
	return ""
}

// NewClient is a client of the engine of root. It connects at the first call.
func NewClient(root string) *Client {
	c := &Client{socket: filepath.Join(root, SocketName)}
	c.http = &http.Client{Transport: &http.Transport{
		DialContext:        func(ctx context.Context, _, _ string) (net.Conn, error) { return c.dial(ctx) },
		DisableCompression: true,
	}}
	return c
}

// longest is how many bytes the path of a socket may have (unix(7)).
const longest = 107

func (c *Client) dial(ctx context.Context) (net.Conn, error) {
	if len(c.socket) > longest {
		return nil, noRoot(fmt.Errorf("the path %s is longer than a socket's may be, which is %d bytes", c.socket, longest))
	}
	conn, err := new(net.Dialer).DialContext(ctx, "unix", c.socket)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return nil, &release.UserError{
			Kind: release.KindEngine, Err: fmt.Errorf("%w at %s", ErrNoEngine, c.socket), Hint: "run the same command again: up and others start one",
		}
	case errors.Is(err, syscall.ENOTDIR):
		return nil, noRoot(fmt.Errorf("open %s: %w", c.socket, syscall.ENOTDIR))
	case errors.Is(err, fs.ErrPermission):
		return nil, &release.UserError{
			Kind: release.KindDenied,
			Err:  fmt.Errorf("no permission to open %s", c.socket),
			Hint: "run it as root (sudo), or " + howToJoin(c.socket),
		}
	}
	return conn, err
}

// noRoot is the error about a state root that cannot be one.
func noRoot(err error) error {
	return &release.UserError{Kind: release.KindUsage, Err: err, Hint: "name another state root: --root DIR or SEAWORTHY_ROOT"}
}

// call sends in (nil: nothing) and reads the answer into out (nil: none).
func (c *Client) call(ctx context.Context, method, path string, in, out any) error {
	resp, err := c.send(ctx, method, path, in)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if out == nil {
		return nil
	}
	if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
		return fmt.Errorf("read the engine's answer: %w", err)
	}
	return nil
}

// stream sends in and hands each event of the answer to sink. The error is the one that the stream ended with. Where ctx ends before,
// the engine ends what it can, and for a moment what it still says of that is handed on.
func (c *Client) stream(ctx context.Context, path string, in any, sink event.Sink) error {
	call, end := parting(ctx)
	defer end()
	resp, err := c.send(call, http.MethodPost, path, in)
	if err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return err
	}
	defer resp.Body.Close()
	dec := json.NewDecoder(bufio.NewReader(resp.Body))
	for {
		var e event.Event
		if err := dec.Decode(&e); err != nil {
			return lost(ctx, err)
		}
		if e.Type == event.TypeEnd {
			return e.End.Error.Err()
		}
		sink.Emit(e)
	}
}

func lost(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return &release.UserError{
		Kind: release.KindEngine,
		Err:  fmt.Errorf("the engine went away in the middle of the call: %w", err),
		Hint: "run the same command again: what was begun is found and finished",
	}
}

func (c *Client) send(ctx context.Context, method, path string, in any) (*http.Response, error) {
	var body io.Reader
	switch v := in.(type) {
	case nil:
	case io.Reader:
		body = v
	default:
		var err error
		if body, err = encode(path, in); err != nil {
			return nil, err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://engine"+path, body)
	if err != nil {
		return nil, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		var user *release.UserError
		if errors.As(err, &user) {
			return nil, user
		}
		if at, ok := errors.AsType[*url.Error](err); ok {
			err = at.Err // the address says nothing
		}
		return nil, lost(ctx, err)
	}
	if v := resp.Header.Get(versionHeader); v != "" {
		c.version.Store(&v)
	}
	if resp.StatusCode >= http.StatusBadRequest {
		defer resp.Body.Close()
		return nil, readError(resp)
	}
	return resp, nil
}

func readError(resp *http.Response) error {
	var e event.Error
	if err := json.NewDecoder(resp.Body).Decode(&e); err != nil || e.Message == "" {
		return fmt.Errorf("engine answered %s", resp.Status)
	}
	return e.Err()
}

// upgrade opens a connection of its own and has the engine take it over for another protocol.
func (c *Client) upgrade(ctx context.Context, path, protocol string, header http.Header, in any) (net.Conn, error) {
	conn, err := c.dial(ctx)
	if err != nil {
		return nil, err
	}
	var body io.Reader // none at all without a value: what the engine does not read would look like the new protocol
	if in != nil {
		if body, err = encode(path, in); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://engine"+path, body)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	for k, v := range header {
		req.Header[k] = v
	}
	req.Header.Set("Connection", "Upgrade")
	req.Header.Set("Upgrade", protocol)
	if err := req.Write(conn); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	r := bufio.NewReader(conn)
	resp, err := http.ReadResponse(r, req) //nolint:bodyclose // its body is the connection, which is handed on
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		return nil, errors.Join(readError(resp), conn.Close())
	}
	return &bufferedConn{Conn: conn, r: r}, nil
}

// Reach says whether the engine answers: nil, ErrNoEngine, or why it cannot be asked.
func (c *Client) Reach(ctx context.Context) error {
	conn, err := c.dial(ctx)
	if err != nil {
		return err
	}
	return conn.Close()
}

// WaitReady returns when the engine answers, or with ctx's cause.
func (c *Client) WaitReady(ctx context.Context) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := c.dial(ctx)
		if err == nil {
			return conn.Close()
		}
		if !errors.Is(err, ErrNoEngine) && ctx.Err() == nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}
