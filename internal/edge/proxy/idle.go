package proxy

import (
	"bufio"
	"sync"
	"time"
)

const (
	maxIdle  = 512 // per upstream and port
	idleTime = 20 * time.Second
)

// wire is an HTTP/1.1 connection to an upstream.
type wire struct {
	*tracked
	port   int
	in     *bufio.Reader
	out    *bufio.Writer
	reused bool
	since  time.Time // when it became idle
}

// idlePool keeps connections to one upstream, the one used last on top.
type idlePool struct {
	mu     sync.Mutex // guards byPort and sweep
	byPort map[int][]*wire
	sweep  *time.Timer // closes what is idle for too long; nil: nothing is idle
}

func (p *idlePool) take(port int) *wire {
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
