package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"

	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/tui"
)

// Where Docker is unless DOCKER_HOST says otherwise, and where it keeps volumes when it cannot be asked.
const (
	dockerHost    = "unix:///var/run/docker.sock"
	dockerVolumes = "/var/lib/docker/volumes"
)

// dockerVolume is the folder with the content of a volume of Docker on this machine. It warns where somebody writes to it.
// Where it is no such folder, the error says how to pipe it into the command into.
func dockerVolume(ctx context.Context, name, into string, warnings io.Writer) (string, error) {
	if !regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]*$`).MatchString(name) {
		return "", &release.UserError{Kind: release.KindUsage, Err: fmt.Errorf("%q is no name of a Docker volume", name), Hint: "docker volume ls lists them"}
	}
	host := cmp.Or(os.Getenv("DOCKER_HOST"), dockerHost)
	socket, ok := strings.CutPrefix(host, "unix://")
	if !ok {
		return "", elsewhere(name, into, "the Docker of "+host+" may be on another machine")
	}
	d := docker{http: &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
	}}}
	folder, err := d.mountpoint(ctx, name, into)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		return filepath.Join(dockerVolumes, name, "_data"), nil // it does not run: nobody writes to it
	}
	if err != nil {
		return "", err
	}
	for _, container := range d.runningWith(ctx, name) {
		tui.Note(warnings, event.Message{
			Level: event.Warn,
			Text:  fmt.Sprintf("%s runs and uses the volume %s: stop it first, or what it is writing is copied in part", container, name),
		})
	}
	return folder, nil
}

// docker asks a running Docker over its API. Its client library would be the largest part of this program.
type docker struct{ http *http.Client }

func (d docker) mountpoint(ctx context.Context, name, into string) (string, error) {
	var volume struct {
		Driver, Mountpoint string
		Options            map[string]string
	}
	if err := d.get(ctx, "/volumes/"+name, &volume); err != nil {
		return "", err
	}
	if volume.Driver != "local" || len(volume.Options) > 0 {
		return "", elsewhere(name, into, "the Docker volume "+name+" is not a folder of this machine alone")
	}
	return volume.Mountpoint, nil
}

// runningWith are the containers that run with the volume, as far as Docker says.
func (d docker) runningWith(ctx context.Context, name string) []string {
	filters, err := json.Marshal(map[string][]string{"volume": {name}, "status": {"running"}})
	if err != nil {
		return nil
	}
	var containers []struct{ Names []string }
	if d.get(ctx, "/containers/json?"+url.Values{"filters": {string(filters)}}.Encode(), &containers) != nil {
		return nil
	}
	var names []string
	for _, c := range containers {
		if len(c.Names) > 0 {
			names = append(names, strings.TrimPrefix(c.Names[0], "/"))
		}
	}
	return names
}

func (d docker) get(ctx context.Context, path string, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://docker"+path, nil)
	if err != nil {
		return err
	}
	resp, err := d.http.Do(req)
	if err != nil {
		return fmt.Errorf("ask Docker: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		var problem struct{ Message string }
		_ = json.NewDecoder(resp.Body).Decode(&problem) // the status says it, too
		kind := release.KindInternal
		if resp.StatusCode == http.StatusNotFound {
			kind = release.KindNotFound
		}
		return &release.UserError{Kind: kind, Err: fmt.Errorf("docker: %s", cmp.Or(problem.Message, resp.Status)), Hint: "docker volume ls lists its volumes"}
	}
	return json.NewDecoder(resp.Body).Decode(into)
}

// elsewhere explains the way that works for every volume.
func elsewhere(name, into, why string) error {
	return &release.UserError{
		Kind: release.KindUsage, Err: errors.New(why),
		Hint: "docker run --rm -v " + name + ":/v:ro busybox tar -C /v -c . | " + into,
	}
}
