package server

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seaworthyhq/seaworthy/internal/edge"
	"github.com/seaworthyhq/seaworthy/internal/edge/socket"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

var loads = map[string][]string{
	"with keep-alive":    nil,
	"without keep-alive": {"-H", "Connection: close"},
}

func TestNoRequestFailsOverSwaps(t *testing.T) {
	for name, args := range loads {
		t.Run(name, func(t *testing.T) {
			c, _ := ensure(t, launch(t, "1"))
			port, target := freePort(t), freePort(t)
			u, srv := replica(t, 1, target)
			apply(t, c, published("127.0.0.1", port, target, u))
			wait := wrk(t, port, 3, args...)
			for i := byte(2); i < 12; i++ {
				next, nextSrv := replica(t, i, target)
				apply(t, c, published("127.0.0.1", port, target, next))
				if left, err := c.Drain(t.Context(), u.ID); left != 0 || err != nil {
					t.Fatalf("%d left, %v", left, err)
				}
				srv.Close() // as a replica that is killed once it is drained
				u, srv = next, nextSrv
				time.Sleep(100 * time.Millisecond) // spreads the swaps over the load
			}
			wait()
		})
	}
}

func TestNoConnectionIsLostOverHandovers(t *testing.T) {
	for name, args := range loads {
		t.Run(name, func(t *testing.T) {
			l := launch(t, "0")
			c, _ := ensure(t, l)
			port, target := freePort(t), freePort(t)
			u, srv := replica(t, 1, target)
			apply(t, c, published("127.0.0.1", port, target, u))
			wait := wrk(t, port, 3, args...)
			for i := byte(2); i < 8; i++ {
				l.Version = fmt.Sprint(i)
				if _, s := ensure(t, l); s.Version != l.Version {
					t.Fatalf("version %q is in office, want %q", s.Version, l.Version)
				}
				// The predecessor's connections follow the swap, too.
				next, nextSrv := replica(t, i, target)
				apply(t, c, published("127.0.0.1", port, target, next))
				if left, err := c.Drain(t.Context(), u.ID); left != 0 || err != nil {
					t.Fatalf("%d left, %v", left, err)
				}
				srv.Close()
				u, srv = next, nextSrv
				time.Sleep(150 * time.Millisecond) // spreads the handovers over the load
			}
			wait()
		})
	}
}

func TestEstablishedConnectionOutlivesHandover(t *testing.T) {
	l := launch(t, "1")
	c, first := ensure(t, l)
	port, target := freePort(t), freePort(t)
	echo, err := net.Listen("tcp4", fmt.Sprintf("127.0.5.1:%d", target))
	if err != nil {
		t.Fatal(err)
	}
	defer echo.Close()
	go func() {
		for {
			conn, err := echo.Accept()
			if err != nil {
				return
			}
			go io.Copy(conn, conn)
		}
	}()
	u := edge.Upstream{ID: "echo", Addr: addrOf(echo)}
	apply(t, c, published("127.0.0.1", port, target, u))
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	in := bufio.NewReader(conn)
	say := func(word string) {
		t.Helper()
		conn.SetDeadline(time.Now().Add(10 * time.Second))
		io.WriteString(conn, word+"\n")
		if line, err := in.ReadString('\n'); line != word+"\n" {
			t.Fatalf("echo %q, %v", line, err)
		}
	}
	say("before")
	l.Version = "2"
	ensure(t, l)
	say("after")
	s, err := c.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Predecessors) != 1 || s.Predecessors[0].PID != first.PID || s.InFlight("echo") != 1 {
		t.Fatalf("status %+v", s)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if left, err := c.Drain(ctx, "echo"); left != 1 || err != nil {
		t.Errorf("%d left, %v; want the predecessor's connection", left, err)
	}
	if n, err := c.CloseNow(t.Context(), "echo"); n != 1 || err != nil {
		t.Errorf("%d ended, %v", n, err)
	}
	if _, err := in.ReadString('\n'); err == nil {
		t.Error("the connection is open")
	}
	wait, cancelWait := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancelWait()
	if err := edge.Watch(wait, first.PID); err != nil {
		t.Errorf("the predecessor stays although its last connection has ended: %v", err)
	}
}

