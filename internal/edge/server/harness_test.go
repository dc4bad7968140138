package server

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seaworthyhq/seaworthy/internal/edge"
)

// TestMain makes the test binary an edge, as main.go makes seaworthy one.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "edge" {
		os.Exit(Main(os.Args[2:]))
	}
	os.Exit(m.Run())
}

// launch is how tests start an edge; what it started ends with the test.
func launch(t *testing.T, version string) edge.Launch {
	t.Helper()
	return launchIn(t, t.TempDir(), version)
}

func launchIn(t *testing.T, dir, version string) edge.Launch {
	t.Helper()
	l := edge.Launch{Binary: os.Args[0], Args: []string{"edge"}, Dir: dir, Version: version}
	t.Cleanup(func() { stop(t, dir) })
	return l
}

// stop ends whatever edge runs in the folder, predecessors included, and waits for it.
func stop(t *testing.T, dir string) {
	c := edge.NewClientAt(edge.SocketPath(dir))
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	s, err := c.Status(ctx)
	if err != nil {
		end(dir)
		return
	}
	c.Stop(ctx)
	for _, st := range append(s.Predecessors, s) {
		if err := edge.Watch(ctx, st.PID); err != nil {
			t.Errorf("edge %d does not end: %v", st.PID, err)
			unix.Kill(st.PID, unix.SIGKILL)
		}
	}
	if t.Failed() {
		b, _ := os.ReadFile(dir + "/edge.log")
		t.Logf("edge.log:\n%s", b)
	}
}

// end kills an edge that does not answer.
func end(dir string) {
	b, err := os.ReadFile(filepath.Join(dir, lockFile))
	pid, convErr := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil || convErr != nil {
		return
	}
	if args, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)); strings.Contains(string(args), dir) {
		unix.Kill(pid, unix.SIGKILL)
	}
}

func ensure(t *testing.T, l edge.Launch) (*edge.Client, edge.Status) {
	t.Helper()
	c, s, err := l.Ensure(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return c, s
}

func apply(t *testing.T, c *edge.Client, r edge.Routes) {
	t.Helper()
	if err := c.Apply(t.Context(), r); err != nil {
		t.Fatal(err)
	}
}

// replica answers with its name at an address of its own.
func replica(t *testing.T, last byte, port int) (edge.Upstream, *http.Server) {
	t.Helper()
	a := netip.AddrFrom4([4]byte{127, 0, 5, last})
	u := edge.Upstream{ID: fmt.Sprintf("replica-%d", last), Addr: a}
	l, err := net.Listen("tcp4", netip.AddrPortFrom(a, uint16(port)).String())
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, u.ID) })}
	go srv.Serve(l)
	t.Cleanup(func() { srv.Close() })
	return u, srv
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func published(host string, port int, target int, upstreams ...edge.Upstream) edge.Routes {
	addr := netip.AddrPortFrom(netip.MustParseAddr(host), uint16(port))
	return edge.Routes{
		Pools:     []edge.Pool{{ID: "web", Upstreams: upstreams}},
		Listeners: []edge.Listener{{Addr: addr, Protocol: edge.TCP, Pool: "web", Port: target}},
	}
}

func get(t *testing.T, port int) string {
	t.Helper()
	c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 20 * time.Second}
	resp, err := c.Get(fmt.Sprintf("http://127.0.0.1:%d/", port))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// wrk runs at full speed until the returned function is called, which fails the test for any request that failed.
func wrk(t *testing.T, port int, seconds int, args ...string) (wait func()) {
	t.Helper()
	args = append([]string{"-t2", "-c32", fmt.Sprintf("-d%ds", seconds)}, args...)
	cmd := exec.CommandContext(t.Context(), "wrk", append(args, fmt.Sprintf("http://127.0.0.1:%d/", port))...)
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Skipf("wrk: %v", err)
	}
	return func() {
		t.Helper()
		if err := cmd.Wait(); err != nil {
			t.Fatalf("wrk: %v\n%s", err, out.String())
		}
		if failed := regexp.MustCompile(`(?m)^\s*(Socket errors|Non-2xx).*$`).FindString(out.String()); failed != "" {
			t.Errorf("requests failed: %s", failed)
		}
		if !regexp.MustCompile(`[1-9]\d* requests in`).MatchString(out.String()) {
			t.Errorf("no request was made:\n%s", out.String())
		}
		t.Log(regexp.MustCompile(`\d+ requests in`).FindString(out.String()))
	}
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}
