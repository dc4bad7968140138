package proxy

import (
	"bufio"
	"io"
	"net"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	maxIdle  = 512 // per upstream and port
	idleTime = 20 * time.Second
)

// wire is an HTTP/1.1 connection to an upstream.
type wire struct {
	*tracked
	port   int
	said   io.LimitedReader // by the upstream; limited until the body of an answer
	in     *bufio.Reader
	out    *bufio.Writer
	raw    syscall.RawConn
	reused bool
	since  time.Time // when it became idle
}

func newWire(conn *tracked, port int) (*wire, error) {
	raw, err := conn.Conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		return nil, err
	}
	w := &wire{tracked: conn, port: port, raw: raw, said: io.LimitedReader{R: conn}}
	w.in, w.out = bufio.NewReaderSize(&w.said, 4096), bufio.NewWriterSize(conn, 2048)
	return w, nil
}

// quiet reports whether the upstream has neither said anything nor ended its side. What it says unasked, the body of an answer
// that has none, say, would be taken for the next answer, and each answer after it for that of somebody else's request.
//
// Nothing tells what arrives later, while the next request is under way, from the answer to it: HTTP/1.1 goes by order alone.
func (w *wire) quiet() bool {
	var look error
	var one [1]byte
	err := w.raw.Control(func(fd uintptr) {
		_, _, look = unix.Recvfrom(int(fd), one[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
	})
	return err == nil && look == unix.EAGAIN
}

// idlePool keeps connections to one upstream, the one used last on top.
type idlePool struct {
	mu     sync.Mutex // guards byPort and sweep
	byPort map[int][]*wire
	sweep  *time.Timer // closes what is idle for too long; nil: nothing is idle
}

// take is a connection that is still as it was left, or nil. Others are closed.
func (p *idlePool) take(port int) *wire {
	for {
		w := p.pop(port)
		if w == nil || w.quiet() {
			return w
		}
		w.Close()
	}
}

func (p *idlePool) pop(port int) *wire {
	p.mu.Lock()
	defer p.mu.Unlock()
	stack := p.byPort[port]
	if len(stack) == 0 {
		return nil
	}
	w := stack[len(stack)-1]
	stack[len(stack)-1] = nil
	p.byPort[port] = stack[:len(stack)-1]
	return w
}

// put keeps the connection, or reports false when there are enough.
func (p *idlePool) put(w *wire) bool {
	w.since, w.reused = time.Now(), true
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.byPort[w.port]) >= maxIdle {
		return false
	}
	if p.byPort == nil {
		p.byPort = map[int][]*wire{}
	}
	p.byPort[w.port] = append(p.byPort[w.port], w)
	if p.sweep == nil {
		p.sweep = time.AfterFunc(idleTime, p.closeOld)
	}
	return true
}

func (p *idlePool) closeOld() {
	limit := time.Now().Add(-idleTime)
	var old []*wire
	p.mu.Lock()
	left := 0
	for port, stack := range p.byPort {
		n := 0
		for n < len(stack) && stack[n].since.Before(limit) {
			n++
		}
		old = append(old, stack[:n]...)
		p.byPort[port] = append([]*wire(nil), stack[n:]...)
		left += len(stack) - n
	}
	if p.sweep = nil; left > 0 {
		p.sweep = time.AfterFunc(idleTime/2, p.closeOld)
	}
	p.mu.Unlock()
	closeWires(old)
}

func (p *idlePool) closeAll() {
	p.mu.Lock()
	var all []*wire
	for _, stack := range p.byPort {
		all = append(all, stack...)
	}
	p.byPort = nil
	p.mu.Unlock()
	closeWires(all)
}

func closeWires(all []*wire) {
	for _, w := range all {
		w.Close()
	}
}
