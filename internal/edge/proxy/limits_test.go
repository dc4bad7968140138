package proxy

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seaworthyhq/seaworthy/internal/edge"
)

// still is the limit of these tests: short to wait for, and long enough for a busy machine to move something.
const still = 500 * time.Millisecond

// endless is a replica that answers without end. Each request that ends, here too, is told.
func (r *rig) endless(ended chan<- struct{}) edge.Upstream {
	return r.serve(func(w http.ResponseWriter, req *http.Request) {
		defer func() { ended <- struct{}{} }()
		piece := make([]byte, 32<<10)
		for {
			if _, err := w.Write(piece); err != nil {
				return
			}
		}
	})
}

func TestClientThatTakesNothingOfItsAnswerIsCut(t *testing.T) {
	for _, replica := range []string{"http", "h2c"} {
		for name, ask := range map[string]func(*rig){
			"HTTP/1.1": func(r *rig) { io.WriteString(r.dial(), "GET / HTTP/1.1\r\nHost: x\r\n\r\n") },
			"HTTP/2, the connection": func(r *rig) {
				all := []byte{0x7f, 0, 0, 0}
				r.http2(frame(4, 0, 0, append([]byte{0, 4}, all...)), frame(8, 0, 0, all), getIndex(1))
			},
			"HTTP/2, the stream": func(r *rig) {
				c := r.h2c()
				c.Timeout = 0
				resp, err := c.Get(r.url())
				if err != nil {
					r.t.Fatal(err)
				}
				r.t.Cleanup(func() { resp.Body.Close() })
			},
		} {
			t.Run(name+", replica: "+replica, func(t *testing.T) {
				t.Parallel()
				r := newRigWith(t, limits{still: still, untaken: still})
				ended := make(chan struct{})
				r.route(replica, nil, r.endless(ended))
				ask(r)
				select {
				case <-ended:
				case <-time.After(20 * time.Second):
					t.Error("the replica still writes")
				}
				eventually(t, "nothing is in flight", func() bool { return r.inFlight() == 0 })
				if name == "HTTP/2, the stream" {
					return // its connection is as good as before
				}
				eventually(t, "the client's connection ends", func() bool { return r.Clients() == 0 })
			})
		}
	}
}

