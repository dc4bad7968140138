package proxy

import (
	"io"
	"net"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// piece is how much is carried at once.
const piece = 64 << 10

var pieces = sync.Pool{New: func() any { return new([piece]byte) }}

// carry copies until the end. Nothing but the two connections is held while nothing comes: io.Copy would splice, through a pipe of
// two descriptors that it takes before there is anything to splice and that stay in a pool when the connection has ended.
func carry(to io.Writer, from *net.TCPConn) error {
	raw, err := from.SyscallConn()
	if err != nil {
		return err
	}
	for {
		if n, err := carryPiece(to, raw); n == 0 || err != nil {
			return err
		}
	}
}

// carryPiece waits for something to carry; 0: there is no more.
func carryPiece(to io.Writer, from syscall.RawConn) (n int, err error) {
	var buf *[piece]byte
	var readErr error
	err = from.Read(func(fd uintptr) bool {
		buf = pieces.Get().(*[piece]byte)
		for n, readErr = unix.Read(int(fd), buf[:]); readErr == unix.EINTR; {
			n, readErr = unix.Read(int(fd), buf[:])
		}
		if readErr == unix.EAGAIN {
			pieces.Put(buf)
			buf = nil
			return false
		}
		return true
	})
	if buf != nil {
		defer pieces.Put(buf)
	}
	if err != nil {
		return 0, err
	}
	if readErr != nil || n == 0 {
		return 0, readErr
	}
	return to.Write(buf[:n])
}
