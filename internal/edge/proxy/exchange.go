package proxy

import (
	"context"
	"errors"
	"io"
	"math"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
)

// exchange is the short way: it sends a request without a body over an HTTP/1.1 connection and reads the answer on the
// goroutine of the caller. net/http's Transport, made for everything, hands each request to two goroutines and back, which
// costs more than the rest of forwarding. Requests with a body, and upgrades, take the Transport; so does HEAD, which some answer
// with a body all the same: what follows such an answer must not be there when the next one is awaited.
//
// An error before the first byte of an answer on a connection that was used before means that the upstream closed it while
// it was idle; only requests that may be sent twice use such connections, and they are.
func (u *upstream) exchange(req *http.Request, port int) (*http.Response, error) {
	for replayable(req) {
		w := u.idle.take(port)
		if w == nil {
			break
		}
		resp, answered, err := u.exchangeOver(w, req)
		if err == nil || answered || req.Context().Err() != nil {
			return resp, err
		}
	}
	conn, err := u.dial(req.Context(), "tcp", port)
	if err != nil {
		return nil, err
	}
	w, err := newWire(conn, port)
	if err != nil {
		conn.Close()
		return nil, err
	}
	resp, _, err := u.exchangeOver(w, req)
	return resp, err
}

// replayable reports whether a request without a body may be sent twice, as net/http judges it.
func replayable(req *http.Request) bool {
	switch req.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace:
		return true
	}
	return req.Header["Idempotency-Key"] != nil || req.Header["X-Idempotency-Key"] != nil
}

func (u *upstream) exchangeOver(w *wire, req *http.Request) (resp *http.Response, answered bool, err error) {
	stop := context.AfterFunc(req.Context(), func() { w.Close() })
	resp, answered, err = w.roundTrip(req)
	if err != nil {
		stop()
		w.Close()
		return nil, answered, err
	}
	body := &answer{ReadCloser: resp.Body, wire: w, asked: req.Context(), stop: stop, keep: !resp.Close && !tellsOfBody(resp)}
	resp.Body = body
	if resp.ContentLength == 0 {
		body.finish(true)
	}
	return resp, true, nil
}

// tellsOfBody reports whether an answer that cannot have a body has the length of one. It comes behind then, who knows when.
func tellsOfBody(resp *http.Response) bool {
	length := resp.Header.Get("Content-Length")
	return resp.StatusCode == http.StatusNoContent && (length != "" && length != "0" || resp.TransferEncoding != nil)
}

func (w *wire) roundTrip(req *http.Request) (resp *http.Response, answered bool, err error) {
	if err := req.Write(w.out); err != nil {
		return nil, false, err
	}
	if err := w.out.Flush(); err != nil {
		return nil, false, err
	}
	w.said.N = longestAnswerHead
	defer func() { w.said.N = math.MaxInt64 }()
	if _, err := w.in.Peek(1); err != nil {
		return nil, false, err
	}
	for {
		resp, err := http.ReadResponse(w.in, req)
		if err != nil {
			return nil, true, err
		}
		if w.reused && resp.StatusCode == http.StatusRequestTimeout {
			return nil, false, errIdled
		}
		if resp.StatusCode >= 200 {
			return resp, true, nil
		}
		if err := passInformation(req, resp); err != nil {
			return nil, true, err
		}
	}
}

// errIdled: the upstream closes a connection for being idle, and says so (RFC 9110, 15.5.9) where an answer is awaited.
var errIdled = errors.New("upstream waited for a request for too long")

// passInformation hands a 1xx answer to who asked.
func passInformation(req *http.Request, resp *http.Response) error {
	if resp.StatusCode == http.StatusSwitchingProtocols {
		return errors.New("upstream switches protocols unasked")
	}
	if trace := httptrace.ContextClientTrace(req.Context()); trace != nil && trace.Got1xxResponse != nil {
		return trace.Got1xxResponse(resp.StatusCode, textproto.MIMEHeader(resp.Header))
	}
	return nil
}

// answer is the body of a response; once it is read, its connection is idle.
type answer struct {
	io.ReadCloser
	wire  *wire
	asked context.Context // ends when the client goes
	stop  func() bool
	keep  bool
	done  bool
}

func (a *answer) Read(p []byte) (int, error) {
	n, err := a.ReadCloser.Read(p)
	if err != nil {
		a.finish(err == io.EOF)
	}
	if err != nil && err != io.EOF && a.asked.Err() != nil {
		err = context.Canceled // we have closed the connection ourselves: the replica is not to blame, and nobody is to be told
	}
	return n, err
}

func (a *answer) Close() error {
	a.finish(false)
	return nil
}

func (a *answer) finish(whole bool) {
	if a.done {
		return
	}
	a.done = true
	inTime := a.stop()
	u := a.wire.of
	if whole && inTime && a.keep && a.wire.in.Buffered() == 0 && !u.retired.Load() && u.idle.put(a.wire) {
		return
	}
	a.wire.Close()
}