// The kernel's buffers take megabytes, so that writing stands still for longer than reading.
func TestSlowReaderIsServed(t *testing.T) {
	for _, proto := range []string{"HTTP/1.1", "HTTP/2"} {
		t.Run(proto, func(t *testing.T) {
			t.Parallel()
			r := newRigWith(t, limits{still: still, untaken: still})
			const size = 64 << 20
			r.route("", nil, r.serve(func(w http.ResponseWriter, _ *http.Request) {
				io.CopyN(w, zeros{}, size)
			}))
			c := r.client()
			if proto == "HTTP/2" {
				c = r.h2c()
			}
			resp, err := c.Get(r.url())
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			read := int64(0)
			for start := time.Now(); time.Since(start) < 6*still; time.Sleep(still / 10) {
				n, err := io.CopyN(io.Discard, resp.Body, 16<<10)
				if read += n; err != nil {
					t.Fatalf("after %d bytes: %v", read, err)
				}
			}
			n, err := io.Copy(io.Discard, resp.Body)
			if read+n != size || err != nil {
				t.Errorf("%d bytes of %d, %v", read+n, size, err)
			}
		})
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

func TestReplicaMayBeSilentWithinItsAnswer(t *testing.T) {
	for _, proto := range []string{"HTTP/1.1", "HTTP/2"} {
		t.Run(proto, func(t *testing.T) {
			t.Parallel()
			r := newRigWith(t, limits{still: still / 4, untaken: still / 4})
			r.route("", nil, r.serve(func(w http.ResponseWriter, req *http.Request) {
				for range 3 {
					io.WriteString(w, "x")
					w.(http.Flusher).Flush()
					time.Sleep(still / 2)
				}
			}))
			c := r.client()
			if proto == "HTTP/2" {
				c = r.h2c()
			}
			if status, body := get(t, c, r.url()); status != 200 || body != "xxx" {
				t.Errorf("answer %d %q", status, body)
			}
		})
	}
}

// A terminal that somebody has stopped, say.
func TestWhoHasLeftHTTPNeedNotRead(t *testing.T) {
	t.Parallel()
	const size = 32 << 20
	r := newRigWith(t, limits{still: still / 2, untaken: still / 2})
	r.route("http", nil, r.serveTCP(func(c *net.TCPConn) {
		if asked(bufio.NewReader(c)) {
			io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n")
			io.CopyN(c, zeros{}, size)
		}
	}))
	conn := r.dial()
	io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n")
	in := bufio.NewReader(conn)
	resp, err := http.ReadResponse(in, nil)
	if err != nil || resp.StatusCode != 101 {
		t.Fatalf("%v, %+v", err, resp)
	}
	time.Sleep(3 * still)
	if n, err := io.Copy(io.Discard, in); n != size || err != nil {
		t.Errorf("%d bytes of %d, %v", n, size, err)
	}
}

func TestBodyThatStandsStillIsCut(t *testing.T) {
	r := newRigWith(t, limits{still: 50 * time.Millisecond, untaken: 50 * time.Millisecond})
	reader := r.serve(func(_ http.ResponseWriter, req *http.Request) { io.Copy(io.Discard, req.Body) })
	for _, head := range []string{"Content-Length: 9", "Transfer-Encoding: chunked", "Content-Length: 9\r\nConnection: Upgrade\r\nUpgrade: x"} {
		for _, tt := range []struct {
			target   string
			replicas []edge.Upstream
			want     string
		}{
			{"/", []edge.Upstream{reader}, "400 the request's body is malformed or cut off"},
			{"/", nil, "503 no replica to answer"},
			{"a:b", []edge.Upstream{reader}, "400 the request's target is malformed"},
		} {
			r.route("http", nil, tt.replicas...)
			conn := r.dial()
			io.WriteString(conn, "POST "+tt.target+" HTTP/1.1\r\nHost: x\r\n"+head+"\r\n\r\n5\r\n")
			all, err := io.ReadAll(conn) // its end, too
			if !strings.Contains(string(all), "\r\n\r\n"+tt.want+"\n") || err != nil {
				t.Errorf("%s: %q, %v; want %s", head, all, err, tt.want)
			}
		}
	}
	eventually(t, "nothing is in flight", func() bool { return r.inFlight() == 0 })
}

func TestBodyInHTTP2ThatStandsStillIsCut(t *testing.T) {
	for name, tt := range map[string]struct{ replica, contentType string }{
		"":                           {"h2c", "text/plain"},
		"at a replica of HTTP/1.1":   {"http", "text/plain"},
		"gRPC that no replica takes": {"http", "application/grpc"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRigWith(t, limits{still: 50 * time.Millisecond, untaken: 50 * time.Millisecond})
			r.route(tt.replica, nil, r.serve(func(_ http.ResponseWriter, req *http.Request) { io.Copy(io.Discard, req.Body) }))
			resp, err := r.h2c().Post(r.url(), tt.contentType, r.paused("a part"))
			if err != nil {
				t.Fatal(err)
			}
			if status, body := read(t, resp); status != 400 {
				t.Errorf("answer %d %s", status, body)
			}
			eventually(t, "nothing is in flight", func() bool { return r.inFlight() == 0 })
		})
	}
}

// paused is a body of which no more comes.
func (r *rig) paused(begin string) io.Reader {
	out, in := io.Pipe()
	r.t.Cleanup(func() { in.Close() })
	go io.WriteString(in, begin)
	return out
}

func TestConversationInHTTP2MayPause(t *testing.T) {
	const limit = 50 * time.Millisecond
	for name, tt := range map[string]struct {
		contentType string
		first       bool // to speak is the replica
	}{
		"once the replica has begun to answer": {"text/plain", true},
		"in gRPC, before that":                 {"application/grpc+proto", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRigWith(t, limits{still: limit, untaken: limit})
			r.route("", nil, r.serve(func(w http.ResponseWriter, req *http.Request) {
				if tt.first {
					w.(http.Flusher).Flush()
				}
				io.Copy(w, req.Body)
			}))
			out, in := io.Pipe()
			go func() {
				for range 3 {
					io.WriteString(in, "x")
					time.Sleep(4 * limit)
				}
				in.Close()
			}()
			resp, err := r.h2c().Post(r.url(), tt.contentType, out)
			if err != nil {
				t.Fatal(err)
			}
			if status, body := read(t, resp); status != 200 || body != "xxx" {
				t.Errorf("answer %d %q", status, body)
			}
		})
	}
}

