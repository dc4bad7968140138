package e2e

import (
	"context"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
)

// ask sends the engine a request as no CLI would.
func (s *site) ask(method, path, body string) (status int, answer string) {
	s.t.Helper()
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(s.root, "engine.sock"))
	}}}
	defer client.CloseIdleConnections()
	req, err := http.NewRequestWithContext(s.t.Context(), method, "http://engine"+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

func TestTheEngineTakesOnlyWhatCanBeMeant(t *testing.T) {
	t.Parallel()
	s := newSite(t, shop)
	s.up(0)
	for _, c := range []struct{ method, path, body, says string }{
		{"POST", "/v1/down", "null", "name of a project"},
		{"POST", "/v1/exec", "null", "which service"},
		{"POST", "/v1/down", `{"environment":{"project":"..","name":"x"}}`, "name of a project"},
		{"POST", "/v1/scale", `{"environment":{"project":"shop","name":"local"},"replicas":{"web":-1}}`, "-1 replicas"},
		{"POST", "/v1/down", `{"environment":{"project":"` + strings.Repeat("x", 2<<20), "may bring"},
		{"GET", "/v1/history?project=..&environment=x", "", "name of a project"},
		{"GET", "/v1/history?project=shop&environment=local&limit=-1", "", "limit"},
		{"GET", "/v1/volumes/x?project=shop", "", "name of an environment"},
		{"PUT", "/v1/volumes/..%2F..%2Fx?project=shop&environment=local", "", "names cannot have"},
		{"DELETE", "/v1/volumes/x?project=shop&environment=..", "", "name of an environment"},
	} {
		if status, answer := s.ask(c.method, c.path, c.body); status != http.StatusBadRequest || !strings.Contains(answer, c.says) {
			t.Errorf("%s %s %.60s: %d, without %q: %s", c.method, c.path, c.body, status, c.says, answer)
		}
	}
	for env, says := range map[string]string{
		"../x": "name of a project", "shop/..": "name of an environment", "..": "name of an environment", "shop/a/b": "project/name",
	} {
		s.refused(2, []string{"down", "-e", env}, says)
	}
	s.answers("one")
}
