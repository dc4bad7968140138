package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

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

type bench struct {
	dir     string
	started []*exec.Cmd
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

func newBench(ctx context.Context) (*bench, error) {
	dir, err := os.MkdirTemp("", "seaworthy-bench-edge-")
	b := &bench{dir: dir}
	if err != nil {
		return b, err
	}
	for _, ip := range replicas {
		addr := fmt.Sprintf("%s:%d", ip, replicaPort)
		if _, err := b.start(ctx, addr, os.Args[0], "replica", addr); err != nil {
			return b, err
		}
	}
	return b, errors.Join(b.startNginx(ctx), b.startHAProxy(ctx), b.startEdge(ctx))
}

func (b *bench) startEdge(ctx context.Context) error {
	c := edge.NewClient(b.dir)
	cmd := exec.Command(os.Args[0], "edge", "--dir", b.dir)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return err
	}
	b.started = append(b.started, cmd)
	if _, err := c.WaitReady(ctx); err != nil {
		return err
	}
	pool := edge.Pool{ID: "web"}
	for _, ip := range replicas {
		pool.Upstreams = append(pool.Upstreams, edge.Upstream{ID: ip, Addr: netip.MustParseAddr(ip)})
	}
	addr := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), edgePort)
	fmt.Printf("edge: %d MB resident when idle\n", resident(cmd.Process.Pid)>>20)
	b.proxies = append(b.proxies, &proxy{"edge", edgePort, cmd.Process.Pid})
	return c.Apply(ctx, edge.Routes{
		Pools:     []edge.Pool{pool},
		Listeners: []edge.Listener{{Addr: addr, Protocol: edge.TCP, Pool: "web", Port: replicaPort}},
	})
}

func (b *bench) startNginx(ctx context.Context) error {
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

func (b *bench) startHAProxy(ctx context.Context) error {
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

func (b *bench) write(name, text string) (string, error) {
	path := filepath.Join(b.dir, name)
	return path, os.WriteFile(path, []byte(text), 0o600)
}

func (b *bench) add(ctx context.Context, name string, port int, command ...string) error {
	pid, err := b.start(ctx, fmt.Sprintf("127.0.0.1:%d", port), command...)
	if err != nil {
		return err
	}
	b.proxies = append(b.proxies, &proxy{name, port, pid})
	return nil
}

// start runs a command and waits until its address takes connections.
func (b *bench) start(ctx context.Context, addr string, command ...string) (int, error) {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdout, cmd.Stderr = io.Discard, os.Stderr
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	b.started = append(b.started, cmd)
	for deadline := time.Now().Add(5 * time.Second); ; {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			return cmd.Process.Pid, conn.Close()
		}
		if ctx.Err() != nil || time.Now().After(deadline) {
			return 0, fmt.Errorf("start %s: %w", command[0], err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (b *bench) close() error {
	for _, cmd := range b.started {
		cmd.Process.Signal(syscall.SIGTERM) //nolint:errcheck // it has ended
	}
	for _, cmd := range b.started {
		cmd.Wait() //nolint:errcheck // it was told to end
	}
	return os.RemoveAll(b.dir)
}
