package names

import (
	"net"
	"sync"
)

// What replicas may keep us busy with at once, so that one that asks without end takes neither files nor memory from all others.
const (
	mostConnections = 128 // of one socket
	mostAsked       = 256 // queries that the host's resolvers have yet to answer
)

// limited is a listener that accepts a connection only when one of its slots is free.
type limited struct {
	net.Listener
	slots chan struct{}
}

func limit(l net.Listener) *limited { return &limited{l, make(chan struct{}, mostConnections)} }

// Accept returns the next connection that has a slot.
func (l *limited) Accept() (net.Conn, error) {
	l.slots <- struct{}{}
	free := sync.OnceFunc(func() { <-l.slots })
	conn, err := l.Listener.Accept()
	if err != nil {
		free()
		return nil, err
	}
	return &slotted{conn, free}, nil
}

type slotted struct {
	net.Conn
	free func()
}

// Close frees the slot.
func (s *slotted) Close() error {
	defer s.free()
	return s.Conn.Close()
}
