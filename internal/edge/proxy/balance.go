package proxy

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"sync/atomic"
)

// balancer is an http.RoundTripper over the pools: each request finds its upstream by the destination of the connection
// that it came on.
type balancer struct{ proxy *Proxy }

// errRequest: the client did not send the body that it had announced. That is nobody else's fault.
var errRequest = errors.New("the request's body is malformed or cut off")

// tries of a request that may be sent twice and got no answer: one that kills a replica must not go round them all. Upstreams that
// refuse the connection do not count.
const tries = 2

func (b *balancer) RoundTrip(req *http.Request) (*http.Response, error) {
	q := quest{proxy: b.proxy, to: destinationOf(req.Context())}
	body := keepOpen(req)
	for try := 1; ; {
		u, r, err := q.next(req.Context())
		if err != nil {
			return nil, err
		}
		resp, err := u.send(req, r)
		if err == nil {
			resp.Body = releaseWith(resp.Body, u)
			return resp, nil
		}
		u.release()
		switch {
		case body.broken():
			return nil, errRequest
		case req.Context().Err() != nil || errors.Is(err, errCrowded):
			return nil, err
		case isDialError(err) && !body.touched():
			q.refused(u, r.port)
		case !replayable(req) || req.Body != nil || try == tries:
			u.errors.Add(1)
			return nil, err
		default:
			u.errors.Add(1)
			q.tried = append(q.tried, u)
			if q.exhausted(r) { // the only one there is may answer the second time
				q.tried = q.tried[:0]
			}
			try++
		}
	}
}

func (q *quest) exhausted(r route) bool { return r.pool.pick(r.port, q.tried) == nil }

func isDialError(err error) bool {
	_, ok := errors.AsType[*dialError](err)
	return ok
}

// send forwards the request in the protocol that the upstream speaks.
func (u *upstream) send(req *http.Request, r route) (*http.Response, error) {
	req.URL.Host = netip.AddrPortFrom(u.Addr, uint16(r.port)).String()
	upgrade := req.Header.Get("Upgrade") != ""
	switch {
	case speaksHTTP2(r.appProtocol, req) && !upgrade:
		return u.http.h2c.RoundTrip(req)
	case req.Body == nil && !upgrade && req.Method != http.MethodHead:
		return u.exchange(req, r.port)
	default:
		return u.http.fresh.RoundTrip(req)
	}
}

// speaksHTTP2: the upstream does if its port is said to, or if nothing is said and the client does.
func speaksHTTP2(appProtocol string, req *http.Request) bool {
	switch appProtocol {
	case "http2", "h2c", "grpc":
		return true
	case "":
		return req.ProtoMajor == 2
	}
	return false
}

// sentBody is a request's body that a failed attempt does not close, and that knows how far the client has got with it.
type sentBody struct {
	io.ReadCloser
	trailer http.Header // filled with the end of the body
	read    atomic.Bool
	failed  atomic.Bool
}

func keepOpen(req *http.Request) *sentBody {
	if req.Body == nil || req.Body == http.NoBody {
		req.Body = nil
		return nil
	}
	dropClaims(req.Trailer) // as announced
	b := &sentBody{ReadCloser: req.Body, trailer: req.Trailer}
	req.Body = b
	return b
}

func (b *sentBody) Read(p []byte) (int, error) {
	b.read.Store(true)
	n, err := b.ReadCloser.Read(p)
	switch {
	case err == io.EOF:
		dropClaims(b.trailer)
	case err != nil:
		b.failed.Store(true)
	}
	return n, err
}

// Close leaves closing to the server that the body came from.
func (b *sentBody) Close() error { return nil }

func (b *sentBody) touched() bool { return b != nil && b.read.Load() }

// broken reports whether it was the client that did not send what it had announced.
func (b *sentBody) broken() bool { return b != nil && b.failed.Load() }

// flight is the body of a response: with its end the request is no longer in flight.
type flight struct {
	io.ReadCloser
	upstream *upstream
	ended    atomic.Bool
}

func releaseWith(body io.ReadCloser, u *upstream) io.ReadCloser {
	f := &flight{ReadCloser: body, upstream: u}
	if w, ok := body.(io.Writer); ok { // of a switched protocol
		return &duplexFlight{flight: f, Writer: w}
	}
	return f
}

func (f *flight) Close() error {
	err := f.ReadCloser.Close()
	if !f.ended.Swap(true) {
		f.upstream.release()
	}
	return err
}

type duplexFlight struct {
	*flight
	io.Writer
}

// CloseWrite passes on that the client has ended its side.
func (f *duplexFlight) CloseWrite() error {
	if c, ok := f.ReadCloser.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return nil
}

type clientKey struct{}

func clientOf(ctx context.Context) *client {
	c, _ := ctx.Value(clientKey{}).(*client)
	return c
}

func destinationOf(ctx context.Context) destination {
	if c := clientOf(ctx); c != nil {
		return c.to
	}
	return destination{}
}
