package e2e

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// appBinary is testdata/app, built once.
var appBinary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "sw-app")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "app")
	build := exec.Command("go", "build", "-ldflags", "-s -w", "-o", path, "./testdata/app")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build app: %w\n%s", err, out)
	}
	content, err := os.ReadFile(path)
	return string(content), err
})

// appDockerfile runs it, with a shell beside it.
const appDockerfile = "FROM busybox\nCOPY --chmod=755 app /app\nCMD [\"/app\"]\n"

// newAppSite is a site whose services run testdata/app, `build: .`, as this compose file says. More files come in pairs of name and
// content.
func newAppSite(t *testing.T, compose string, more ...string) *site {
	t.Helper()
	app, err := appBinary()
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{"Dockerfile": appDockerfile, "app": app, "compose.yaml": compose}
	for pair := range slices.Chunk(more, 2) {
		files[pair[0]] = pair[1]
	}
	return newSite(t, files)
}

// replica is one replica as status says.
type replica struct {
	ID, Service, IP, State, Health, Started string
	Index, Restarts, ExitCode               int
}

// replicas are those of a service that belong to what serves, by index.
func (s *site) replicas(service string) []replica {
	s.t.Helper()
	for _, found := range s.status().Services {
		if found.Name == service {
			slices.SortFunc(found.Replicas, func(a, b replica) int { return a.Index - b.Index })
			return found.Replicas
		}
	}
	return nil
}

// environmentStatus is what status says of one environment.
type environmentStatus struct {
	Release, Held string
	Deployment    deploymentStatus
	Last          deploymentStatus
	Services      []struct {
		Name             string
		Desired, Healthy int
		Image            struct{ Digest string }
		Ports            []struct{ Published int }
		Replicas         []replica
	}
}

type deploymentStatus struct {
	Number              int
	Result, Error, Plan string
}

func (s *site) status() environmentStatus {
	s.t.Helper()
	var all []environmentStatus
	s.readJSON(&all, "status")
	if len(all) != 1 {
		s.t.Fatalf("status of %d environments", len(all))
	}
	return all[0]
}

// inside runs a shell command in a replica of the service and returns what it says.
func (s *site) inside(service, command string) string {
	s.t.Helper()
	return strings.TrimSpace(s.run(0, "exec", service, "--", "sh", "-c", command))
}

// running tells the processes of a service apart: by replica, and by when the first process of one has started.
func (s *site) running(service string) string {
	s.t.Helper()
	found := map[string]string{}
	for _, r := range s.replicas(service) {
		found[r.ID] = fmt.Sprint(r.Started, " ", r.Restarts)
	}
	var all []string
	for _, id := range slices.Sorted(maps.Keys(found)) {
		all = append(all, id+" "+found[id])
	}
	if len(all) == 0 {
		s.t.Fatalf("nothing of %s runs", service)
	}
	return strings.Join(all, ", ") + " " + s.inside(service, "cut -d ' ' -f 22 /proc/1/stat")
}

// untouched runs f and fails the test if it is not the same processes of the service that run afterwards.
func (s *site) untouched(service string, f func()) {
	s.t.Helper()
	before := s.running(service)
	f()
	if after := s.running(service); after != before {
		s.t.Errorf("%s was touched:\nbefore: %s\nafter:  %s", service, before, after)
	}
}
