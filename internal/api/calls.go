package api

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"

	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// Paths of the calls. What starts with POST changes something, or streams.
const (
	PathUp       = "/v1/up"
	PathDeploy   = "/v1/deploy"
	PathScale    = "/v1/scale"
	PathRestart  = "/v1/restart"
	PathResume   = "/v1/resume"
	PathDown     = "/v1/down"
	PathLogs     = "/v1/logs"
	PathExec     = "/v1/exec"
	PathSession  = "/v1/session"
	PathGC       = "/v1/gc"
	PathStatus   = "/v1/status"
	PathHistory  = "/v1/history"
	PathReleases = "/v1/releases"
	PathSteps    = "/v1/steps"
	PathLedger   = "/v1/ledger"
	PathExport   = "/v1/export"
	PathFiles    = "/v1/files"
	PathImages   = "/v1/images"
	PathVolumes  = "/v1/volumes"
	PathEngine   = "/v1/engine"
)

// Parameters of a change of a volume.
const (
	ParamFolder = "folder" // that a volume is filled from, where it is not what the call brings
	ParamActor  = "actor"
	ParamPlan   = "plan" // only say what stands against it
)

// Up runs a project's way to a running service, or the part of it that the request says. Until the release event, and while
// the deployment waits for its turn, ending ctx cancels; what has begun the engine finishes alone.
func (c *Client) Up(ctx context.Context, req UpRequest, sink event.Sink) error {
	return c.stream(ctx, PathUp, req, sink)
}

// Deploy puts a release into an environment.
func (c *Client) Deploy(ctx context.Context, req DeployRequest, sink event.Sink) error {
	return c.stream(ctx, PathDeploy, req, sink)
}

// Scale sets replica counts.
func (c *Client) Scale(ctx context.Context, req ScaleRequest, sink event.Sink) error {
	return c.stream(ctx, PathScale, req, sink)
}

// Restart restarts services, one replica after the other.
func (c *Client) Restart(ctx context.Context, req ServicesRequest, sink event.Sink) error {
	return c.stream(ctx, PathRestart, req, sink)
}

// Resume frees an environment that a rollback holds.
func (c *Client) Resume(ctx context.Context, req ServicesRequest) (ResumeResult, error) {
	var out ResumeResult
	return out, c.call(ctx, http.MethodPost, PathResume, req, &out)
}

// Down stops and removes what an environment runs.
func (c *Client) Down(ctx context.Context, req ServicesRequest, sink event.Sink) error {
	return c.stream(ctx, PathDown, req, sink)
}

// Logs emits what replicas wrote.
func (c *Client) Logs(ctx context.Context, req LogsRequest, sink event.Sink) error {
	return c.stream(ctx, PathLogs, req, sink)
}

// GC collects what nothing needs.
func (c *Client) GC(ctx context.Context, req GCRequest) (GCResult, error) {
	var out GCResult
	return out, c.call(ctx, http.MethodPost, PathGC, req, &out)
}

// Status returns what runs in the environments of a project; of one environment where name is set; everywhere with neither.
func (c *Client) Status(ctx context.Context, env release.Environment) ([]EnvironmentStatus, error) {
	var out []EnvironmentStatus
	return out, c.call(ctx, http.MethodGet, PathStatus+"?"+query(env).Encode(), nil, &out)
}

// History returns the deployments of an environment, the last one first, at most limit (0: all).
func (c *Client) History(ctx context.Context, env release.Environment, limit int) ([]HistoryEntry, error) {
	q := query(env)
	q.Set("limit", strconv.Itoa(limit))
	var out []HistoryEntry
	return out, c.call(ctx, http.MethodGet, PathHistory+"?"+q.Encode(), nil, &out)
}

// Release finds a release by what state.FindRelease understands; an empty name is the one that serves.
func (c *Client) Release(ctx context.Context, env release.Environment, name string) (ReleaseInfo, error) {
	q := query(env)
	q.Set("name", name)
	var out ReleaseInfo
	return out, c.call(ctx, http.MethodGet, PathReleases+"?"+q.Encode(), nil, &out)
}

