package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seaworthyhq/seaworthy/internal/edge"
)

// claimed is a request of somebody who says to be somebody else.
const claimed = "POST / HTTP/1.1\r\nHost: shop.example\r\nConnection: close, X-Forwarded-For\r\n" +
	"X-Forwarded-For: 198.51.100.7\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: bank.example\r\nX-Forwarded-Port: 443\r\n" +
	"X-Forwarded-User: root\r\nForwarded: for=198.51.100.7\r\nX-Real-IP: 198.51.100.7\r\nx_forwarded_for: 198.51.100.7\r\n" +
	"X-Request-ID: 7\r\n" +
	"Transfer-Encoding: chunked\r\nTrailer: X-Sum, X-Real-IP\r\n\r\n2\r\nhi\r\n0\r\nX-Sum: 2\r\nX-Real-IP: 198.51.100.7\r\n\r\n"

// arrives is what the replica is told of it.
func (r *rig) arrives(request string, trusted ...netip.Prefix) http.Header {
	r.t.Helper()
	told := make(chan http.Header, 1)
	u := r.serve(func(_ http.ResponseWriter, req *http.Request) {
		io.Copy(io.Discard, req.Body)
		all := http.Header{}
		for name, values := range req.Header {
			all[name] = values
		}
		for name, values := range req.Trailer {
			all["Trailer-"+name] = values
		}
		for _, name := range []string{"Connection", "User-Agent"} {
			delete(all, name)
		}
		told <- all
	})
	r.Apply(edge.Routes{
		Pools:          []edge.Pool{{ID: "web", Upstreams: []edge.Upstream{u}}},
		Listeners:      []edge.Listener{{Addr: r.addr, Protocol: edge.TCP, Pool: "web", Port: r.port}},
		TrustedProxies: trusted,
	})
	conn := r.dial()
	io.WriteString(conn, request)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || resp.StatusCode != http.StatusOK {
		r.t.Fatalf("answer %v, %v", resp, err)
	}
	return <-told
}

func TestReplicaIsToldWhoAskedAndNotWhatTheyClaim(t *testing.T) {
	got := newRig(t).arrives(claimed)
	want := http.Header{
		"X-Forwarded-For": {"127.0.0.1"}, "X-Forwarded-Proto": {"http"}, "X-Forwarded-Host": {"shop.example"},
		"X-Request-Id": {"7"}, "Trailer-X-Sum": {"2"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestWhatATrustedProxySaysIsKeptAndAddedTo(t *testing.T) {
	got := newRig(t).arrives(strings.Replace(claimed, ", X-Forwarded-For", "", 1), netip.MustParsePrefix("127.0.0.0/8"))
	want := http.Header{
		"X-Forwarded-For": {"198.51.100.7, 127.0.0.1"}, "X-Forwarded-Proto": {"https"}, "X-Forwarded-Host": {"bank.example"},
		"X-Forwarded-Port": {"443"}, "X-Forwarded-User": {"root"}, "Forwarded": {"for=198.51.100.7"}, "X-Real-Ip": {"198.51.100.7"},
		"X_forwarded_for": {"198.51.100.7"}, "X-Request-Id": {"7"}, "Trailer-X-Sum": {"2"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestOnlyReplicasAndNamedProxiesAreTrusted(t *testing.T) {
	table := newTable(edge.Routes{TrustedProxies: []netip.Prefix{
		netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("fe80::/10"),
	}}, nil)
	for who, tt := range map[string]struct {
		from destination
		want bool
	}{
		"the world":             {destination{client: addr("203.0.113.9")}, false},
		"this machine":          {destination{client: addr("127.0.0.1")}, false},
		"a proxy that is named": {destination{client: addr("192.0.2.4")}, true},
		"one on the same link":  {destination{client: addr("fe80::1%eth0")}, true},
		"a replica":             {destination{client: addr("10.83.0.5"), virtual: addrPort("10.95.0.1:80")}, true},
	} {
		if got := table.trusts(tt.from); got != tt.want {
			t.Errorf("%s: trusted %v, want %v", who, got, tt.want)
		}
	}
}

func TestClaimsOfAllProxiesAreDropped(t *testing.T) {
	var all strings.Builder
	for _, name := range []string{
		"CF-Connecting-IP", "X-Original-Forwarded-For", "X-Original-URI", "X-Original-Method", "X-Envoy-External-Address",
		"X-ProxyUser-Ip", "X-Remote-Addr", "Remote-Addr", "Remote_Addr", "Proxy",
	} {
		all.WriteString(name + ": 198.51.100.7\r\n")
	}
	got := newRig(t).arrives("GET / HTTP/1.1\r\nHost: x\r\n" + all.String() + "\r\n")
	want := http.Header{"X-Forwarded-For": {"127.0.0.1"}, "X-Forwarded-Proto": {"http"}, "X-Forwarded-Host": {"x"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestWhoNamesNoHostAsksForTheAddressItConnectedTo(t *testing.T) {
	r := newRig(t)
	r.route("", nil, r.serve(func(w http.ResponseWriter, req *http.Request) {
		io.WriteString(w, req.Host+" "+req.Header.Get("X-Forwarded-Host"))
	}))
	conn := r.dial()
	io.WriteString(conn, "GET / HTTP/1.0\r\n\r\n")
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, got := read(t, resp); got != r.addr.String()+" "+r.addr.String() {
		t.Errorf("the replica sees %q, want %s twice", got, r.addr)
	}
}

// https://bishopfox.com/blog/h2c-smuggling-request
func TestHTTPIsNotHiddenInAnUpgrade(t *testing.T) {
	r := newRig(t)
	r.route("", nil, r.serve(func(w http.ResponseWriter, req *http.Request) {
		fmt.Fprintf(w, "%q %q %q", req.Header.Get("Connection"), req.Header.Get("Upgrade"), req.Header.Get("HTTP2-Settings"))
	}))
	for offered, want := range map[string]string{
		"h2c":                 `"" "" ""`,
		"H2C":                 `"" "" ""`,
		"TLS/1.0, HTTP/1.1":   `"" "" ""`,
		"h2c, websocket":      `"Upgrade" "websocket" ""`,
		"websocket":           `"Upgrade" "websocket" ""`,
		"websocket, IRC/6.9":  `"Upgrade" "websocket, IRC/6.9" ""`,
		"h2c\r\nUpgrade: h2c": `"" "" ""`,
	} {
		conn := r.dial()
		fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\nUpgrade: %s\r\n\r\n", offered)
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil || resp.Proto != "HTTP/1.1" || resp.StatusCode != http.StatusOK {
			t.Fatalf("%s: %v, %v", offered, resp, err)
		}
		if _, got := read(t, resp); got != want {
			t.Errorf("offer %q arrives as %s, want %s", offered, got, want)
		}
		conn.Close()
	}
}
