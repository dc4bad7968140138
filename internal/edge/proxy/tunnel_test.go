package proxy

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seaworthyhq/seaworthy/internal/edge"
)

func addr(s string) netip.Addr         { return netip.MustParseAddr(s) }
func addrPort(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

func TestConnectionIsForwardedWithHalfClose(t *testing.T) {
	r := newRig(t)
	r.route("", nil, r.serveTCP(func(c *net.TCPConn) {
		all, _ := io.ReadAll(c) // ends with the client's side
		fmt.Fprintf(c, "%d bytes", len(all))
	}))
	conn := r.dial()
	big := make([]byte, 3<<20)
	if _, err := conn.Write(big); err != nil {
		t.Fatal(err)
	}
	conn.CloseWrite()
	if got, err := io.ReadAll(conn); string(got) != "3145728 bytes" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

// The budget counts two connections, and leaves few descriptors beside.
func TestTunnelTakesTheDescriptorsOfItsConnectionsOnly(t *testing.T) {
	r := newRig(t)
	r.route("tcp", nil, r.serveTCP(func(c *net.TCPConn) { io.Copy(struct{ io.Writer }{c}, c) }))
	before := descriptors(t)
	const tunnels = 32
	for range tunnels {
		conn := r.dial()
		for range 2 { // with the second one, both directions have been at work
			io.WriteString(conn, "x")
			if _, err := io.ReadFull(conn, make([]byte, 1)); err != nil {
				t.Fatal(err)
			}
		}
	}
	// Their far ends are ours, too.
	if per := float64(descriptors(t)-before) / tunnels; per > 5 {
		t.Errorf("a tunnel and its far ends take %.1f descriptors, want 4", per)
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

func TestSilentClientHearsServerThatSpeaksFirst(t *testing.T) {
	r := newRig(t)
	r.route("", nil, r.serveTCP(func(c *net.TCPConn) {
		io.WriteString(c, "220 ready\n")
		io.Copy(c, c)
	}))
	conn := r.dial()
	in := bufio.NewReader(conn)
	if line, err := in.ReadString('\n'); line != "220 ready\n" {
		t.Fatalf("greeting %q, %v", line, err)
	}
	io.WriteString(conn, "GET / too late for HTTP\n")
	if line, _ := in.ReadString('\n'); line != "GET / too late for HTTP\n" {
		t.Errorf("echo %q", line)
	}
}

func TestFirstLineTellsHTTP(t *testing.T) {
	for first, want := range map[string]verdict{
		"":                                       unsure,
		"G":                                      unsure,
		"GET ":                                   unsure,
		"PRI * HTTP/2":                           unsure,
		"ruok":                                   unsure, // ZooKeeper, which waits for no end of a line
		"GET / HTTP/1.1\r\n":                     isHTTP,
		"PRI * HTTP/2.0\r\n":                     isHTTP,
		"PROPFIND /a HTTP/1.1\r\n":               isHTTP,
		"any /thing http/1.0\n":                  isHTTP,
		"CONNECT db:5432 HTTP/1.1\r\n":           isHTTP,
		"\r\n\r\nGET / HTTP/1.1\r\n":             isHTTP, // RFC 9112, 2.2 has servers skip empty lines
		" GET\t/  HTTP/1.1 \r\n":                 isHTTP,
		"FOO / HTTP/1.1\rHost: x\r\n\r\n":        isHTTP,
		"GET /" + strings.Repeat("a", 8000):      isHTTP,
		strings.Repeat("a", 8000):                notHTTP,
		"GET key\r\n":                            notHTTP, // Redis, as people type it
		"get /key\r\n":                           notHTTP, // memcached
		"OPTIONS rtsp://x RTSP/1.0\r\n":          notHTTP,
		"SSH-2.0-OpenSSH_9 Debian\r\n":           notHTTP,
		"HTTP/1.1\r\n":                           notHTTP,
		"*1\r\n$4\r\nPING\r\n":                   notHTTP, // Redis
		"\xc2\x85 \n":                            notHTTP,
		"GET: / HTTP/1.1\r\n":                    isHTTP, // to servers that take any word for a method
		"\xe9\x01 / HTTP/1.1\r\n":                isHTTP,
		"\x16\x03\x01\x02":                       unsure, // TLS, which goes on at once nevertheless
		`{"a": "b"`:                              unsure,
		"GET: /" + strings.Repeat("a", 8000):     unsure,
		`{"a": "b` + strings.Repeat("a", 65<<10): notHTTP,
	} {
		if got := sniff([]byte(first)); got != want {
			t.Errorf("sniff(%.40q) = %v, want %v", first, got, want)
		}
	}
}

func TestConnectionGoesToReplicaThatTakesIt(t *testing.T) {
	r := newRig(t)
	echo := r.serveTCP(func(c *net.TCPConn) { io.Copy(c, c) })
	r.route("tcp", nil, r.absent(), echo, r.absent())
	for range 6 {
		conn := r.dial()
		io.WriteString(conn, "x")
		if _, err := io.ReadFull(conn, make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestConnectionToNobodyIsClosed(t *testing.T) {
	r := newRig(t)
	r.route("tcp", nil)
	conn, err := net.Dial("tcp", r.addr.String())
	if err != nil {
		return // it was reset before we knew it
	}
	defer conn.Close()
	if _, err := conn.Read(make([]byte, 1)); err == nil {
		t.Error("the connection is open")
	}
}

func TestHeldRequestIsServedWhenReplicaAppears(t *testing.T) {
	r := newRig(t)
	hold := &edge.Hold{Limit: time.Minute, Expires: time.Now().Add(time.Minute)}
	for name, before := range map[string][]edge.Upstream{"empty pool": nil, "refused": {r.absent()}} {
		t.Run(name, func(t *testing.T) {
			r.route("http", hold, before...)
			answer := make(chan string)
			go func() {
				_, body := get(t, r.client(), r.url())
				answer <- body
			}()
			eventually(t, "the request waits", func() bool {
				pools, _ := r.Status()
				return pools[0].Waiting == 1
			})
			r.route("http", nil, r.named("new"))
			if got := <-answer; got != "new" {
				t.Errorf("answer %q", got)
			}
		})
	}
}

func TestHeldConnectionIsServedWhenReplicaAppears(t *testing.T) {
	r := newRig(t)
	r.route("tcp", &edge.Hold{Limit: time.Minute, Expires: time.Now().Add(time.Minute)})
	conn := r.dial()
	io.WriteString(conn, "x")
	eventually(t, "the connection waits", func() bool {
		pools, _ := r.Status()
		return pools[0].Waiting == 1
	})
	r.route("tcp", nil, r.serveTCP(func(c *net.TCPConn) { io.Copy(c, c) }))
	if _, err := io.ReadFull(conn, make([]byte, 1)); err != nil {
		t.Error(err)
	}
}

func TestHoldEnds(t *testing.T) {
	r := newRig(t)
	for name, hold := range map[string]edge.Hold{
		"by its limit":      {Limit: 20 * time.Millisecond, Expires: time.Now().Add(time.Hour)},
		"when it expires":   {Limit: time.Hour, Expires: time.Now().Add(100 * time.Millisecond)},
		"before it is used": {Limit: time.Hour, Expires: time.Now().Add(-time.Second)},
	} {
		t.Run(name, func(t *testing.T) {
			r.route("http", &hold)
			if status, _ := get(t, r.client(), r.url()); status != 503 {
				t.Errorf("answer %d", status)
			}
		})
	}
}

// upgraded opens a WebSocket-like connection that echoes.
func upgraded(t *testing.T, r *rig) (*net.TCPConn, *bufio.Reader) {
	t.Helper()
	conn := r.dial()
	io.WriteString(conn, "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
	in := bufio.NewReader(conn)
	resp, err := http.ReadResponse(in, nil)
	if err != nil || resp.StatusCode != 101 {
		t.Fatalf("upgrade: %v, %v", resp, err)
	}
	return conn, in
}

func TestWhatFollowsAnUpgradeAtOnceArrives(t *testing.T) {
	r := newRig(t)
	r.route("", nil, r.serve(echoUpgrade))
	conn := r.dial()
	io.WriteString(conn, "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nearly\n")
	in := bufio.NewReader(conn)
	if resp, err := http.ReadResponse(in, nil); err != nil || resp.StatusCode != 101 {
		t.Fatalf("upgrade: %v, %v", resp, err)
	}
	if line, err := in.ReadString('\n'); line != "early\n" {
		t.Errorf("echo %q, %v", line, err)
	}
	say(t, conn, in, "later")
}

func echoUpgrade(w http.ResponseWriter, _ *http.Request) {
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
	io.Copy(conn, rw)
}

func say(t *testing.T, conn net.Conn, in *bufio.Reader, word string) {
	t.Helper()
	io.WriteString(conn, word+"\n")
	if line, err := in.ReadString('\n'); line != word+"\n" {
		t.Fatalf("echo %q, %v", line, err)
	}
}

func TestDrainWaitsForWebSocketAndCloseNowEndsIt(t *testing.T) {
	r := newRig(t)
	u := r.serve(echoUpgrade)
	r.route("", nil, u)
	conn, in := upgraded(t, r)
	say(t, conn, in, "before")
	r.route("", nil, r.named("new"))
	say(t, conn, in, "after the swap")

	short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if left := r.Drain(short, u.ID); left != 1 {
		t.Fatalf("%d left at the deadline, want 1", left)
	}
	say(t, conn, in, "after the deadline")
	if n := r.CloseNow(u.Addr.String()); n != 1 {
		t.Errorf("%d ended, want 1", n)
	}
	if _, err := in.ReadString('\n'); err == nil {
		t.Error("the connection is open")
	}
	if left := r.Drain(t.Context(), u.ID); left != 0 {
		t.Errorf("%d left after CloseNow", left)
	}
}

func TestDrainWaitsForRequestsAndConnections(t *testing.T) {
	for _, kind := range []string{"http", "tcp"} {
		t.Run(kind, func(t *testing.T) {
			r := newRig(t)
			entered, more := make(chan struct{}), make(chan struct{})
			var u edge.Upstream
			if kind == "http" {
				u = r.serve(func(w http.ResponseWriter, _ *http.Request) { close(entered); <-more; io.WriteString(w, "done") })
			} else {
				u = r.serveTCP(func(c *net.TCPConn) { close(entered); <-more; io.WriteString(c, "done") })
			}
			r.route(kind, nil, u)
			conn := r.dial()
			io.WriteString(conn, "GET / HTTP/1.0\r\n\r\n")
			<-entered
			r.route(kind, nil, r.named("new"))
			drained := make(chan int64)
			go func() { drained <- r.Drain(t.Context(), u.ID) }()
			select {
			case <-drained:
				t.Fatal("drained while it is in flight")
			default:
			}
			close(more)
			got, err := io.ReadAll(conn)
			if len(got) < 4 || string(got[len(got)-4:]) != "done" {
				t.Errorf("got %q, %v", got, err)
			}
			conn.Close()
			if left := <-drained; left != 0 {
				t.Errorf("%d left", left)
			}
			_, draining := r.Status()
			if diff := cmp.Diff(0, len(draining)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDrainClosesIdleConnections(t *testing.T) {
	r := newRig(t)
	closed := make(chan struct{}, 10)
	u := r.serveWith(&http.Server{
		Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}),
		ConnState: func(_ net.Conn, s http.ConnState) {
			if s == http.StateClosed {
				closed <- struct{}{}
			}
		},
	})
	r.route("", nil, u)
	get(t, r.client(), r.url())
	r.Drain(t.Context(), u.ID)
	select {
	case <-closed:
	case <-time.After(10 * time.Second):
		t.Error("the idle connection is open")
	}
}

func TestDatagramsAreForwardedAndDrained(t *testing.T) {
	r := newRig(t)
	replica := func() (edge.Upstream, *net.UDPConn) {
		a := r.nextAddr()
		c, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(a, uint16(r.port))))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		go func() {
			buf := make([]byte, 100)
			for {
				n, from, err := c.ReadFromUDPAddrPort(buf)
				if err != nil {
					return
				}
				c.WriteToUDPAddrPort(fmt.Appendf(nil, "%s from %s", buf[:n], a), from)
			}
		}()
		return edge.Upstream{ID: a.String(), Addr: a}, c
	}
	u, _ := replica()
	socket, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	at := socket.LocalAddr().(*net.UDPAddr).AddrPort()
	served := make(chan struct{})
	go func() { defer close(served); r.ServeUDP(socket, at) }()
	route := func(u edge.Upstream) {
		r.Apply(edge.Routes{
			Pools:     []edge.Pool{{ID: "web", Upstreams: []edge.Upstream{u}}},
			Listeners: []edge.Listener{{Addr: at, Protocol: edge.UDP, Pool: "web", Port: r.port}},
		})
	}
	ask := func(c net.Conn, want edge.Upstream) {
		t.Helper()
		c.SetDeadline(time.Now().Add(10 * time.Second))
		io.WriteString(c, "hi")
		buf := make([]byte, 100)
		n, err := c.Read(buf)
		if got := string(buf[:n]); got != "hi from "+want.ID {
			t.Fatalf("got %q, %v", got, err)
		}
	}
	dial := func() net.Conn {
		c, err := net.Dial("udp4", at.String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	route(u)
	first := dial()
	ask(first, u)
	next, _ := replica()
	route(next)
	ask(first, u) // a flow stays where it is answered
	ask(dial(), next)
	if n := r.CloseNow(u.ID); n != 1 {
		t.Errorf("%d flows ended, want 1", n)
	}
	if left := r.Drain(t.Context(), u.ID); left != 0 {
		t.Errorf("%d flows left", left)
	}
	ask(first, next)
	r.CloseNow(next.ID)
	socket.Close()
	<-served
}

// Browsers open connections ahead of need.
func TestSilentClientMaySpeakHTTPLater(t *testing.T) {
	r := newRig(t)
	old, next := r.named("old"), r.named("new")
	r.route("", nil, old)
	conn := r.dial()
	eventually(t, "it is taken for TCP for now", func() bool {
		pools, _ := r.Status()
		return pools[0].Upstreams[0].InFlight == 1
	})
	r.route("", nil, next)
	if left := r.Drain(t.Context(), old.ID); left != 0 {
		t.Errorf("silence keeps the old replica: %d left", left)
	}
	in := bufio.NewReader(conn)
	for _, want := range []edge.Upstream{next, old} {
		r.route("", nil, want)
		io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, got := read(t, resp); got != map[edge.Upstream]string{old: "old", next: "new"}[want] {
			t.Errorf("answer %q", got)
		}
	}
}

func TestSilentClientIsToldWhenServerEnds(t *testing.T) {
	r := newRig(t)
	r.route("", nil, r.serveTCP(func(*net.TCPConn) {}))
	conn := r.dial()
	if _, err := conn.Read(make([]byte, 1)); err == nil {
		t.Error("the connection is open")
	}
}

func TestClientThatOnlyListensAndEndsIsServed(t *testing.T) {
	r := newRig(t)
	r.route("", nil, r.serveTCP(func(c *net.TCPConn) {
		io.ReadAll(c)
		io.WriteString(c, "bye")
	}))
	conn := r.dial()
	eventually(t, "it is taken for TCP", func() bool {
		pools, _ := r.Status()
		return pools[0].Upstreams[0].InFlight == 1
	})
	conn.CloseWrite()
	if got, err := io.ReadAll(conn); string(got) != "bye" {
		t.Errorf("got %q, %v", got, err)
	}
}
