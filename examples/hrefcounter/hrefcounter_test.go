package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestLinksAreAnchorsWithAnAddress(t *testing.T) {
	for page, want := range map[string]int{
		"":                                  0,
		`<a href="/one">1</a><A HREF=two>2`: 2,
		`<a name="here">no address</a>`:     0,
		`<link href="style.css">`:           0,
		`<!-- <a href="/hidden"> -->`:       0,
		`<a href="/broken`:                  0,
	} {
		got, err := CountLinks(strings.NewReader(page))
		if err != nil || got != want {
			t.Errorf("CountLinks(%q) = %d, %v; want %d", page, got, err, want)
		}
	}
}

func TestAPostedPageIsCounted(t *testing.T) {
	server := serve(t, t.TempDir())
	if got := post(t, server, `<a href="/a"><a href="/b">`); got != `{"links":2}` {
		t.Errorf("answer %s", got)
	}
	if got := get(t, server, "/counts"); got != `{"pages":1,"links":2}` {
		t.Errorf("counts %s", got)
	}
}

func TestAPageIsFetchedAndCounted(t *testing.T) {
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`<a href="/">home</a>`))
	}))
	defer page.Close()
	if got := get(t, serve(t, t.TempDir()), "/?url="+page.URL); got != `{"links":1}` {
		t.Errorf("answer %s", got)
	}
}

func TestReplicasShareTheirCounts(t *testing.T) {
	dir := t.TempDir()
	replicas := []*httptest.Server{serve(t, dir), serve(t, dir), serve(t, dir)}
	var posts sync.WaitGroup
	for i := range 300 {
		posts.Go(func() { post(t, replicas[i%len(replicas)], `<a href="/a"><a href="/b">`) })
	}
	posts.Wait()
	for _, replica := range replicas {
		if got := get(t, replica, "/counts"); got != `{"pages":300,"links":600}` {
			t.Errorf("counts %s", got)
		}
	}
}

func TestCountsOutliveTheReplica(t *testing.T) {
	dir := t.TempDir()
	post(t, serve(t, dir), `<a href="/a">`)
	if got := get(t, serve(t, dir), "/counts"); got != `{"pages":1,"links":1}` {
		t.Errorf("counts %s", got)
	}
}

func TestAReplicaThatDiedWhileItCountedChangesNothing(t *testing.T) {
	dir := t.TempDir()
	server := serve(t, dir)
	post(t, server, `<a href="/a">`)
	if err := os.WriteFile(filepath.Join(dir, "counts.json.new"), []byte(`{"pages":9`), 0o644); err != nil {
		t.Fatal(err)
	}
	post(t, server, `<a href="/a">`)
	if got := get(t, server, "/counts"); got != `{"pages":2,"links":2}` {
		t.Errorf("counts %s", got)
	}
}

func TestTheHealthcheckAsksTheService(t *testing.T) {
	server := serve(t, t.TempDir())
	address := server.Listener.Addr().String()
	if err := healthcheck(address); err != nil {
		t.Errorf("healthcheck of a service that is well: %v", err)
	}
	server.Close()
	if err := healthcheck(address); err == nil {
		t.Error("healthcheck of a service that has gone: no error")
	}
}

func serve(t *testing.T, dir string) *httptest.Server {
	t.Helper()
	counts, err := OpenCounts(dir)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(NewHandler(counts))
	t.Cleanup(func() { server.Close(); counts.Close() })
	return server
}

func get(t *testing.T, server *httptest.Server, path string) string {
	t.Helper()
	answer, err := http.Get(server.URL + path)
	return body(t, answer, err)
}

func post(t *testing.T, server *httptest.Server, page string) string {
	t.Helper()
	answer, err := http.Post(server.URL+"/", "text/html", strings.NewReader(page))
	return body(t, answer, err)
}

// body reports failures with Errorf: requests are also made outside of the test's own goroutine.
func body(t *testing.T, answer *http.Response, err error) string {
	t.Helper()
	if err != nil {
		t.Error(err)
		return ""
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Error(err)
	}
	return strings.TrimSpace(string(b))
}