func TestConnectionThatIsNotUsedEnds(t *testing.T) {
	const limit = 50 * time.Millisecond
	for name, tt := range map[string]struct {
		limits limits
		says   string
	}{
		"within a head":             {limits{head: limit}, "GET / HTTP/1.1\r\nHost: x\r\nX-Slow:"},
		"within the second head":    {limits{head: limit}, "GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\n"},
		"after an answer":           {limits{idle: limit}, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"},
		"HTTP/2":                    {limits{idle: limit}, preface + frame(4, 0, 0, nil)},
		"HTTP/2, within a head":     {limits{idle: limit}, preface + frame(4, 0, 0, nil) + frame(1, 0, 1, []byte{0x82})},
		"HTTP/2, after an answer":   {limits{idle: limit}, preface + frame(4, 0, 0, nil) + getIndex(1)},
		"HTTP/2, after an opening":  {limits{}, preface},
		"HTTP/2, within an opening": {limits{head: limit}, preface[:20]},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRigWith(t, tt.limits)
			r.route("http", nil, r.named("a"))
			conn := r.dial()
			io.WriteString(conn, tt.says)
			if _, err := io.Copy(io.Discard, conn); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestHTTP2TakesNoMoreThanItsShare(t *testing.T) {
	r := newRig(t)
	block := make(chan struct{})
	defer close(block)
	r.route("http", nil, r.serve(func(http.ResponseWriter, *http.Request) { <-block }))
	long := literal("x-long", strings.Repeat("a", 15<<10))
	tooLong := frame(1, 0, 1, getFields) + strings.Repeat(frame(9, 0, 1, long), 4) + frame(9, 4, 1, literal("x-long", strings.Repeat("a", 7<<10)))
	var many []string
	for i := range multiplexed.MaxConcurrentStreams + 1 {
		many = append(many, getIndex(uint32(2*i+1)))
	}
	for name, tt := range map[string]struct {
		frames []string
		want   string
	}{
		"a head that is too long":  {[]string{tooLong}, "HEADERS 1: 431"},
		"a frame that is too long": {[]string{frame(0, 0, 1, make([]byte, 17<<10))}, "GOAWAY: 6"},
		"a stream too many":        {many, "RST_STREAM 501: 7"},
	} {
		t.Run(name, func(t *testing.T) {
			conn := r.http2(append([]string{frame(4, 0, 0, nil)}, tt.frames...)...)
			if diff := cmp.Diff(tt.want, verdictOf(conn)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestRequestsOfOneConnectionInHTTP2CountEach(t *testing.T) {
	r := newSmallRig(t, 20)
	block := make(chan struct{})
	r.route("h2c", nil, r.serve(func(http.ResponseWriter, *http.Request) { <-block }))
	frames := []string{frame(4, 0, 0, nil)}
	for i := range 20 {
		frames = append(frames, getIndex(uint32(2*i+1)))
	}
	conn := r.http2(frames...)
	if got := verdictOf(conn); !strings.HasSuffix(got, ": 503") {
		t.Errorf("one too many gets %s", got)
	}
	conn.Close()
	close(block)
	eventually(t, "they have left", func() bool { return r.Clients() == 0 })
	r.CloseNow("replica-1")
	eventually(t, "none is counted", func() bool { return r.budget.open.Load() == 0 })
}
