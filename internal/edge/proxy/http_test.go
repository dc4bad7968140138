package proxy

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seaworthyhq/seaworthy/internal/edge"
)

func TestRequestsOfOneConnectionAreBalanced(t *testing.T) {
	r := newRig(t)
	r.route("", nil, r.named("a"), r.named("b"), r.named("c"))
	c, got := r.client(), map[string]int{}
	for range 30 {
		_, body := get(t, c, r.url())
		got[body]++
	}
	if diff := cmp.Diff(map[string]int{"a": 10, "b": 10, "c": 10}, got); diff != "" {
		t.Error(diff)
	}
	if n := r.Clients(); n != 1 {
		t.Errorf("%d client connections, want 1", n)
	}
}

func TestBusyReplicaGetsNoMore(t *testing.T) {
	r := newRig(t)
	release := make(chan struct{})
	entered := make(chan struct{}, 1)
	busy := r.serve(func(http.ResponseWriter, *http.Request) { entered <- struct{}{}; <-release })
	r.route("", nil, busy)
	done := make(chan struct{})
	go func() { defer close(done); get(t, r.client(), r.url()) }()
	<-entered
	r.route("", nil, busy, r.named("idle"))
	for range 5 {
		if _, body := get(t, r.client(), r.url()); body != "idle" {
			t.Errorf("answer %q, want that of the idle replica", body)
		}
	}
	close(release)
	<-done
}

func TestKeptConnectionFollowsSwap(t *testing.T) {
	r := newRig(t)
	old, next := r.named("old"), r.named("new")
	c := r.client()
	for i, want := range []string{"old", "new", "old"} {
		r.route("", nil, map[string]edge.Upstream{"old": old, "new": next}[want])
		if _, got := get(t, c, r.url()); got != want {
			t.Errorf("request %d: answer %q, want %q", i, got, want)
		}
	}
}

func TestReplicaThatRefusesIsLeftOut(t *testing.T) {
	r := newRig(t)
	r.route("", nil, r.absent(), r.named("b"), r.absent())
	for range 10 {
		if status, body := get(t, r.client(), r.url()); status != 200 || body != "b" {
			t.Fatalf("answer %d %q", status, body)
		}
		resp, err := r.client().Post(r.url(), "text/plain", strings.NewReader("once"))
		if err != nil {
			t.Fatal(err)
		}
		if status, body := read(t, resp); status != 200 || body != "b" {
			t.Fatalf("answer to POST %d %q", status, body)
		}
	}
}

func TestNobodyToAnswerIs503(t *testing.T) {
	r := newRig(t)
	for name, apply := range map[string]func(){
		"empty pool":  func() { r.route("http", nil) },
		"all refuse":  func() { r.route("http", nil, r.absent(), r.absent()) },
		"none of two": func() { r.route("", nil, r.absent()) },
	} {
		t.Run(name, func(t *testing.T) {
			apply()
			resp, err := r.client().Get(r.url())
			if err != nil {
				t.Fatal(err)
			}
			if resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" {
				t.Errorf("answer %s, Retry-After %q", resp.Status, resp.Header.Get("Retry-After"))
			}
			resp.Body.Close()
		})
	}
}

// Replicas close connections that were idle; a request that is not repeatable must not meet that.
func TestIdleCloseOfReplicaIsNoErrorOfClient(t *testing.T) {
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodDelete} {
		t.Run(method, func(t *testing.T) {
			r := newRig(t)
			u := r.serveWith(&http.Server{
				IdleTimeout: time.Microsecond,
				Handler:     http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) { io.Copy(w, req.Body) }),
			})
			r.route("", nil, u)
			c := r.client()
			for i := range 300 {
				var body io.Reader
				if method == http.MethodPost {
					body = strings.NewReader("hello")
				}
				req, _ := http.NewRequest(method, r.url(), body)
				resp, err := c.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				if status, text := read(t, resp); status != 200 {
					t.Fatalf("request %d: %d %s", i, status, text)
				}
			}
		})
	}
}

func TestPostIsNotSentTwice(t *testing.T) {
	r := newRig(t)
	var seen atomic.Int32
	abort := func(w http.ResponseWriter, req *http.Request) {
		seen.Add(1)
		io.Copy(io.Discard, req.Body)
		panic(http.ErrAbortHandler)
	}
	r.route("", nil, r.serve(abort), r.serve(abort))
	resp, err := r.client().Post(r.url(), "text/plain", strings.NewReader("pay"))
	if err != nil {
		t.Fatal(err)
	}
	if status, _ := read(t, resp); status != 502 || seen.Load() != 1 {
		t.Errorf("answer %d after %d tries, want 502 after 1", status, seen.Load())
	}
}

func TestARequestThatEndsReplicasIsSentToTwoAtMost(t *testing.T) {
	r := newRig(t)
	var seen atomic.Int32
	end := func(http.ResponseWriter, *http.Request) {
		seen.Add(1)
		panic(http.ErrAbortHandler)
	}
	r.route("", nil, r.serve(end), r.serve(end), r.serve(end), r.serve(end))
	resp, err := r.client().Get(r.url())
	if err != nil {
		t.Fatal(err)
	}
	if status, _ := read(t, resp); status != 502 || seen.Load() != 2 {
		t.Errorf("answer %d after %d tries, want 502 after 2", status, seen.Load())
	}
}

