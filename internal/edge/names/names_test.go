package names

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// directory knows one name, for all who ask.
type directory map[string]string

func (d directory) Resolve(_ netip.AddrPort, _ netip.Addr, name string) (netip.Addr, bool) {
	a, ok := d[name]
	if !ok {
		return netip.Addr{}, false
	}
	return netip.MustParseAddr(a), true
}

// start serves and returns a function that asks.
func start(t *testing.T, resolvConf string) func(network, name string, kind uint16) *dns.Msg {
	t.Helper()
	path := filepath.Join(t.TempDir(), "resolv.conf")
	if err := os.WriteFile(path, []byte(resolvConf), 0o600); err != nil {
		t.Fatal(err)
	}
	return startWith(t, NewResolvers(path))
}

func startWith(t *testing.T, r *Resolvers) func(network, name string, kind uint16) *dns.Msg {
	t.Helper()
	s := New(directory{"db": "10.95.0.3"}, r, log.New(io.Discard, "", 0))
	udp, tcp := sockets(t)
	at := udp.LocalAddr().(*net.UDPAddr).AddrPort()
	go s.ServeUDP(udp, at)
	go s.ServeTCP(tcp, at)
	t.Cleanup(func() { s.Stop(udp, time.Second); s.Stop(tcp, time.Second) })
	return func(network, name string, kind uint16) *dns.Msg {
		t.Helper()
		c := &dns.Client{Net: network, Timeout: 15 * time.Second}
		m, _, err := c.Exchange(new(dns.Msg).SetQuestion(name, kind), at.String())
		if err != nil {
			t.Fatalf("ask for %s: %v", name, err)
		}
		return m
	}
}

// sockets are one of each protocol at the same port.
func sockets(t *testing.T) (*net.UDPConn, *net.TCPListener) {
	t.Helper()
	for range 20 {
		tcp, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 7, 1)})
		if err != nil {
			t.Fatal(err)
		}
		udp, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(tcp.Addr().(*net.TCPAddr).AddrPort()))
		if err == nil {
			return udp, tcp
		}
		tcp.Close()
	}
	t.Fatal("no port is free for both")
	return nil, nil
}

// resolver is one of the host's: it knows every name as 192.0.2.1, and answers big.example with more than UDP carries.
func resolver(t *testing.T) (conf string, asked *atomic.Int32) {
	t.Helper()
	asked = new(atomic.Int32)
	h := dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		asked.Add(1)
		m := new(dns.Msg).SetReply(q)
		n := 1
		if strings.HasPrefix(q.Question[0].Name, "big.") {
			n = 100
		}
		for i := range n {
			rr, _ := dns.NewRR(fmt.Sprintf("%s 60 IN A 192.0.2.%d", q.Question[0].Name, i+1))
			m.Answer = append(m.Answer, rr)
		}
		if _, ok := w.RemoteAddr().(*net.UDPAddr); ok {
			m.Truncate(dns.MinMsgSize)
		}
		w.WriteMsg(m)
	})
	udp, tcp := sockets(t)
	for _, s := range []*dns.Server{{PacketConn: udp, Handler: h}, {Listener: tcp, Handler: h}} {
		go s.ActivateAndServe()
		t.Cleanup(func() { s.Shutdown() })
	}
	port := udp.LocalAddr().(*net.UDPAddr).Port
	return fmt.Sprintf("nameserver 127.0.7.1\noptions timeout:1\n#%d\n", port), asked
}

// resolversAt is what resolv.conf says of a resolver whose port is not 53.
func resolversAt(t *testing.T, conf string) *Resolvers {
	t.Helper()
	_, port, _ := strings.Cut(strings.TrimSpace(conf), "#")
	return &Resolvers{path: "/nowhere", servers: []string{"127.0.7.1:" + port}, looked: time.Now().Add(time.Hour)}
}

func TestServiceIsAnsweredInAnyCaseAndNeverAskedOutside(t *testing.T) {
	conf, asked := resolver(t)
	ask := startWith(t, resolversAt(t, conf))
	for _, network := range []string{"udp", "tcp"} {
		for _, name := range []string{"db.", "DB."} {
			m := ask(network, name, dns.TypeA)
			if len(m.Answer) != 1 || m.Answer[0].(*dns.A).A.String() != "10.95.0.3" {
				t.Errorf("%s over %s: %v", name, network, m)
			}
		}
	}
	for _, kind := range []uint16{dns.TypeAAAA, dns.TypeMX, dns.TypeSRV} {
		if m := ask("udp", "db.", kind); m.Rcode != dns.RcodeSuccess || len(m.Answer) != 0 {
			t.Errorf("type %d: %v", kind, m)
		}
	}
	if n := asked.Load(); n != 0 {
		t.Errorf("the host's resolver was asked %d times", n)
	}
}

func TestOtherNamesAreAskedOutside(t *testing.T) {
	conf, _ := resolver(t)
	ask := startWith(t, resolversAt(t, conf))
	if m := ask("udp", "www.example.", dns.TypeA); len(m.Answer) != 1 {
		t.Errorf("answer %v", m)
	}
	if m := ask("udp", "big.example.", dns.TypeA); !m.Truncated {
		t.Error("a long answer over UDP does not say that it is cut off")
	}
	if m := ask("tcp", "big.example.", dns.TypeA); len(m.Answer) != 100 {
		t.Errorf("%d answers over TCP, want 100", len(m.Answer))
	}
}

func TestNobodyToAskIsServfail(t *testing.T) {
	for name, conf := range map[string]string{
		"no resolver":         "search example\n",
		"nobody listens":      "nameserver 127.0.7.99\n",
		"not a file of names": "\x00",
	} {
		t.Run(name, func(t *testing.T) {
			if m := start(t, conf)("udp", "www.example.", dns.TypeA); m.Rcode != dns.RcodeServerFailure {
				t.Errorf("answer %v", m)
			}
		})
	}
}

func TestChangedResolvConfIsRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "resolv.conf")
	r := NewResolvers(path)
	if got := r.current(); got != nil {
		t.Errorf("no file: %q", got)
	}
	for i, text := range []string{"nameserver 192.0.2.1\n", "nameserver 192.0.2.1\nnameserver 2001:db8::1\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		r.looked = time.Time{}
		if got := r.current(); len(got) != i+1 || got[0] != "192.0.2.1:53" {
			t.Errorf("after writing %q: %q", text, got)
		}
	}
}
