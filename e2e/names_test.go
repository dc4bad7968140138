package e2e

import (
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/miekg/dns"
	"golang.org/x/sys/unix"
)

func TestNamesOfTheOutsideAreThoseThatTheHostsResolverKnows(t *testing.T) {
	t.Parallel()
	outside, number := strangeNamespace(t)
	serveNames(t, fmt.Sprintf("swout%d", number), outside)
	s := newAppSite(t, `services:
  web: {build: ., ports: ["127.0.0.1:{{port}}:8080"], stop_grace_period: 1s}
`)
	s.startEngineWithResolver(outside)
	s.up(0)
	for what, c := range map[string]struct{ path, want string }{
		"a name":                         {query("lookup", "name", "www.example"), outside},
		"what is at that name":           {query("get", "url", "http://www.example:8080/version"), "outside"},
		"a name that nobody has":         {query("lookup", "name", "nobody.example"), "no such host"},
		"more addresses than UDP takes":  {query("lookup", "name", "many.example"), "192.0.2.100"},
		"a service, whatever is outside": {query("lookup", "name", "web"), "10."},
	} {
		if got := s.fetch(c.path); !strings.Contains(got, c.want) {
			t.Errorf("%s: got %q, want %q", what, got, c.want)
		}
	}
	if got := s.inside("web", "nslookup -type=a www.example "+outside); !strings.HasSuffix(got, "Address: "+outside) {
		t.Errorf("over UDP to the outside itself: %q", got)
	}
}

// startEngineWithResolver starts the site's engine where the host has this resolver.
func (s *site) startEngineWithResolver(address string) {
	s.t.Helper()
	conf := filepath.Join(s.tmp, "resolv.conf")
	s.write(conf, "nameserver "+address+"\n")
	engine := s.command("engine", "run")
	engine.Args = append([]string{"unshare", "--mount", "sh", "-euc", `mount --bind "$0" /etc/resolv.conf; exec "$@"`, conf, s.bin}, engine.Args[1:]...)
	var err error
	if engine.Path, err = exec.LookPath("unshare"); err != nil {
		s.t.Fatal(err)
	}
	s.session(engine)
	s.eventually("the engine is up", func() bool { return s.engine().PID != 0 })
}

// serveNames answers at an address of a network namespace: all names of example are there, but nobody.example, and many.example has
// a hundred addresses.
func serveNames(t *testing.T, namespace, address string) {
	t.Helper()
	answer := dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg).SetReply(q)
		at := []string{address}
		switch q.Question[0].Name {
		case "nobody.example.":
			m.Rcode, at = dns.RcodeNameError, nil
		case "many.example.":
			at = nil
			for i := range 100 {
				at = append(at, fmt.Sprintf("192.0.2.%d", i+1))
			}
		}
		for _, a := range at {
			if rr, err := dns.NewRR(q.Question[0].Name + " 60 IN A " + a); err == nil && q.Question[0].Qtype == dns.TypeA {
				m.Answer = append(m.Answer, rr)
			}
		}
		if _, udp := w.RemoteAddr().(*net.UDPAddr); udp {
			m.Truncate(dns.MinMsgSize)
		}
		_ = w.WriteMsg(m) // whoever asked may be gone
	})
	packets, connections, err := listenIn(namespace, net.JoinHostPort(address, "53"))
	if err != nil {
		t.Fatal(err)
	}
	for _, server := range []*dns.Server{{PacketConn: packets, Handler: answer}, {Listener: connections, Handler: answer}} {
		go func() { _ = server.ActivateAndServe() }() // until the test ends
		t.Cleanup(func() { _ = server.Shutdown() })
	}
}

// listenIn listens for packets and for connections in a network namespace.
func listenIn(namespace, at string) (packets net.PacketConn, connections net.Listener, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // for ever: the thread ends with the goroutine, in that namespace
		var fd int
		if fd, err = unix.Open("/run/netns/"+namespace, unix.O_RDONLY|unix.O_CLOEXEC, 0); err != nil {
			return
		}
		defer unix.Close(fd)
		if err = unix.Setns(fd, unix.CLONE_NEWNET); err != nil {
			return
		}
		if packets, err = net.ListenPacket("udp", at); err == nil {
			connections, err = net.Listen("tcp", at)
		}
	}()
	<-done
	return packets, connections, err
}