func TestStreamIsFlushedAtOnce(t *testing.T) {
	for _, kind := range []string{"text/event-stream", "application/octet-stream"} {
		t.Run(kind, func(t *testing.T) {
			r := newRig(t)
			more := make(chan struct{})
			r.route("", nil, r.serve(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", kind)
				io.WriteString(w, "data: 1\n\n")
				w.(http.Flusher).Flush()
				<-more
				io.WriteString(w, "data: 2\n\n")
			}))
			resp, err := r.client().Get(r.url())
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			lines := bufio.NewReader(resp.Body)
			if line, err := lines.ReadString('\n'); line != "data: 1\n" {
				t.Fatalf("first line %q, %v", line, err)
			}
			close(more)
			if rest, _ := io.ReadAll(lines); string(rest) != "\ndata: 2\n\n" {
				t.Errorf("rest %q", rest)
			}
		})
	}
}

func TestTrailersPass(t *testing.T) {
	for _, appProtocol := range []string{"http", "h2c"} {
		t.Run(appProtocol, func(t *testing.T) {
			r := newRig(t)
			r.route(appProtocol, nil, r.serve(func(w http.ResponseWriter, req *http.Request) {
				w.Header().Set("Trailer", "X-Sum")
				n, _ := io.Copy(w, req.Body)
				w.(http.Flusher).Flush()
				w.Header().Set("X-Sum", fmt.Sprintf("%d %q", n, req.Trailer.Get("X-Ours")))
			}))
			req, _ := http.NewRequest("POST", r.url(), io.MultiReader(strings.NewReader("12345")))
			req.Trailer = http.Header{"X-Ours": {"yes"}}
			resp, err := r.client().Do(req)
			if err != nil {
				t.Fatal(err)
			}
			read(t, resp)
			if got := resp.Trailer.Get("X-Sum"); got != `5 "yes"` {
				t.Errorf("trailer %q", got)
			}
			resp, err = r.client().Get(r.url())
			if err != nil {
				t.Fatal(err)
			}
			read(t, resp)
			if got := resp.Trailer.Get("X-Sum"); got != `0 ""` {
				t.Errorf("trailer without a body %q", got)
			}
		})
	}
}

func TestExpectContinueLetsReplicaRefuseBody(t *testing.T) {
	r := newRig(t)
	r.route("", nil, r.serve(func(w http.ResponseWriter, req *http.Request) {
		if req.Header.Get("X-Refuse") != "" {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
			return
		}
		io.Copy(w, req.Body)
	}))
	for _, refuse := range []bool{true, false} {
		conn := r.dial()
		head := "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n"
		if refuse {
			head += "X-Refuse: 1\r\n"
		}
		io.WriteString(conn, head+"\r\n")
		in := bufio.NewReader(conn)
		line, err := in.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if want := map[bool]string{true: " 413 ", false: " 100 "}[refuse]; !strings.Contains(line, want) {
			t.Errorf("refuse %v: got %q", refuse, line)
		}
		if refuse {
			continue
		}
		in.ReadString('\n')
		io.WriteString(conn, "hello")
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, body := read(t, resp); body != "hello" {
			t.Errorf("echo %q", body)
		}
	}
}

func TestEarlyHintsPass(t *testing.T) {
	r := newRig(t)
	r.route("", nil, r.serve(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", "</a.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		io.WriteString(w, "page")
	}))
	var hint string
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
		Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
			hint = fmt.Sprint(code, " ", h.Get("Link"))
			return nil
		},
	})
	req, _ := http.NewRequestWithContext(ctx, "GET", r.url(), nil)
	resp, err := r.client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if _, body := read(t, resp); body != "page" || hint != "103 </a.css>; rel=preload" {
		t.Errorf("body %q, hint %q", body, hint)
	}
}

func TestHTTP2WithPriorKnowledgeIsBalancedByRequest(t *testing.T) {
	for _, appProtocol := range []string{"", "h2c", "grpc", "http"} {
		t.Run("app_protocol "+appProtocol, func(t *testing.T) {
			r := newRig(t)
			proto := func(name string) http.HandlerFunc {
				return func(w http.ResponseWriter, req *http.Request) { io.WriteString(w, name+" "+req.Proto) }
			}
			r.route(appProtocol, nil, r.serve(proto("a")), r.serve(proto("b")))
			c, got := r.h2c(), map[string]int{}
			for range 10 {
				_, body := get(t, c, r.url())
				got[body]++
			}
			want := map[string]int{"a HTTP/2.0": 5, "b HTTP/2.0": 5}
			if appProtocol == "http" {
				want = map[string]int{"a HTTP/1.1": 5, "b HTTP/1.1": 5}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestRequestArrivesAsItWasSent(t *testing.T) {
	r := newRig(t)
	r.route("", nil, r.serve(func(w http.ResponseWriter, req *http.Request) {
		fmt.Fprintf(w, "%s %s %s %q", req.Method, req.RequestURI, req.Host, req.Header.Get("User-Agent"))
	}))
	req, _ := http.NewRequest("OPTIONS", r.url()+"a%2Fb//c?x=1;y&%zz", nil)
	req.Host = "shop.example"
	req.Header["User-Agent"] = nil
	resp, err := r.client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if _, got := read(t, resp); got != `OPTIONS /a%2Fb//c?x=1;y&%zz shop.example ""` {
		t.Errorf("arrived as %s", got)
	}
}

func TestClientThatLeavesCancelsItsRequest(t *testing.T) {
	r := newRig(t)
	entered, left := make(chan struct{}), make(chan struct{})
	u := r.serve(func(_ http.ResponseWriter, req *http.Request) {
		close(entered)
		<-req.Context().Done()
		close(left)
	})
	r.route("", nil, u)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-entered; cancel() }()
	req, _ := http.NewRequestWithContext(ctx, "GET", r.url(), nil)
	if _, err := r.client().Do(req); !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v", err)
	}
	<-left
	if n := r.Drain(t.Context(), u.ID); n != 0 {
		t.Errorf("%d left in flight", n)
	}
}
