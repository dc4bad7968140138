package proxy

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"slices"
	"strings"
	"sync"
)

// newFront makes the server that client connections are handed to once they are known to speak HTTP.
func newFront(p *Proxy, logger *log.Logger) *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	return &http.Server{
		Handler:           &front{proxy: p, forward: newForwarder(p, logger)},
		Protocols:         protocols,
		HTTP2:             &multiplexed,
		ReadHeaderTimeout: p.limits.head,
		MaxHeaderBytes:    longestHead,
		IdleTimeout:       p.limits.idle,
		ErrorLog:          logger,
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, clientKey{}, c.(*client))
		},
	}
}

// serveHTTP serves a connection on which HTTP is spoken.
func (p *Proxy) serveHTTP(c *client) {
	endStill(c.Conn, p.limits.untaken)
	p.accept.give(c)
}

type front struct {
	proxy   *Proxy
	forward http.Handler
}

func (f *front) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if req.ProtoMajor == 2 { // one connection has many, each with buffers of its own
		budget, port := f.proxy.budget, clientOf(req.Context()).port
		if !budget.take(port) {
			answerError(w, req, errCrowded)
			return
		}
		defer budget.give(port)
	}
	if f.proxy.retired.Load() {
		// The successor is where the next request belongs. Closing an idle connection instead would race with a request.
		w.Header().Set("Connection", "close")
	}
	if req.Header.Get("Expect") != "" {
		w = continued{w}
	}
	var body *movingBody
	if req.ContentLength != 0 && !f.proxy.converses(req) {
		req, body = keepMoving(w, req, f.proxy.limits.still)
		defer body.end()
	}
	if problem, status := refuse(req); status != 0 {
		http.Error(w, fmt.Sprintf("%d %s", status, problem), status)
		return
	}
	takeBackUpgrade(req.Header)
	switch {
	case req.ProtoMajor == 2:
		s := &stream{w, http.NewResponseController(w), f.proxy.limits.untaken, body}
		defer s.end(req.Context())
		w = s
	case req.Header["Upgrade"] != nil:
		w = upgradable{w}
	}
	f.forward.ServeHTTP(w, req)
}

// hostBytes are what a host may consist of (RFC 3986, 3.2.2). net/http looks at Host and :authority, but not at the host of a
// target in absolute form, which takes their place.
const hostBytes = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789" + "-._~" + "!$&'()*+,;=" + ":[]%"

// refuse says what is wrong with a request that net/http takes, but that a replica might take for something else than we do.
func refuse(req *http.Request) (problem string, status int) {
	switch {
	case req.Method == http.MethodConnect:
		return "this is no proxy; app_protocol: tcp lets one be reached", http.StatusMethodNotAllowed
	case req.URL.Opaque != "":
		return "the request's target is malformed", http.StatusBadRequest
	case strings.Trim(req.Host, hostBytes) != "":
		return "the request's host is malformed", http.StatusBadRequest
	}
	return "", 0
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

// upgradable hands over what the client has said behind its request, in the protocol that it changes to.
type upgradable struct{ http.ResponseWriter }

func (u upgradable) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(u.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	said, err := rw.Peek(rw.Reader.Buffered())
	c := conn.(*client)
	endStill(c.Conn, 0)
	c.prefix = append(slices.Clone(said), c.prefix...)
	return conn, rw, err
}

// Unwrap is for http.ResponseController.
func (u upgradable) Unwrap() http.ResponseWriter { return u.ResponseWriter }

func newForwarder(p *Proxy, logger *log.Logger) *httputil.ReverseProxy {
	return &httputil.ReverseProxy{
		Rewrite:      p.rewrite,
		Transport:    &balancer{p},
		BufferPool:   &buffers{},
		ErrorHandler: answerError,
		ErrorLog:     logger,
	}
}

func (p *Proxy) rewrite(r *httputil.ProxyRequest) {
	r.Out.URL.Scheme = "http"
	r.Out.Trailer = r.In.Trailer // filled while the body is read, which Out's own copy would not see
	// Rewrite is for gateways that clean queries; we pass on what came.
	r.Out.URL.RawQuery = r.In.URL.RawQuery
	d := destinationOf(r.In.Context())
	r.Out.Host = hostOf(r.In, d)
	forwardedFor(r.In, r.Out.Header, d, p.current.Load().trusts(d))
}

func answerError(w http.ResponseWriter, req *http.Request, err error) {
	switch {
	case errors.Is(err, errRequest):
		http.Error(w, "400 "+err.Error(), http.StatusBadRequest)
	case req.Context().Err() != nil:
		panic(http.ErrAbortHandler) // the client has gone; if it only ended its side, an end is better than an empty answer
	case errors.Is(err, errNoUpstream), errors.Is(err, errNoRoute), errors.Is(err, errCrowded), isDialError(err):
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
	port   *share
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
