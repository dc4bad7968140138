package proxy

import (
	"net"
	"sync"
	"time"
)

// settle serves a client that said nothing for a while. That means TCP, for a server that speaks first; but browsers open
// connections ahead of need, too. So until one of both speaks it stays open what the connection is: if the client does, and
// it is HTTP, it is taken for HTTP after all; and when the upstream leaves its pool, another takes its place, so that
// nobody waits for silence to drain.
func (p *Proxy) settle(c *client) {
	p.silent.add(c)
	defer p.silent.remove(c)
	front := c.Conn.(*net.TCPConn)
	client := hear(front)
	for {
		t := p.current.Load()
		l, err := p.connect(c.to)
		if err != nil {
			reset(c)
			return
		}
		server := hear(l.back)
		switch p.firstToSpeak(c, t, l, client, server) {
		case nobody:
			l.end()
		case theClient:
			p.silent.remove(c)
			p.spoke(c, l, <-client, hush(l.back, server))
			return
		case theServer:
			p.silent.remove(c)
			greeting := <-server
			c.prefix = hush(front, client)
			l.join(c, greeting)
			l.end()
			c.Close()
			return
		}
	}
}

// patience is for how long a client may say nothing before others may have its place.
const patience = time.Second

// silentClients are those that have said nothing yet, and to whom nothing was said, with since when.
type silentClients struct {
	mu    sync.Mutex // guards since
	since map[*client]time.Time
}

func (s *silentClients) add(c *client) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.since == nil {
		s.since = map[*client]time.Time{}
	}
	s.since[c] = time.Now()
}

func (s *silentClients) remove(c *client) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.since, c)
}

// close ends those that have been silent for so long.
func (s *silentClients) close(after time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c, since := range s.since {
		if time.Since(since) >= after {
			reset(c)
		}
	}
}

type speaker int

const (
	nobody speaker = iota // the upstream left its pool before
	theClient
	theServer
)

// firstToSpeak waits for it; closing counts as speaking. What was said stays in the channel.
func (p *Proxy) firstToSpeak(c *client, t *table, l *link, client, server chan []byte) speaker {
	for {
		select {
		case said := <-client:
			client <- said
			return theClient
		case said := <-server:
			server <- said
			return theServer
		case <-t.replaced:
			t = p.current.Load()
			if r, ok := t.lookup(c.to); !ok || !among(r.pool.members, l.upstream) {
				return nobody
			}
		}
	}
}

// spoke goes on with a client that spoke first.
func (p *Proxy) spoke(c *client, l *link, said, greeting []byte) {
	c.prefix = said
	if len(said) > 0 && len(greeting) == 0 && p.listen(c, said) == isHTTP {
		l.end()
		p.serveHTTP(c)
		return
	}
	l.join(c, greeting)
	l.end()
	c.Close()
}

// hear reads the first bytes that are said, or none when the connection ends.
func hear(conn *net.TCPConn) chan []byte {
	first := make(chan []byte, 1)
	go func() {
		buf := make([]byte, firstBytes)
		n, _ := conn.Read(buf) // joining meets the error again
		first <- buf[:n]
	}()
	return first
}

// hush stops hearing and returns what was said meanwhile.
func hush(conn *net.TCPConn, first chan []byte) []byte {
	conn.SetReadDeadline(time.Unix(1, 0))
	said := <-first
	conn.SetReadDeadline(time.Time{})
	return said
}