func TestOldServesOnWhenSuccessorDiesHalfWay(t *testing.T) {
	l := launch(t, "1")
	c, before := ensure(t, l)
	port, target := freePort(t), freePort(t)
	u, _ := replica(t, 1, target)
	apply(t, c, published("127.0.0.1", port, target, u))
	for _, after := range []string{"the request", "the sockets"} {
		conn, err := requestHandover(t.Context(), l.Dir)
		if err != nil {
			t.Fatal(err)
		}
		if after == "the sockets" {
			files, err := socket.Receive(conn, &legacy{})
			if err != nil {
				t.Fatal(err)
			}
			socket.CloseAll(files)
		}
		conn.Close()
		if got := get(t, port); got != u.ID {
			t.Errorf("after %s: answer %q", after, got)
		}
		apply(t, c, published("127.0.0.1", port, target, u))
		if s, err := c.Status(t.Context()); err != nil || s.PID != before.PID {
			t.Errorf("after %s: status %+v, %v", after, s, err)
		}
	}
	l.Version = "2"
	ensure(t, l)
	if got := get(t, port); got != u.ID {
		t.Errorf("after a whole handover: answer %q", got)
	}
}

func TestKilledEdgeComesBackWithItsRoutes(t *testing.T) {
	l := launch(t, "1")
	ctx, cancel := context.WithCancel(t.Context())
	changes := make(chan edge.Status, 10)
	ended := make(chan error)
	go func() {
		ended <- l.Supervise(ctx, func(s edge.Status, err error) {
			if err != nil {
				t.Error(err)
			}
			changes <- s
		})
	}()
	t.Cleanup(func() { cancel(); <-ended })
	first := <-changes
	c := edge.NewClient(l.Dir)
	port, target := freePort(t), freePort(t)
	u, _ := replica(t, 1, target)
	routes := published("127.0.0.1", port, target, u)
	apply(t, c, routes)

	syscall.Kill(first.PID, syscall.SIGKILL)
	second := <-changes
	if second.PID == first.PID {
		t.Fatal("no other process came")
	}
	if got := get(t, port); got != u.ID {
		t.Errorf("answer %q", got)
	}
	got, err := c.Routes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(fmt.Sprint(routes), fmt.Sprint(got)); diff != "" {
		t.Error(diff)
	}
	// An order that is given while nobody is there waits for the next.
	syscall.Kill(second.PID, syscall.SIGKILL)
	apply(t, c, routes)
	if third := <-changes; third.PID == second.PID {
		t.Error("no other process came")
	}
}

func TestPortThatIsTakenChangesNothing(t *testing.T) {
	c, _ := ensure(t, launch(t, "1"))
	port, other, target := freePort(t), freePort(t), freePort(t)
	u, _ := replica(t, 1, target)
	before := published("127.0.0.1", port, target, u)
	apply(t, c, before)
	taken, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	r := published("127.0.0.1", other, target, u)
	l := r.Listeners[0]
	l.Addr = taken.Addr().(*net.TCPAddr).AddrPort()
	r.Listeners = append(r.Listeners, l)

	err = c.Apply(t.Context(), r)
	var user *release.UserError
	if !errors.As(err, &user) || user.Kind != release.KindConflict {
		t.Fatalf("error %v", err)
	}
	for _, part := range []string{l.Addr.String(), fmt.Sprintf("pid %d", os.Getpid())} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not say %q", err, part)
		}
	}
	if got := get(t, port); got != u.ID {
		t.Errorf("answer %q", got)
	}
	if _, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", other)); err == nil {
		t.Error("one of the new ports is open")
	}
	if now, _ := c.Routes(t.Context()); fmt.Sprint(now) != fmt.Sprint(before) {
		t.Errorf("routes %v", now)
	}
}

func TestPublishedAddressMayChangeToOverlappingOne(t *testing.T) {
	c, _ := ensure(t, launch(t, "1"))
	port, target := freePort(t), freePort(t)
	u, _ := replica(t, 1, target)
	for _, host := range []string{"0.0.0.0", "127.0.0.1", "::", "127.0.0.1", "0.0.0.0"} {
		if err := c.Apply(t.Context(), published(host, port, target, u)); err != nil {
			t.Fatalf("%s: %v", host, err)
		}
		if got := get(t, port); got != u.ID {
			t.Errorf("%s: answer %q", host, got)
		}
	}
}

