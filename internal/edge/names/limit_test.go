package names

import (
	"errors"
	"io"
	"log"
	"net"
	"testing"
	"time"

	"github.com/miekg/dns"
)

func TestConnectionsThatSayNothingDoNotKeepOthersOutForEver(t *testing.T) {
	s := New(directory{"db": "10.95.0.3"}, NewResolvers("/nowhere"), log.New(io.Discard, "", 0))
	_, l := sockets(t)
	go s.ServeTCP(l, l.Addr().(*net.TCPAddr).AddrPort())
	t.Cleanup(func() { s.Stop(l, 0) })
	var crowd []net.Conn
	for range mostConnections {
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		crowd = append(crowd, conn)
	}
	late, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer late.Close()
	ask := &dns.Conn{Conn: late}
	if err := ask.WriteMsg(new(dns.Msg).SetQuestion("db.", dns.TypeA)); err != nil {
		t.Fatal(err)
	}
	late.SetDeadline(time.Now().Add(20 * time.Second))
	if m, err := ask.ReadMsg(); err != nil || len(m.Answer) != 1 {
		t.Errorf("the one that was too many is not answered: %v, %v", m, err)
	}
	crowd[0].SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := crowd[0].Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("the first to say nothing: %v, want its end", err)
	}
}

func TestQueriesWithoutEndAreNotPassedOn(t *testing.T) {
	conf, passedOn := resolver(t)
	r := resolversAt(t, conf)
	ask := func() int { return r.Ask(new(dns.Msg).SetQuestion("example.org.", dns.TypeA), false).Rcode }
	r.asked.Add(mostAsked)
	if got := ask(); got != dns.RcodeServerFailure || passedOn.Load() > 0 {
		t.Errorf("one too many: %s, passed on %d times", dns.RcodeToString[got], passedOn.Load())
	}
	r.asked.Add(-1)
	if got := ask(); got != dns.RcodeSuccess {
		t.Errorf("afterwards: %s", dns.RcodeToString[got])
	}
}
