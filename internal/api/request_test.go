package api

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// accept serves a call that has nothing to do but to be understood.
func accept[Request any](mux *http.ServeMux, path string) {
	mux.Handle(path, Stream(func(context.Context, Request, event.Sink) error { return nil }))
}

func newEngine(t *testing.T) *httptest.Server {
	mux := http.NewServeMux()
	accept[UpRequest](mux, PathUp)
	accept[DeployRequest](mux, PathDeploy)
	accept[ScaleRequest](mux, PathScale)
	accept[ServicesRequest](mux, PathDown)
	accept[LogsRequest](mux, PathLogs)
	accept[ExecRequest](mux, PathExec)
	accept[GCRequest](mux, PathGC)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server
}

func post(t *testing.T, server *httptest.Server, path, body string) (status int, answer string) {
	t.Helper()
	resp, err := server.Client().Post(server.URL+path, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

func TestWhatCannotBeMeantIsRefused(t *testing.T) {
	server := newEngine(t)
	const shop = `"environment":{"project":"shop","name":"local"}`
	for _, c := range []struct{ path, body, says string }{
		{PathDown, ``, "name of a project"},
		{PathDown, `null`, "name of a project"},
		{PathDown, `{}`, "name of a project"},
		{PathDown, `[]`, "cannot unmarshal array"},
		{PathDown, `{"environment":{"project":"..","name":"x"}}`, "name of a project"},
		{PathDown, `{"environment":{"project":"shop","name":"../x"}}`, "name of an environment"},
		{PathDown, `{"environment":{"project":"shop","name":".."}}`, "name of an environment"},
		{PathDown, `{"environment":{"project":"shop","name":"a\u0000b"}}`, "name of an environment"},
		{PathDown, `{` + shop + `,"dryRun":true}`, `unknown field`},
		{PathDown, `{` + shop + `} {}`, "behind it"},
		{PathUp, `{"goal":"up"}`, "name of a project"},
		{PathUp, `{"goal":"ship","project":{"name":"shop","environment":{"name":"local"}}}`, "goal"},
		{PathUp, `{"goal":"up","project":{"name":"shop","environment":{"name":"local"},"others":[{"name":"a/b"}]}}`, "name of an environment"},
		{PathUp, `{"goal":"up","project":{"name":"shop","environment":{"name":"local"},"dockerfiles":[null]}}`, "null"},
		{PathUp, `{"goal":"up","project":{"name":"shop","environment":{"name":"local"}},"files":{"x":"YQ=="}}`, "another content"},
		{PathDeploy, `{` + shop + `}`, "which release"},
		{PathScale, `{` + shop + `,"replicas":{"web":-1}}`, "-1 replicas"},
		{PathScale, `{` + shop + `,"replicas":{"web":1000000000}}`, "1000000000 replicas"},
		{PathScale, `{` + shop + `,"replicas":{"web":"2"}}`, "cannot unmarshal string"},
		{PathLogs, `{` + shop + `,"tail":-1}`, "below 0"},
		{PathExec, `{` + shop + `,"args":["ls"]}`, "which service"},
		{PathExec, `{` + shop + `,"service":"web"}`, "which command"},
		{PathExec, `{` + shop + `,"service":"web","args":["ls"],"width":70000}`, "70000"},
		{PathGC, `{"keep":-1}`, "keep"},
	} {
		status, answer := post(t, server, c.path, c.body)
		if status != http.StatusBadRequest || !strings.Contains(answer, c.says) || !strings.Contains(answer, `"kind":"usage"`) {
			t.Errorf("%s %s: %d, not with %q: %s", c.path, c.body, status, c.says, answer)
		}
	}
}

func TestWhatCanBeMeantIsTaken(t *testing.T) {
	server := newEngine(t)
	const shop = `"environment":{"project":"my-shop_2","name":"Staging.eu-1"}`
	for path, body := range map[string]string{
		PathDown:   `{` + shop + `}`,
		PathUp:     `{"goal":"plan","project":{"name":"shop","environment":{"name":"local"}}}`,
		PathDeploy: `{` + shop + `,"rollback":true}`,
		PathScale:  `{` + shop + `,"replicas":{"web":0,"db":1000}}`,
		PathExec:   `{` + shop + `,"service":"web","oneOff":true}`,
		PathGC:     ``,
	} {
		if status, answer := post(t, server, path, body); status != http.StatusOK {
			t.Errorf("%s %s: %d: %s", path, body, status, answer)
		}
	}
}

func TestWhatIsTooLargeIsSaid(t *testing.T) {
	server := newEngine(t)
	large := func(path string) string { return `{"environment":{"name":"` + strings.Repeat("x", int(limitOf(path))) }
	for _, path := range []string{PathDown, PathDeploy} {
		if status, answer := post(t, server, path, large(path)); status != http.StatusBadRequest || !strings.Contains(answer, path+" may bring") {
			t.Errorf("%s: %d: %s", path, status, answer)
		}
	}
	secrets := map[string][]byte{"key": make([]byte, limitOf(PathDeploy))}
	err := NewClient(t.TempDir()).Deploy(t.Context(), DeployRequest{Secrets: secrets}, event.Discard) // before anybody is asked
	if release.KindOf(err) != release.KindUsage || !strings.Contains(err.Error(), "8MiB") {
		t.Errorf("sent: %v", err)
	}
}
