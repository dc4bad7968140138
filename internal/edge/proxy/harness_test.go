package proxy

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"github.com/seaworthyhq/seaworthy/internal/edge"
)

// rig is a proxy with one published port, and replicas at loopback addresses of their own.
type rig struct {
	*Proxy
	t    *testing.T
	addr netip.AddrPort
	port int // of the replicas
	made int
}

func newRig(t *testing.T) *rig {
	t.Helper()
	return newRigWith(t, usual)
}

func newRigWith(t *testing.T, l limits) *rig {
	t.Helper()
	return serveRig(t, newProxy(log.New(io.Discard, "", 0), l))
}

// newSmallRig has room for so much.
func newSmallRig(t *testing.T, size int64) *rig {
	t.Helper()
	p := newProxy(log.New(io.Discard, "", 0), usual)
	p.budget.size = size
	return serveRig(t, p)
}

func serveRig(t *testing.T, p *Proxy) *rig {
	t.Helper()
	t.Cleanup(p.Close)
	port, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { port.Close() })
	addr := port.Addr().(*net.TCPAddr).AddrPort()
	go p.ServeTCP(port, addr, nil)
	return &rig{Proxy: p, t: t, addr: addr, port: freePort(t)}
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.4.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func (r *rig) nextAddr() netip.Addr {
	r.made++
	return netip.AddrFrom4([4]byte{127, 0, 4, byte(r.made)})
}

// absent is a replica where nobody listens.
func (r *rig) absent() edge.Upstream {
	a := r.nextAddr()
	return edge.Upstream{ID: "absent-" + a.String(), Addr: a}
}

// listen is a replica that the test serves.
func (r *rig) listen() (net.Listener, edge.Upstream) {
	r.t.Helper()
	a := r.nextAddr()
	l, err := net.Listen("tcp4", netip.AddrPortFrom(a, uint16(r.port)).String())
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { l.Close() })
	return l, edge.Upstream{ID: fmt.Sprintf("replica-%d", r.made), Addr: a}
}

// serve is a replica that answers HTTP/1.1 and h2c.
func (r *rig) serve(h http.HandlerFunc) edge.Upstream {
	r.t.Helper()
	return r.serveWith(&http.Server{Handler: h})
}

func (r *rig) serveWith(srv *http.Server) edge.Upstream {
	r.t.Helper()
	l, u := r.listen()
	srv.Protocols = new(http.Protocols)
	srv.Protocols.SetHTTP1(true)
	srv.Protocols.SetUnencryptedHTTP2(true)
	go srv.Serve(l)
	r.t.Cleanup(func() { srv.Close() })
	return u
}

// named answers with its name.
func (r *rig) named(name string) edge.Upstream {
	return r.serve(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, name) })
}

// serveTCP is a replica that hands each connection to f.
func (r *rig) serveTCP(f func(*net.TCPConn)) edge.Upstream {
	l, u := r.listen()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				f(c.(*net.TCPConn))
			}()
		}
	}()
	return u
}

func (r *rig) route(appProtocol string, hold *edge.Hold, upstreams ...edge.Upstream) {
	r.Apply(edge.Routes{
		Pools:     []edge.Pool{{ID: "web", Upstreams: upstreams, Hold: hold}},
		Listeners: []edge.Listener{{Addr: r.addr, Protocol: edge.TCP, AppProtocol: appProtocol, Pool: "web", Port: r.port}},
	})
}

func (r *rig) url() string { return "http://" + r.addr.String() + "/" }

// client keeps connections alive, apart from those of other tests.
func (r *rig) client() *http.Client {
	tr := &http.Transport{}
	r.t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: 20 * time.Second}
}

func (r *rig) h2c() *http.Client {
	tr := &http.Transport{Protocols: new(http.Protocols)}
	tr.Protocols.SetUnencryptedHTTP2(true)
	r.t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: 20 * time.Second}
}

func (r *rig) dial() *net.TCPConn {
	r.t.Helper()
	c, err := net.Dial("tcp", r.addr.String())
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(20 * time.Second))
	return c.(*net.TCPConn)
}

func get(t *testing.T, c *http.Client, url string) (int, string) {
	t.Helper()
	resp, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	return read(t, resp)
}

func read(t *testing.T, resp *http.Response) (int, string) {
	t.Helper()
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// eventually polls until what holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}
