package proxy

import (
	"bufio"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seaworthyhq/seaworthy/internal/edge"
)

// says sends bytes on a connection of its own and returns the status of the answer, 0 where the connection just ends.
func (r *rig) says(bytes string) int {
	r.t.Helper()
	conn := r.dial()
	defer conn.Close()
	io.WriteString(conn, bytes)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0
	}
	resp.Body.Close()
	return resp.StatusCode
}

func TestBodyThatTheClientDoesNotSendRightIsItsOwnFault(t *testing.T) {
	const head = "POST / HTTP/1.1\r\nHost: x\r\n"
	for name, tt := range map[string]struct{ request, want string }{
		"no size of a chunk":   {head + "Transfer-Encoding: chunked\r\n\r\nzz\r\nhi\r\n0\r\n\r\n", "400"},
		"no end of a chunk":    {head + "Transfer-Encoding: chunked\r\n\r\n2\r\nhihi\r\n0\r\n\r\n", "400"},
		"shorter than it said": {head + "Content-Length: 9\r\n\r\nhi", "400 or its end"},
		"chunks without end":   {head + "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n", "400 or its end"},
	} {
		for _, appProtocol := range []string{"http", "h2c"} {
			t.Run(name+", "+appProtocol, func(t *testing.T) {
				r := newRig(t)
				var asked atomic.Int32
				read := func(_ http.ResponseWriter, req *http.Request) {
					asked.Add(1)
					io.Copy(io.Discard, req.Body)
				}
				u, other := r.serve(read), r.serve(read)
				r.route(appProtocol, nil, u, other)
				conn := r.dial()
				io.WriteString(conn, tt.request)
				if strings.HasSuffix(tt.want, "end") {
					conn.CloseWrite()
				}
				resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
				if got := fmt.Sprint(status(resp)); got != "400" && (tt.want == "400" || err == nil) {
					t.Errorf("answer %s, %v; want %s", got, err, tt.want)
				}
				eventually(t, "the request ends", func() bool { return r.inFlight() == 0 })
				if n := asked.Load(); n > 1 {
					t.Errorf("%d replicas were asked", n)
				}
				pools, _ := r.Status()
				for _, s := range pools[0].Upstreams {
					if s.Errors > 0 || s.Refusing {
						t.Errorf("the replica is blamed: %+v", s)
					}
				}
			})
		}
	}
}

func status(resp *http.Response) int {
	if resp == nil {
		return 0
	}
	return resp.StatusCode
}

func (r *rig) inFlight() (n int64) {
	pools, _ := r.Status()
	for _, s := range pools[0].Upstreams {
		n += s.InFlight
	}
	return n
}

// net/http takes the end of the client's side for the client's end. An empty 200 would be worse than none.
func TestClientThatEndsItsSideGetsNoEmptyAnswer(t *testing.T) {
	r := newRig(t)
	r.route("", nil, r.serve(func(w http.ResponseWriter, req *http.Request) { <-req.Context().Done() }))
	conn := r.dial()
	io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	conn.CloseWrite()
	if got, _ := io.ReadAll(conn); len(got) > 0 {
		t.Errorf("answer %q", got)
	}
}

func TestClientThatLeavesInAnAnswerIsNotLogged(t *testing.T) {
	r := newRig(t)
	var said strings.Builder
	logged := log.New(&said, "", 0)
	r.Proxy.front.Handler.(*front).forward = newForwarder(r.Proxy, logged)
	u := r.serve(func(w http.ResponseWriter, req *http.Request) {
		io.WriteString(w, "a part")
		w.(http.Flusher).Flush()
		<-req.Context().Done()
	})
	r.route("", nil, u)
	conn := r.dial()
	io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	if _, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil {
		t.Fatal(err)
	}
	conn.Close()
	eventually(t, "the request ends", func() bool { return r.inFlight() == 0 })
	r.Close()
	if said.Len() > 0 {
		t.Errorf("logged: %s", said.String())
	}
}