// Releases returns those of a project that are there, the one made last first.
func (c *Client) Releases(ctx context.Context, project string) ([]ReleaseSummary, error) {
	var out []ReleaseSummary
	return out, c.call(ctx, http.MethodGet, PathReleases+"/all?"+query(release.Environment{Project: project}).Encode(), nil, &out)
}

// Steps says what is recorded of a stage of a project's builds, and after it of those that it ran for; without a name, of all
// stages.
func (c *Client) Steps(ctx context.Context, env release.Environment, name string) ([]StepInfo, error) {
	q := query(env)
	q.Set("name", name)
	var out []StepInfo
	return out, c.call(ctx, http.MethodGet, PathSteps+"?"+q.Encode(), nil, &out)
}

// Ledger returns the entries about an environment, or all without one, the last one first, at most limit (0: all).
func (c *Client) Ledger(ctx context.Context, env release.Environment, limit int) ([]LedgerEntry, error) {
	q := query(env)
	q.Set("limit", strconv.Itoa(limit))
	var out []LedgerEntry
	return out, c.call(ctx, http.MethodGet, PathLedger+"?"+q.Encode(), nil, &out)
}

// VerifyLedger has the whole ledger read, and says whether it is as it was written.
func (c *Client) VerifyLedger(ctx context.Context) (LedgerState, error) {
	var out LedgerState
	return out, c.call(ctx, http.MethodGet, PathLedger+"/state", nil, &out)
}

// Volumes lists the volumes of an environment.
func (c *Client) Volumes(ctx context.Context, env release.Environment) ([]VolumeInfo, error) {
	var out []VolumeInfo
	return out, c.call(ctx, http.MethodGet, PathVolumes+"?"+query(env).Encode(), nil, &out)
}

// ExportVolume writes a volume as a tar archive.
func (c *Client) ExportVolume(ctx context.Context, env release.Environment, name string, w io.Writer) error {
	resp, err := c.send(ctx, http.MethodGet, volumePath(env, name), nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err = io.Copy(w, resp.Body); err != nil {
		return lost(ctx, err)
	}
	return nil
}

// ImportVolume fills a volume from a tar archive; what it held before is replaced.
func (c *Client) ImportVolume(ctx context.Context, req VolumeRequest, r io.Reader) error {
	return c.call(ctx, http.MethodPut, req.path(), r, nil)
}

// CopyVolume fills a volume from a folder of the engine's machine; what it held before is replaced.
func (c *Client) CopyVolume(ctx context.Context, req VolumeRequest, folder string) error {
	q := url.Values{ParamFolder: {folder}}
	return c.call(ctx, http.MethodPut, req.path()+"&"+q.Encode(), nil, nil)
}

// RemoveVolume removes a volume that no replica uses.
func (c *Client) RemoveVolume(ctx context.Context, req VolumeRequest) error {
	return c.call(ctx, http.MethodDelete, req.path(), nil, nil)
}

// Engine describes the engine.
func (c *Client) Engine(ctx context.Context) (EngineInfo, error) {
	var out EngineInfo
	return out, c.call(ctx, http.MethodGet, PathEngine, nil, &out)
}

// StopEngine ends the engine. Replicas and edge go on.
func (c *Client) StopEngine(ctx context.Context) error {
	return c.call(ctx, http.MethodDelete, PathEngine, nil, nil)
}

// DialSession opens the connection over which BuildKit asks for the build context; see session.Dialer of BuildKit.
func (c *Client) DialSession(ctx context.Context, proto string, meta map[string][]string) (net.Conn, error) {
	return c.upgrade(ctx, PathSession, proto, meta, nil)
}

func query(env release.Environment) url.Values {
	q := url.Values{}
	if env.Project != "" {
		q.Set("project", env.Project)
	}
	if env.Name != "" {
		q.Set("environment", env.Name)
	}
	return q
}

func (r VolumeRequest) path() string {
	q := url.Values{ParamActor: {r.Actor}}
	if r.PlanOnly {
		q.Set(ParamPlan, "true")
	}
	return volumePath(r.Environment, r.Name) + "&" + q.Encode()
}

func volumePath(env release.Environment, name string) string {
	return PathVolumes + "/" + url.PathEscape(name) + "?" + query(env).Encode()
}
