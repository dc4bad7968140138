package proxy

import (
	"context"
	"errors"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"strings"
	"sync"
	"time"
)

// newFront makes the server that client connections are handed to once they are known to speak HTTP.
func newFront(p *Proxy, logger *log.Logger) *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	return &http.Server{
		Handler:           &front{proxy: p, forward: newForwarder(p, logger)},
		Protocols:         protocols,
		ReadHeaderTimeout: time.Minute,
		IdleTimeout:       2 * time.Minute,
		ErrorLog:          logger,
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, destinationKey{}, c.(*client).to)
		},
	}
}

type front struct {
	proxy   *Proxy
	forward http.Handler
}

func (f *front) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if f.proxy.retired.Load() {
		// The successor is where the next request belongs. Closing an idle connection instead would race with a request.
		w.Header().Set("Connection", "close")
	}
	if req.Header.Get("Expect") != "" {
		w = continued{w}
	}
	f.forward.ServeHTTP(w, req)
}

// continued passes on no "100 Continue" of an upstream: with it the body is read, and the server then says so itself.
type continued struct{ http.ResponseWriter }

func (c continued) WriteHeader(status int) {
	if status != http.StatusContinue {
		c.ResponseWriter.WriteHeader(status)
	}
}

// Unwrap is for http.ResponseController.
func (c continued) Unwrap() http.ResponseWriter { return c.ResponseWriter }

func newForwarder(p *Proxy, logger *log.Logger) *httputil.ReverseProxy {
	return &httputil.ReverseProxy{
		Rewrite:      rewrite,
		Transport:    &balancer{p},
		BufferPool:   &buffers{},
		ErrorHandler: answerError,
		ErrorLog:     logger,
	}
}

func rewrite(r *httputil.ProxyRequest) {
	r.Out.URL.Scheme = "http"
	r.Out.Host = r.In.Host
	r.Out.Trailer = r.In.Trailer // filled while the body is read, which Out's own copy would not see
	// Rewrite is for gateways that clean queries; we pass on what came.
	r.Out.URL.RawQuery = r.In.URL.RawQuery
	forwardedFor(r.In, r.Out.Header, destinationOf(r.In.Context()))
}

// forwardedFor tells the upstream who asked. What the world claims about itself in these headers is replaced. What a
// neighbour says is kept and added to: inside an environment, and on loopback, where a server that ends TLS may stand.
func forwardedFor(in *http.Request, out http.Header, d destination) {
	for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"} {
		out.Del(name)
	}
	from, _, _ := strings.Cut(d.client.String(), "%")
	proto, host := "http", in.Host
	if d.inside() || d.client.IsLoopback() {
		if prior := in.Header["X-Forwarded-For"]; len(prior) > 0 {
			from = strings.Join(prior, ", ") + ", " + from
		}
		proto = orElse(in.Header.Get("X-Forwarded-Proto"), proto)
		host = orElse(in.Header.Get("X-Forwarded-Host"), host)
		if prior := in.Header["Forwarded"]; len(prior) > 0 {
			out["Forwarded"] = prior
		}
	}
	out["X-Forwarded-For"] = []string{from}
	out["X-Forwarded-Proto"] = []string{proto}
	out["X-Forwarded-Host"] = []string{host}
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

func answerError(w http.ResponseWriter, req *http.Request, err error) {
	switch {
	case req.Context().Err() != nil:
		return // the client has gone
	case errors.Is(err, errNoUpstream), errors.Is(err, errNoRoute), isDialError(err):
		w.Header().Set("Retry-After", "1")
		http.Error(w, "503 "+err.Error(), http.StatusServiceUnavailable)
	default:
		http.Error(w, "502 the replica gave no answer", http.StatusBadGateway)
	}
}

// client is a connection from a client, with where it wants to go and what was read of it already.
type client struct {
	net.Conn
	to     destination
	prefix []byte
	closed sync.Once
	onEnd  func()
}

func (c *client) Read(p []byte) (int, error) {
	if len(c.prefix) > 0 {
		n := copy(p, c.prefix)
		c.prefix = c.prefix[n:]
		if len(c.prefix) == 0 {
			c.prefix = nil
		}
		return n, nil
	}
	return c.Conn.Read(p)
}

func (c *client) Close() error {
	err := c.Conn.Close()
	c.closed.Do(c.onEnd)
	return err
}

// CloseWrite passes on, on a hijacked connection, that the upstream has ended its side.
func (c *client) CloseWrite() error {
	if t, ok := c.Conn.(*net.TCPConn); ok {
		return t.CloseWrite()
	}
	return nil
}

// handedOver is a net.Listener of connections that were accepted elsewhere.
type handedOver struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newHandedOver() *handedOver {
	return &handedOver{conns: make(chan net.Conn), closed: make(chan struct{})}
}

func (h *handedOver) give(c net.Conn) {
	select {
	case h.conns <- c:
	case <-h.closed:
		c.Close()
	}
}

func (h *handedOver) Accept() (net.Conn, error) {
	select {
	case c := <-h.conns:
		return c, nil
	case <-h.closed:
		return nil, net.ErrClosed
	}
}

func (h *handedOver) Close() error {
	h.once.Do(func() { close(h.closed) })
	return nil
}

func (h *handedOver) Addr() net.Addr { return net.TCPAddrFromAddrPort(netip.AddrPort{}) }

// buffers are reused for copying bodies.
type buffers struct{ pool sync.Pool }

func (b *buffers) Get() []byte {
	if v, ok := b.pool.Get().(*[]byte); ok {
		return *v
	}
	return make([]byte, 32<<10)
}

func (b *buffers) Put(p []byte) { b.pool.Put(&p) }
