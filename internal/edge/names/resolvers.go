package names

import (
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"
)

// Resolvers are those that a resolv.conf names, read again when it has changed.
type Resolvers struct {
	path  string
	asked atomic.Int64 // queries that are not answered yet

	mu      sync.Mutex // guards the rest
	servers []string
	read    fileState
	looked  time.Time
}

type fileState struct {
	modified time.Time
	size     int64
}

// NewResolvers reads path, such as /etc/resolv.conf, when it is first asked.
func NewResolvers(path string) *Resolvers { return &Resolvers{path: path} }

// lookAgain is how often the file is looked at.
const lookAgain = time.Second

func (r *Resolvers) current() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if time.Since(r.looked) < lookAgain {
		return r.servers
	}
	r.looked = time.Now()
	info, err := os.Stat(r.path)
	if err != nil {
		r.servers, r.read = nil, fileState{}
		return nil
	}
	state := fileState{info.ModTime(), info.Size()}
	if state == r.read {
		return r.servers
	}
	conf, err := dns.ClientConfigFromFile(r.path)
	if err != nil {
		return r.servers
	}
	r.servers, r.read = nil, state
	for _, s := range conf.Servers {
		r.servers = append(r.servers, net.JoinHostPort(s, conf.Port))
	}
	return r.servers
}

// Ask forwards the query to one resolver after the other until one answers. What is too long for UDP is asked for again
// over TCP if the asker uses TCP itself; otherwise the asker is told, and comes back. Nobody to ask, too many that ask, or no
// answer: SERVFAIL.
func (r *Resolvers) Ask(q *dns.Msg, tcp bool) *dns.Msg {
	failed := new(dns.Msg).SetRcode(q, dns.RcodeServerFailure)
	defer r.asked.Add(-1)
	if r.asked.Add(1) > mostAsked {
		return failed
	}
	for _, server := range r.current() {
		if m, err := ask(q, server, tcp); err == nil && m.Rcode != dns.RcodeServerFailure && m.Rcode != dns.RcodeRefused {
			m.Id = q.Id
			return m
		}
	}
	return failed
}

func ask(q *dns.Msg, server string, tcp bool) (*dns.Msg, error) {
	out := q.Copy()
	out.Id = dns.Id()
	udp := &dns.Client{Net: "udp", Timeout: askTimeout, UDPSize: dns.DefaultMsgSize}
	m, _, err := udp.Exchange(out, server)
	if err == nil && (!m.Truncated || !tcp) {
		return m, nil
	}
	if err != nil && !tcp && isTimeout(err) {
		return nil, err
	}
	m, _, err = (&dns.Client{Net: "tcp", Timeout: askTimeout}).Exchange(out, server)
	return m, err
}

func isTimeout(err error) bool {
	t, ok := errors.AsType[net.Error](err)
	return ok && t.Timeout()
}