func TestWhatAReplicaCouldTakeForSomethingElseIsRefused(t *testing.T) {
	r := newRig(t)
	r.route("", nil, r.serve(func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("X-Asked", req.Method+" "+req.RequestURI+" "+req.Host)
	}))
	for request, want := range map[string]int{
		"GET http://a.example/b HTTP/1.1\r\nHost: x\r\n\r\n":                                   200,
		"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n":                                                200,
		"CONNECT db:5432 HTTP/1.1\r\nHost: db:5432\r\n\r\n":                                    405,
		"GET a:b HTTP/1.1\r\nHost: x\r\n\r\n":                                                  400,
		"GET http://a%e9.example/ HTTP/1.1\r\nHost: x\r\n\r\n":                                 400,
		"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n":                                                  400,
		"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n":                                         400,
		"GET / HTTP/1.1\r\n\r\n":                                                               400,
		"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n":          400,
		"GET / HTTP/1.1\r\nHost: x\r\nContent-Length : 1\r\n\r\n":                              400,
		"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, gzip\r\n\r\n":                501,
		"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n":                         501,
		"GET / HTTP/1.1\r\nHost: x\r\nX-Big: " + strings.Repeat("a", 100<<10) + "\r\n\r\n":     431,
		"\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n":                                            400,
		"GET: / HTTP/1.1\r\nHost: x\r\n\r\n":                                                   400,
		"BREW / HTTP/1.1\r\nHost: x\r\n\r\n":                                                   200,
		"FOO\t/ HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nX-Forwarded-For: 1.2.3.4\r\n\r\n": 400,
	} {
		if got := r.says(request); got != want {
			t.Errorf("%.60q: answer %d, want %d", request, got, want)
		}
	}
}