func TestRemovedListenerIsClosed(t *testing.T) {
	c, _ := ensure(t, launch(t, "1"))
	port, target := freePort(t), freePort(t)
	u, _ := replica(t, 1, target)
	apply(t, c, published("127.0.0.1", port, target, u))
	apply(t, c, edge.Routes{})
	if conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
		conn.Close()
		t.Error("the port is open")
	}
}

func TestContradictingRoutesAreRefused(t *testing.T) {
	c, _ := ensure(t, launch(t, "1"))
	r := published("127.0.0.1", 1, 1)
	r.Listeners[0].Pool = "nobody"
	if err := c.Apply(t.Context(), r); err == nil || !strings.Contains(err.Error(), `unknown pool "nobody"`) {
		t.Errorf("error %v", err)
	}
}

func TestPortTakenAtStartDoesNotKeepTheRest(t *testing.T) {
	l := launch(t, "1")
	c, s := ensure(t, l)
	port, second, target := freePort(t), freePort(t), freePort(t)
	u, _ := replica(t, 1, target)
	r := published("127.0.0.1", port, target, u)
	more := published("127.0.0.1", second, target, u)
	r.Listeners = append(r.Listeners, more.Listeners...)
	apply(t, c, r)
	syscall.Kill(s.PID, syscall.SIGKILL)
	edge.Watch(t.Context(), s.PID)
	taken, err := net.Listen("tcp4", fmt.Sprintf("127.0.0.1:%d", second))
	if err != nil {
		t.Fatal(err)
	}
	if _, s = ensure(t, l); len(s.Missing) != 1 {
		t.Errorf("missing %q", s.Missing)
	}
	if got := get(t, port); got != u.ID {
		t.Errorf("answer %q", got)
	}
	taken.Close()
	eventually(t, "the port is taken once it is free", func() bool {
		s, err := c.Status(t.Context())
		return err == nil && len(s.Missing) == 0
	})
	if got := get(t, second); got != u.ID {
		t.Errorf("answer %q", got)
	}
}

func TestControlIsForUsAlone(t *testing.T) {
	l := launch(t, "1")
	ensure(t, l)
	info, err := os.Stat(filepath.Join(l.Dir, "edge.sock"))
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
}

func TestSecondEdgeWithoutHandoverIsRefused(t *testing.T) {
	l := launch(t, "1")
	ensure(t, l)
	if f, err := lock(l.Dir); err == nil {
		f.Close()
		t.Error("the lock was given twice")
	}
	l.Version = "2"
	ensure(t, l) // inherits the lock
	if f, err := lock(l.Dir); err == nil {
		f.Close()
		t.Error("the lock was lost in the handover")
	}
}

func TestACrowdDoesNotKeepOrdersOut(t *testing.T) {
	l := launch(t, "1")
	l.Binary, l.Args = "/bin/sh", []string{"-c", `ulimit -n 128; exec "$0" edge "$@"`, os.Args[0]}
	c, _ := ensure(t, l)
	port, target := freePort(t), freePort(t)
	u, _ := replica(t, 1, target)
	apply(t, c, published("127.0.0.1", port, target, u))
	var crowd []net.Conn
	for range 300 {
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue // reset before we knew it
		}
		defer conn.Close()
		io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ")
		crowd = append(crowd, conn)
	}
	next, _ := replica(t, 2, target)
	apply(t, c, published("127.0.0.1", port, target, next))
	if s, err := c.Status(t.Context()); err != nil || s.Connections == 0 || s.Connections >= 128 {
		t.Errorf("status %+v, %v", s, err)
	}
	for _, conn := range crowd {
		conn.Close()
	}
	eventually(t, "the crowd has left", func() bool {
		s, err := c.Status(t.Context())
		return err == nil && s.Connections == 0
	})
	if got := get(t, port); got != next.ID {
		t.Errorf("answer %q", got)
	}
}
