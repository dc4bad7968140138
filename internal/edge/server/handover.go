package server

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/seaworthyhq/seaworthy/internal/edge"
	"github.com/seaworthyhq/seaworthy/internal/edge/socket"
)

// Handing over, on one connection to the control socket:
//
//	successor: POST /handover, Upgrade: seaworthy-handover
//	old:       101; freezes its routes; legacy; the files: sockets in the legacy's order, control, lock
//	successor: accepts at all of them, then: ready\n
//	old:       accepts no more, then: retired\n
//
// Until "ready" the old one serves on, and does so for good if the connection ends. From "ready" on both may accept, which
// loses nothing: the queues of the sockets are shared.
const (
	handoverProtocol = "seaworthy-handover"
	handoverTime     = 10 * time.Second
	ready            = "ready\n"
	retired          = "retired\n"
)

// legacy is what a successor is told.
type legacy struct {
	PID     int          `json:"pid"`
	Version string       `json:"version"`
	Routes  edge.Routes  `json:"routes"`
	Sockets []socket.Key `json:"sockets"`
}

// handOver is the old one's side.
func (s *server) handOver(w http.ResponseWriter, r *http.Request) {
	conn, err := switchProtocol(w, r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	defer conn.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.retired {
		return
	}
	if err := s.offer(conn); err != nil {
		s.log.Printf("hand over: %v; serving on", err)
		return
	}
	own, err := listenControl(ownSocket(s.dir))
	if err != nil {
		s.log.Printf("hand over: %v", err)
	}
	if own != nil {
		serveControl(own, s.retiredHandler())
	}
	s.retire()
	conn.Write([]byte(retired)) //nolint:errcheck // it is in office, whether it hears this or not
	s.leave()
}

func switchProtocol(w http.ResponseWriter, r *http.Request) (*net.UnixConn, error) {
	if r.Header.Get("Upgrade") != handoverProtocol {
		return nil, errors.New("hand over: wrong protocol")
	}
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, err
	}
	conn.SetDeadline(time.Now().Add(handoverTime))
	_, err = fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n", handoverProtocol)
	return conn.(*net.UnixConn), err
}

// offer sends everything and waits until the successor is ready.
func (s *server) offer(conn *net.UnixConn) error {
	note := legacy{PID: os.Getpid(), Version: s.version, Routes: s.routes}
	var files []*os.File
	defer func() { socket.CloseAll(files) }()
	for k, sock := range s.sockets {
		f, err := sock.File()
		if err != nil {
			return err
		}
		note.Sockets, files = append(note.Sockets, k), append(files, f)
	}
	control, err := s.control.File()
	if err != nil {
		return err
	}
	files = append(files, control)
	if err := socket.Send(conn, note, append(files[:len(files):len(files)], s.lock)); err != nil {
		return err
	}
	return expect(conn, ready)
}

func expect(conn net.Conn, word string) error {
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		return fmt.Errorf("wait for %q: %w", word[:len(word)-1], err)
	}
	if line != word {
		return fmt.Errorf("wait for %q: got %q", word[:len(word)-1], line)
	}
	return nil
}

// inheritance is what a successor has got.
type inheritance struct {
	legacy
	conn    *net.UnixConn
	sockets []*socket.Socket
	control *net.UnixListener
	lock    *os.File
}

// takeOver is the successor's side, up to "ready"; nil if no edge runs.
func takeOver(ctx context.Context, dir string) (*inheritance, error) {
	conn, err := requestHandover(ctx, dir)
	if conn == nil || err != nil {
		return nil, err
	}
	in := &inheritance{conn: conn}
	files, err := socket.Receive(conn, &in.legacy)
	if err == nil {
		err = in.unpack(files)
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return in, nil
}

func requestHandover(ctx context.Context, dir string) (*net.UnixConn, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "unix", edge.SocketPath(dir))
	if err != nil {
		return nil, nil //nolint:nilerr // nobody to take over from
	}
	c.SetDeadline(time.Now().Add(handoverTime))
	_, err = fmt.Fprintf(c, "POST /handover HTTP/1.1\r\nHost: edge\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n", handoverProtocol)
	if err == nil {
		err = readSwitch(c)
	}
	if err != nil {
		c.Close()
		return nil, fmt.Errorf("take over from the running edge: %w", err)
	}
	return c.(*net.UnixConn), nil
}

// readSwitch reads the answer's head and not one byte more.
func readSwitch(c net.Conn) error {
	var head []byte
	b := make([]byte, 1)
	for len(head) < 4096 {
		if _, err := c.Read(b); err != nil {
			return err
		}
		head = append(head, b[0])
		if n := len(head); n >= 4 && string(head[n-4:]) == "\r\n\r\n" {
			break
		}
	}
	if want := "HTTP/1.1 101 "; len(head) < len(want) || string(head[:len(want)]) != want {
		return fmt.Errorf("unexpected answer %q", head)
	}
	return nil
}

func (in *inheritance) unpack(files []*os.File) error {
	if len(files) != len(in.Sockets)+2 {
		socket.CloseAll(files)
		return fmt.Errorf("take over: got %d files for %d sockets", len(files), len(in.Sockets))
	}
	in.lock = files[len(files)-1]
	defer socket.CloseAll(files[:len(files)-1])
	for i, k := range in.Sockets {
		s, err := socket.FromFile(k, files[i])
		if err != nil {
			return err
		}
		in.sockets = append(in.sockets, s)
	}
	l, err := net.FileListener(files[len(files)-2])
	if err != nil {
		return fmt.Errorf("take over the control socket: %w", err)
	}
	in.control = l.(*net.UnixListener)
	in.control.SetUnlinkOnClose(false)
	return nil
}

// assume tells the old one to stop accepting and waits until it has.
func (in *inheritance) assume() error {
	defer in.conn.Close()
	if _, err := in.conn.Write([]byte(ready)); err != nil {
		return fmt.Errorf("take over: %w", err)
	}
	return expect(in.conn, retired)
}
