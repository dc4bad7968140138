package proxy

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

const (
	poison = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nPOISONED!"
	right  = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nright"
)

// Each replica says what nobody asked for, after its first answer or instead of the next one.
func TestWhatAReplicaSaysUnaskedIsNobodysAnswer(t *testing.T) {
	for name, tt := range map[string]struct{ method, answer, soon, late string }{
		"after an answer without a body":       {"GET", "HTTP/1.1 204 No Content\r\n\r\n", poison, ""},
		"the body that cannot be, when asked":  {"GET", "HTTP/1.1 204 No Content\r\nContent-Length: 99\r\n\r\n", "", poison},
		"the same in chunks":                   {"GET", "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n", "", poison},
		"a part of an answer":                  {"GET", right, "H", ""},
		"that it has waited for too long":      {"GET", right, "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n", ""},
		"that, when it is asked":               {"GET", right, "", "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n"},
		"the body of HEAD, when it is asked":   {"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", "", poison},
		"the body of HEAD, before it is asked": {"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", poison, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			said, ask := make(chan struct{}), make(chan struct{})
			r.route("http", nil, r.serveTCP(func(c *net.TCPConn) {
				in := bufio.NewReader(c)
				if !asked(in) {
					return
				}
				select {
				case <-said: // this is not the first one
					io.WriteString(c, right)
				default:
					io.WriteString(c, tt.answer)
					<-ask
					io.WriteString(c, tt.soon)
					close(said)
					if asked(in) {
						io.WriteString(c, tt.late)
					}
				}
				for asked(in) {
					io.WriteString(c, right)
				}
			}))
			c := r.client()
			req, err := http.NewRequest(tt.method, r.url(), nil)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := c.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			eventually(t, "the request ends", func() bool { return r.inFlight() == 0 })
			close(ask)
			<-said
			for range 5 {
				if status, body := get(t, c, r.url()); status != 200 || body != "right" {
					t.Errorf("answer %d %s", status, strings.TrimSpace(body))
				}
			}
		})
	}
}

// asked awaits the end of a request without a body.
func asked(in *bufio.Reader) bool {
	_, err := http.ReadRequest(in)
	return err == nil
}

func TestAnswerOfAReplicaNeedsAnEndOfItsHead(t *testing.T) {
	r := newRig(t)
	r.route("http", nil, r.serveTCP(func(c *net.TCPConn) {
		if asked(bufio.NewReader(c)) {
			io.WriteString(c, "HTTP/1.1 200 OK\r\n")
			for {
				if _, err := io.WriteString(c, "X-More: "+strings.Repeat("a", 4<<10)+"\r\n"); err != nil {
					return
				}
			}
		}
	}))
	for _, request := range []string{ // the short way, the long one
		"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx",
	} {
		if got := r.says(request); got != 502 {
			t.Errorf("%q: answer %d", request, got)
		}
	}
}