// With both, chunks count (RFC 9112, 6.3), and the replica is told of nothing else.
func TestReplicaIsToldOneLengthOfABody(t *testing.T) {
	got := newRig(t).arrives("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n")
	want := http.Header{"X-Forwarded-For": {"127.0.0.1"}, "X-Forwarded-Proto": {"http"}, "X-Forwarded-Host": {"x"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestRequestIsNotHiddenFromUsByAPauseInItsFirstLine(t *testing.T) {
	const rest = " / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 198.51.100.7\r\n\r\n"
	for name, tt := range map[string]struct {
		pieces []string
		want   string // what arrives
	}{
		"a method that is known": {[]string{"GE", "T" + rest}, "X-Forwarded-For: 127.0.0.1\r\n"},
		"one that is not":        {[]string{"FOO", rest}, ""},
		"an empty line":          {[]string{"\r\n", "GET" + rest}, ""},
		"a part of it":           {[]string{"GET:", rest}, ""},
		"and a long target":      {[]string{"GET: /" + strings.Repeat("a", 2*longestLine), rest}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			arrived := make(chan string, 1)
			r.route("", nil, r.serveTCP(func(c *net.TCPConn) {
				c.SetReadDeadline(time.Now().Add(10 * silence))
				all, _ := io.ReadAll(c)
				arrived <- string(all)
			}))
			conn := r.dial()
			for _, piece := range tt.pieces {
				io.WriteString(conn, piece)
				time.Sleep(2 * silence)
			}
			got := <-arrived
			if strings.Contains(got, "198.51.100.7") || !strings.Contains(got, tt.want) {
				t.Errorf("arrived %q", got)
			}
		})
	}
}

func TestOtherProtocolsNeedNotBeSilentFirst(t *testing.T) {
	p := newRig(t).Proxy
	for _, first := range []string{
		"\x16\x03\x01\x02",             // TLS
		"\x00\x00\x00\x08\x04\xd2\x16", // PostgreSQL
		"*1\r\n$4\r\nPING\r\n",         // Redis
		`{"a": "b"`,
	} {
		front, far := net.Pipe()
		go io.WriteString(far, first)
		// On a pipe, nothing but its end ends waiting for more.
		if got := p.listen(&client{Conn: deaf{front}}, make([]byte, 0, firstBytes)); got != notHTTP {
			t.Errorf("%q: %v, want %v", first, got, notHTTP)
		}
		front.Close()
		far.Close()
	}
}

// deaf is a connection of which reading takes its time.
type deaf struct{ net.Conn }

func (deaf) SetReadDeadline(time.Time) error { return nil }

func TestTextThatIsNotHTTPPassesInPieces(t *testing.T) {
	r := newRig(t)
	r.route("", nil, r.serveTCP(func(c *net.TCPConn) { io.Copy(c, c) }))
	conn := r.dial()
	in := bufio.NewReader(conn)
	for _, piece := range []string{"ruok", " and", " you\nGET / HTTP/1.1\r\n"} {
		io.WriteString(conn, piece)
		buf := make([]byte, len(piece))
		if _, err := io.ReadFull(in, buf); string(buf) != piece {
			t.Fatalf("echo %q, %v", buf, err)
		}
	}
}

func TestCrowdIsRefusedAndLeavesNoTrace(t *testing.T) {
	r := newSmallRig(t, 20)
	u := r.named("a")
	r.route("", nil, u)
	var crowd []*net.TCPConn
	for range 4 {
		conn := r.dial()
		io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ")
		crowd = append(crowd, conn)
	}
	eventually(t, "all are in", func() bool { return r.Clients() == 4 })
	conn := r.dial()
	eventually(t, "one more is in", func() bool { return r.Clients() == 5 })
	const others = 15
	r.budget.open.Add(others)
	io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	if resp, err := http.ReadResponse(bufio.NewReader(conn), nil); status(resp) != 503 {
		t.Errorf("without a connection to the replica: %v, %v", resp, err)
	}
	if one, err := net.Dial("tcp", r.addr.String()); err == nil { // else it was reset before we knew it
		defer one.Close()
		if _, err := one.Read(make([]byte, 1)); err == nil {
			t.Error("one too many is answered")
		}
	}
	conn.Close()
	for _, c := range crowd {
		c.Close()
	}
	r.budget.open.Add(-others)
	eventually(t, "they have left", func() bool { return r.Clients() == 0 && r.budget.open.Load() == 0 })
	if status, body := get(t, r.client(), r.url()); status != 200 || body != "a" {
		t.Errorf("afterwards: %d %s", status, body)
	}
	pools, _ := r.Status()
	want := []edge.UpstreamStatus{{Upstream: u, Total: 2}}
	if diff := cmp.Diff(fmt.Sprint(want), fmt.Sprint(pools[0].Upstreams)); diff != "" {
		t.Error(diff)
	}
}

func TestNoRoomForAConnectionIsNoFaultOfTheReplica(t *testing.T) {
	r := newSmallRig(t, 1)
	r.route("tcp", nil, r.serveTCP(func(c *net.TCPConn) { io.Copy(c, c) }))
	if conn, err := net.Dial("tcp", r.addr.String()); err == nil { // else it was reset before we knew it
		defer conn.Close()
		if _, err := conn.Read(make([]byte, 1)); err == nil {
			t.Error("it is answered")
		}
	}
	eventually(t, "it has ended", func() bool { return r.Clients() == 0 })
	if pools, _ := r.Status(); pools[0].Upstreams[0].Errors > 0 || pools[0].Upstreams[0].Refusing {
		t.Errorf("the replica is blamed: %+v", pools)
	}
}

func TestIdleClientsMakeRoom(t *testing.T) {
	r := newSmallRig(t, 20)
	r.route("", nil, r.named("a"))
	for range 13 { // and one to the replica
		conn := r.dial()
		io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		read(t, resp)
	}
	eventually(t, "a newcomer is served", func() bool { // once those before are idle
		resp, err := r.client().Get(r.url())
		if err != nil {
			return false
		}
		_, body := read(t, resp)
		return body == "a"
	})
}

func TestSilentClientsMakeRoom(t *testing.T) {
	r := newSmallRig(t, 20)
	r.route("", nil, r.named("a"))
	for range 20 { // with as many connections to the replica
		if conn, err := net.Dial("tcp", r.addr.String()); err == nil { // else it was reset before we knew it
			defer conn.Close()
		}
	}
	eventually(t, "the port has its share", func() bool { return r.budget.open.Load() >= 14 })
	eventually(t, "a newcomer is served", func() bool {
		resp, err := r.client().Get(r.url())
		if err != nil {
			return false
		}
		_, body := read(t, resp)
		return body == "a"
	})
}

func TestNoPortTakesAllConnectionsFromOthers(t *testing.T) {
	r := newSmallRig(t, 20)
	l, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	other := l.Addr().(*net.TCPAddr).AddrPort()
	go r.ServeTCP(l, other, nil)
	busy, quiet := r.serveTCP(func(c *net.TCPConn) { io.Copy(c, c) }), r.named("quiet")
	r.Apply(edge.Routes{
		Pools: []edge.Pool{{ID: "busy", Upstreams: []edge.Upstream{busy}}, {ID: "quiet", Upstreams: []edge.Upstream{quiet}}},
		Listeners: []edge.Listener{
			{Addr: r.addr, Protocol: edge.TCP, AppProtocol: "tcp", Pool: "busy", Port: r.port},
			{Addr: other, Protocol: edge.TCP, Pool: "quiet", Port: r.port},
		},
	})
	full := false
	for range 20 {
		conn, err := net.Dial("tcp", r.addr.String())
		if err != nil { // it was reset before we knew it
			full = true
			break
		}
		defer conn.Close()
		io.WriteString(conn, "x")
		if _, err := conn.Read(make([]byte, 1)); err != nil {
			full = true
			break
		}
	}
	if !full {
		t.Error("a port takes all that there is")
	}
	if status, body := get(t, r.client(), "http://"+other.String()); status != 200 || body != "quiet" {
		t.Errorf("at the other port: %d %s", status, body)
	}
}

func TestConnectionIsKeptAfterABodyThatCame(t *testing.T) {
	const limit = 200 * time.Millisecond
	r := newRigWith(t, limits{still: limit, untaken: limit})
	r.route("", nil, r.serve(func(w http.ResponseWriter, req *http.Request) {
		all, _ := io.ReadAll(req.Body)
		time.Sleep(2 * limit) // the client has nothing to send meanwhile
		w.Write(all)
	}))
	conn := r.dial()
	in := bufio.NewReader(conn)
	for range 2 {
		io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi")
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		if status, body := read(t, resp); status != 200 || body != "hi" {
			t.Errorf("answer %d %s", status, body)
		}
		time.Sleep(2 * limit)
	}
}

func TestInventedAddressesDoNotTakeAllConnections(t *testing.T) {
	r := newSmallRig(t, 40)
	a := r.nextAddr()
	socket, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	at := socket.LocalAddr().(*net.UDPAddr).AddrPort()
	served := make(chan struct{})
	go func() { defer close(served); r.ServeUDP(socket, at) }()
	u := edge.Upstream{ID: "a", Addr: a}
	sink, err := net.ListenUDP("udp4", &net.UDPAddr{IP: a.AsSlice(), Port: r.port})
	if err != nil {
		t.Fatal(err)
	}
	defer sink.Close()
	r.Apply(edge.Routes{
		Pools:     []edge.Pool{{ID: "web", Upstreams: []edge.Upstream{u}}},
		Listeners: []edge.Listener{{Addr: at, Protocol: edge.UDP, Pool: "web", Port: r.port}},
	})
	for range 40 {
		c, err := net.Dial("udp4", at.String())
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(c, "x")
		c.Close()
	}
	eventually(t, "a quarter has come", func() bool { return r.Clients() == 10 })
	socket.Close()
	eventually(t, "they end", func() bool {
		r.CloseNow(u.ID)
		select {
		case <-served:
			return true
		default:
			return false
		}
	})
	if n := r.budget.open.Load(); n != 0 {
		t.Errorf("%d are counted that have ended", n)
	}
}
