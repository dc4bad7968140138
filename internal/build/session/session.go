// Package session is the user's side of a build: it serves what only the user has (files of the build context, secrets,
// ssh agents, credentials of registries) to the engine that builds, and keeps the reports of checks, over one connection, for
// as long as the build runs.
//
// It speaks BuildKit's session protocol and knows nothing of the solver. The engine's end is build.Builder.HandleSession.
package session

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"sync"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/plugins/content/local"
	dockerconfig "github.com/docker/cli/cli/config"
	"github.com/docker/cli/cli/config/configfile"
	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/session/auth/authprovider"
	sessioncontent "github.com/moby/buildkit/session/content"
	"github.com/moby/buildkit/session/secrets/secretsprovider"
	"github.com/moby/buildkit/session/sshforward/sshprovider"
)

// State is the folder of Seaworthy's own in a project; it never enters a context.
const State = ".seaworthy"

// ReportsDir is the folder in a project that all that checks leave is in.
const ReportsDir = State + "/reports"

// Dialer connects to the engine's end of the session. proto and meta are the session's handshake: over HTTP, the value of
// the Upgrade header and the other headers.
type Dialer func(ctx context.Context, proto string, meta map[string][]string) (net.Conn, error)

// Names under which a session offers what belongs to the build itself (Sources.Dirs).
const (
	ContextDir    = "context"    // the build context
	DockerfileDir = "dockerfile" // the folder of the Dockerfile; only asked for when the engine has no copy of it
)

// Sources is what the engine may ask for, and where it may hand something over. It can do nothing else.
type Sources struct {
	// Dirs are the folders it may read, by name: ContextDir, and one for each named context that is a folder.
	Dirs map[string]string
	// Layouts are folders that hold OCI image layouts, by the name that an oci-layout:// context gives.
	Layouts map[string]string
	// Secrets are the values for RUN --mount=type=secret, by id.
	Secrets map[string][]byte
	// SSH are the agents for RUN --mount=type=ssh: paths of sockets or keys, by id; no path means the user's agent.
	SSH map[string][]string
	// Reports are the folders that the files of checks are kept in, by the key of the check's step, from Project, in ReportsDir. One is
	// replaced when all has come, and stays as it is otherwise.
	Reports map[string]string
	Project string
	// DockerConfig is the folder of Docker's config.json, for registries that ask for credentials. Empty: where Docker
	// looks for it.
	DockerConfig string
}

// Reads reports whether the engine may read just what it may of others; the reports that it may write do not count.
func (src Sources) Reads(others Sources) bool {
	src.Reports, others.Reports = nil, nil
	return reflect.DeepEqual(src, others)
}

// Session is a session that is being served.
type Session struct {
	id    string
	inner *session.Session
	done  chan struct{}
	err   error

	taking *sync.RWMutex // held for reading while reports come in
}

// Serve connects to the engine and answers what it asks for, until Close or until ctx ends.
func Serve(ctx context.Context, dial Dialer, src Sources) (*Session, error) {
	taking := &sync.RWMutex{}
	attachables, err := src.attachables(taking)
	if err != nil {
		return nil, err
	}
	inner, err := session.NewSession(ctx, src.sharedKey())
	if err != nil {
		return nil, fmt.Errorf("make build session: %w", err)
	}
	for _, a := range attachables {
		inner.Allow(a)
	}
	s := &Session{id: inner.ID(), inner: inner, done: make(chan struct{}), taking: taking}
	dialed := make(chan error, 1)
	go func() {
		defer close(s.done)
		s.err = inner.Run(ctx, func(ctx context.Context, proto string, meta map[string][]string) (net.Conn, error) {
			conn, err := dial(ctx, proto, meta)
			dialed <- err
			return conn, err
		})
	}()
	if err := <-dialed; err != nil {
		<-s.done
		return nil, fmt.Errorf("connect build session: %w", err)
	}
	return s, nil
}

// ID is what the build request names the session by.
func (s *Session) ID() string { return s.id }

// Done is closed when the session is over, for whatever reason; Err says which.
func (s *Session) Done() <-chan struct{} { return s.done }

// Err is why the session ended; nil while it lasts and after Close.
func (s *Session) Err() error {
	select {
	case <-s.done:
		return s.err
	default:
		return nil
	}
}

// Close ends the session and waits for it: what it has begun to write is whole, or gone.
func (s *Session) Close() error {
	err := s.inner.Close()
	<-s.done
	s.taking.Lock()
	defer s.taking.Unlock()
	return err
}

func (src Sources) attachables(taking *sync.RWMutex) ([]session.Attachable, error) {
	dirs, err := src.dirs()
	if err != nil {
		return nil, err
	}
	all := []session.Attachable{dirs, secretsprovider.FromMap(src.Secrets), src.auth()}
	if len(src.SSH) > 0 {
		agents, err := src.agents()
		if err != nil {
			return nil, err
		}
		all = append(all, agents)
	}
	if len(src.Layouts) > 0 {
		layouts, err := src.layouts()
		if err != nil {
			return nil, err
		}
		all = append(all, layouts)
	}
	if len(src.Reports) > 0 {
		all = append(all, reports{src.Project, src.Reports, taking})
	}
	return all, nil
}

func (src Sources) dirs() (folders, error) {
	dirs := folders{}
	for name, dir := range src.Dirs {
		f, err := openFolder(dir)
		if err != nil {
			return nil, fmt.Errorf("open context %s: %w", name, err)
		}
		dirs[name] = f
	}
	return dirs, nil
}

func (src Sources) agents() (session.Attachable, error) {
	var agents []sshprovider.AgentConfig
	for _, id := range slices.Sorted(maps.Keys(src.SSH)) {
		agents = append(agents, sshprovider.AgentConfig{ID: id, Paths: src.SSH[id]})
	}
	provider, err := sshprovider.NewSSHAgentProvider(agents)
	if err != nil {
		return nil, fmt.Errorf("reach ssh agent: %w", err)
	}
	return provider, nil
}

func (src Sources) layouts() (session.Attachable, error) {
	stores := map[string]content.Store{}
	for name, dir := range src.Layouts {
		store, err := local.NewStore(dir)
		if err != nil {
			return nil, fmt.Errorf("open image layout %s: %w", name, err)
		}
		stores["oci:"+name] = store // as BuildKit asks for them
	}
	return sessioncontent.NewAttachable(stores), nil
}

func (src Sources) auth() session.Attachable {
	dir := src.DockerConfig
	if dir == "" {
		dir = dockerconfig.Dir()
	}
	// A config that cannot be read gives no credentials; the registry then says that it wants some.
	cfg, err := dockerconfig.Load(dir)
	if err != nil {
		cfg = configfile.New("")
	}
	return authprovider.NewDockerAuthProvider(authprovider.DockerAuthProviderConfig{
		AuthConfigProvider: authprovider.LoadAuthConfig(cfg),
	})
}

// sharedKey lets the engine send over only what changed since the last build from the same folders on the same machine.
func (src Sources) sharedKey() string {
	h := sha256.New()
	host, _ := os.Hostname()
	fmt.Fprintln(h, host)
	for _, name := range slices.Sorted(maps.Keys(src.Dirs)) {
		dir, err := filepath.Abs(src.Dirs[name])
		if err != nil {
			dir = src.Dirs[name]
		}
		fmt.Fprintln(h, name, dir)
	}
	return hex.EncodeToString(h.Sum(nil))
}
