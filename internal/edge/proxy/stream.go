package proxy

import (
	"context"
	"net/http"
	"slices"
	"time"
)

// stream is an answer over HTTP/2 that breaks off when the client takes nothing of it: by flow control it may stand still while
// its connection does not.
type stream struct {
	http.ResponseWriter
	conn  *http.ResponseController
	limit time.Duration
	asked *movingBody // nil: no body, or one that may stand still
}

// streamPiece is as much as one frame takes: what is not taken of it in time is not worth waiting for.
const streamPiece = 16 << 10

// WriteHeader of the answer ends the limit of the request's body: from now on both may speak in turn.
func (s *stream) WriteHeader(status int) {
	if status >= http.StatusOK && s.asked != nil {
		s.asked.letStand()
	}
	s.ResponseWriter.WriteHeader(status)
}

func (s *stream) Write(p []byte) (n int, err error) {
	defer s.mayRest()
	for piece := range slices.Chunk(p, streamPiece) {
		s.mustMove()
		m, err := s.ResponseWriter.Write(piece)
		if n += m; err != nil {
			return n, err
		}
	}
	return n, nil
}

// FlushError is for http.ResponseController.
func (s *stream) FlushError() error {
	defer s.mayRest()
	s.mustMove()
	return s.conn.Flush()
}

// Unwrap is for http.ResponseController.
func (s *stream) Unwrap() http.ResponseWriter { return s.ResponseWriter }

// end is to be called when the answer is whole, of which the server holds a rest. A stream that has ended must get no deadline.
func (s *stream) end(asked context.Context) {
	if asked.Err() == nil {
		s.mustMove()
	}
}

func (s *stream) mustMove() { s.conn.SetWriteDeadline(time.Now().Add(s.limit)) } //nolint:errcheck // writing tells

func (s *stream) mayRest() { s.conn.SetWriteDeadline(time.Time{}) } //nolint:errcheck // as above
