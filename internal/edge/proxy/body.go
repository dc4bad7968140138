package proxy

import (
	"io"
	"net/http"
	"sync"
	"time"
)

// stalled is how long a request's body may stand still. Only in HTTP/1: the streams of HTTP/2 share a connection, and those of
// gRPC are silent for hours.
const stalled = time.Minute

// movingBody is a request's body that breaks off when nothing comes.
type movingBody struct {
	io.ReadCloser
	conn  *http.ResponseController
	limit time.Duration

	mu    sync.Mutex // guards ended, and the connection's deadline until then
	ended bool       // who reads on does not set deadlines of the next request
}

// keepMoving returns req with such a body, and what is to be called when it is answered.
func keepMoving(w http.ResponseWriter, req *http.Request, limit time.Duration) (moving *http.Request, end func()) {
	b := &movingBody{ReadCloser: req.Body, conn: http.NewResponseController(w), limit: limit}
	moving = req.WithContext(req.Context())
	moving.Body = b
	return moving, b.end
}

func (b *movingBody) Read(p []byte) (int, error) {
	b.setDeadline(time.Now().Add(b.limit))
	n, err := b.ReadCloser.Read(p)
	if err == nil || err == io.EOF { // after others, the server must not wait for the rest either
		b.setDeadline(time.Time{})
	}
	return n, err
}

func (b *movingBody) setDeadline(at time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.ended {
		b.conn.SetReadDeadline(at) // where it has ended, reading tells
	}
}

func (b *movingBody) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ended = true
}
