package proxy

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// movingBody is a request's body that breaks off when nothing comes.
type movingBody struct {
	io.ReadCloser
	conn  *http.ResponseController
	limit time.Duration

	mu    sync.Mutex // guards what follows, and the deadline until it is ended
	whole bool
	ended bool // who reads on does not set deadlines of the next request
}

// keepMoving returns req with such a body.
func keepMoving(w http.ResponseWriter, req *http.Request, limit time.Duration) (*http.Request, *movingBody) {
	b := &movingBody{ReadCloser: req.Body, conn: http.NewResponseController(w), limit: limit}
	moving := req.WithContext(req.Context())
	moving.Body = b
	return moving, b
}

func (b *movingBody) Read(p []byte) (int, error) {
	b.setDeadline(time.Now().Add(b.limit), false)
	n, err := b.ReadCloser.Read(p)
	if err == nil || err == io.EOF { // after others, the server must not wait for the rest either
		b.setDeadline(time.Time{}, err == io.EOF)
	}
	return n, err
}

func (b *movingBody) setDeadline(at time.Time, whole bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.whole = b.whole || whole
	if !b.ended {
		b.conn.SetReadDeadline(at) // where it has ended, reading tells
	}
}

// end is to be called when the request is answered. Over HTTP/1 the server may read on then, to use the connection again.
func (b *movingBody) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.ended && !b.whole {
		b.conn.SetReadDeadline(time.Now().Add(b.limit))
	}
	b.ended = true
}

// letStand ends the limit: what is still to come of the body may wait, as in a conversation.
func (b *movingBody) letStand() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.conn.SetReadDeadline(time.Time{})
	b.ended = true
}

// converses reports whether a request and its answer are a conversation from the beginning, in which a client may be silent for
// hours. In gRPC they are. At a replica that speaks HTTP/2 they take no connection of their own.
func (p *Proxy) converses(req *http.Request) bool {
	if req.ProtoMajor == 1 || !strings.HasPrefix(req.Header.Get("Content-Type"), "application/grpc") {
		return false
	}
	r, ok := p.current.Load().lookup(destinationOf(req.Context()))
	return ok && speaksHTTP2(r.appProtocol, req)
}
