package proxy

import (
	"net"
	"net/http"
	"time"

	"golang.org/x/sys/unix"
)

// limits are for how long a client may keep what it has been given without using it.
type limits struct {
	head  time.Duration // of a request, from its first byte until it is whole
	idle  time.Duration // between two requests of a connection
	still time.Duration // a request's body of which nothing comes
	// untaken is an answer of which nothing is taken. A client that reads slowly may take nothing for minutes and then megabytes: it
	// makes room when a part of its buffer is free, and the faster it once was the larger that is.
	untaken time.Duration
}

var usual = limits{head: time.Minute, idle: 2 * time.Minute, still: time.Minute, untaken: 10 * time.Minute}

const (
	longestHead       = 64 << 10 // of a request
	longestAnswerHead = 1 << 20  // of all that comes before an answer's body
)

// multiplexed is what one connection in HTTP/2 may take. net/http makes room for a frame as soon as its length is announced;
// longer ones than everybody must take bring nothing.
var multiplexed = http.HTTP2Config{MaxConcurrentStreams: 250, MaxReadFrameSize: 16 << 10}

// endStill has a connection end when nothing of what waits to be sent has been taken for so long; 0: it stays. The kernel knows
// what the other side takes. Whether we can write tells less: it may take a slow reader minutes to make the room for that.
func endStill(conn net.Conn, limit time.Duration) {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return
	}
	if raw, err := tcp.SyscallConn(); err == nil {
		raw.Control(func(fd uintptr) { //nolint:errcheck // a connection that has ended
			unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(limit.Milliseconds())) //nolint:errcheck // it stays
		})
	}
}
