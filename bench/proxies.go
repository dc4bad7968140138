package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/seaworthyhq/seaworthy/internal/edge"
)

// Where everything listens. The replicas have addresses of their own, as containers do.
const (
	replicaPort = 18080
	edgePort    = 18081
	nginxPort   = 18082
	haproxyPort = 18083
)

var replicas = []string{"127.0.3.1", "127.0.3.2"}

// proxyBench is proxies before the same replicas.
type proxyBench struct {
	lab     *lab
	dir     string
	proxies []*proxy
}

type proxy struct {
	name string
	port int
	pid  int
}

// replica answers with a small page.
func replica(addr string) int {
	page := []byte(strings.Repeat("seaworthy ", 60))
	err := http.ListenAndServe(addr, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		w.Write(page) //nolint:errcheck // wrk has gone
	}))
	fmt.Fprintln(os.Stderr, "replica:", err)
	return 1
}

func (l *lab) proxyBench(ctx context.Context) (*proxyBench, error) {
	if err := need("wrk", "nginx", "haproxy"); err != nil {
		return nil, err
	}
	dir, err := l.folder("p")
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	b := &proxyBench{lab: l, dir: dir}
	for _, ip := range replicas {
		addr := fmt.Sprintf("%s:%d", ip, replicaPort)
		if _, err := b.start(ctx, "replica-"+ip, addr, self, "replica", addr); err != nil {
			return b, err
		}
	}
	return b, errors.Join(b.startEdge(ctx), b.startNginx(ctx), b.startHAProxy(ctx))
}

func (b *proxyBench) startEdge(ctx context.Context) error {
	c := edge.NewClient(b.dir)
	d, err := startDaemon(b.dir, "edge", b.lab.o.seaworthy, "edge", "--dir", b.dir)
	if err != nil {
		return err
	}
	b.lab.later(d.stop)
	if _, err := c.WaitReady(ctx); err != nil {
		return err
	}
	pool := edge.Pool{ID: "web"}
	for _, ip := range replicas {
		pool.Upstreams = append(pool.Upstreams, edge.Upstream{ID: ip, Addr: netip.MustParseAddr(ip)})
	}
	addr := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), edgePort)
	b.proxies = append(b.proxies, &proxy{"edge", edgePort, d.pid()})
	return c.Apply(ctx, edge.Routes{
		Pools:     []edge.Pool{pool},
		Listeners: []edge.Listener{{Addr: addr, Protocol: edge.TCP, Pool: "web", Port: replicaPort}},
	})
}

func (b *proxyBench) startNginx(ctx context.Context) error {
	conf := fmt.Sprintf(`
daemon off; worker_processes auto; pid %[1]s/nginx.pid; error_log stderr crit;
events { worker_connections 4096; }
http {
  access_log off; keepalive_requests 1000000000;
  client_body_temp_path %[1]s/b; proxy_temp_path %[1]s/p; fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s;
  upstream web { least_conn; %[2]s keepalive 256; keepalive_requests 1000000000; }
  server { listen 127.0.0.1:%[3]d backlog=4096; location / {
    proxy_pass http://web; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host;
    proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header X-Forwarded-Proto http; proxy_set_header X-Forwarded-Host $host; } }
}`, b.dir, each("server %s:%d;"), nginxPort)
	path, err := b.write("nginx.conf", conf)
	if err != nil {
		return err
	}
	return b.add(ctx, "nginx", nginxPort, "nginx", "-p", b.dir, "-c", path)
}

func (b *proxyBench) startHAProxy(ctx context.Context) error {
	conf := fmt.Sprintf(`
global
  maxconn 8192
defaults
  mode http
  timeout connect 3s
  timeout client 60s
  timeout server 60s
  option forwardfor
listen web
  bind 127.0.0.1:%d backlog 4096
  balance leastconn
  http-reuse always
%s
`, haproxyPort, each("  server s%[1]s %[1]s:%[2]d\n"))
	path, err := b.write("haproxy.cfg", conf)
	if err != nil {
		return err
	}
	return b.add(ctx, "haproxy", haproxyPort, "haproxy", "-db", "-f", path)
}

func each(format string) string {
	var s strings.Builder
	for _, ip := range replicas {
		fmt.Fprintf(&s, format, ip, replicaPort)
	}
	return s.String()
}

func (b *proxyBench) write(name, text string) (string, error) {
	path := filepath.Join(b.dir, name)
	return path, os.WriteFile(path, []byte(text), 0o600)
}

func (b *proxyBench) add(ctx context.Context, name string, port int, command ...string) error {
	pid, err := b.start(ctx, name, fmt.Sprintf("127.0.0.1:%d", port), command...)
	if err != nil {
		return err
	}
	b.proxies = append(b.proxies, &proxy{name, port, pid})
	return nil
}

// start runs a command and waits until its address takes connections.
func (b *proxyBench) start(ctx context.Context, name, addr string, command ...string) (int, error) {
	d, err := startDaemon(b.dir, name, command...)
	if err != nil {
		return 0, err
	}
	b.lab.later(d.stop)
	return d.pid(), d.ready(ctx, func() error {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			return err
		}
		return conn.Close()
	})
}
