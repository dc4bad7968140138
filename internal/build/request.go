package build

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/moby/buildkit/util/entitlements"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"

	"github.com/seaworthyhq/seaworthy/internal/build/session"
	"github.com/seaworthyhq/seaworthy/internal/cause"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// Request is one build: a Dockerfile, what it is built from, and the stages to build of it. All targets are built
// together, so what they share is built once.
type Request struct {
	// Key tells this Dockerfile from the others of the same stream of events; empty for the only one.
	Key string
	// Session is the id of the session that serves the context (HandleSession).
	Session string
	// Context is empty for session.ContextDir, or a URL that BuildKit knows: a git repository, an archive.
	Context string
	// Dockerfile is the content; nil lets BuildKit read Filename from session.DockerfileDir, or from the context where that is
	// a URL.
	Dockerfile []byte
	// Filename is the Dockerfile's name, for people and for finding it; empty means "Dockerfile".
	Filename string
	// Ignore is the content of the ignore file that holds (session.Ignore), empty for none. Nil lets BuildKit look for it
	// in the context, which takes a round trip.
	Ignore []byte

	Args   map[string]string // build arguments
	Labels map[string]string // put onto every image
	// NamedContexts as docker build --build-context has them: "local:NAME" for a Dir of the session, "docker-image://REF",
	// "oci-layout://NAME@DIGEST" for a Layout of the session, or a URL.
	NamedContexts map[string]string
	ExtraHosts    map[string]string // name to address, for RUN
	Network       string            // of RUN: default, none or host; empty means default
	Platform      string            // as OCI writes it; empty means this machine's
	NoCache       bool
	NoCacheFilter []string // stages by name whose instructions are run again
	ShmSize       int64    // of /dev/shm for RUN, in bytes; 0: 64 MiB
	Ulimits       map[string]release.Ulimit
	// Secrets are the ids of the session's secrets that a RUN may ask for. They are blanked where a step prints them.
	Secrets []string
	// Pull asks the registry again what the tags of base images stand for.
	Pull bool
	// Allow grants what a build may not do by itself: "network.host", "security.insecure".
	Allow []string
	// Stop, when it is closed, ends what has not begun and all images: a check of another build of the same release failed.
	Stop <-chan struct{}
	// Compression of the layers that this build makes: uncompressed (the default), gzip or zstd. It decides the digest.
	Compression string

	Targets []Target
	Stages  []Stage
	// Takes are, by index of a stage, the indexes of the stages that it takes from. Nil: not known; then the frontend works its way
	// through all stages for each target.
	Takes [][]int
	// Variants are further ways to build the Dockerfile, which targets can name.
	Variants []Variant
	// Before is what is recorded of the last time that each stage was built, by key of its step. What runs again is explained by
	// what differs.
	Before map[string]cause.Made
}

// Target is a stage to build.
type Target struct {
	Key   string // of its step, "stage:builder"
	Stage string // name, or index where it has none; empty means the last
	// Variant is the way to build it: 0 is the request's own, 1 the first of Variants.
	Variant int
	// Image keeps the result as an image under Name. A target that is no image is a check: it only has to build.
	Image bool
	Name  string
	// Reports are the paths in a check's file system, files, folders and globs, of what the session keeps of it, whether it passes
	// or fails. ReportsDir is where it does, for people.
	Reports    []string
	ReportsDir string
}

// Stage says where a stage is in the Dockerfile, so that what happens can be told by stage.
type Stage struct {
	Key     string // of its step
	Name    string
	Index   int
	Line    int // first and last line, from 1
	EndLine int
	Images  []ImageUse // that it names
	// Timeout is how long the stage may take from its first instruction behind FROM; 0: as long as it does.
	Timeout time.Duration
	// Skips are the checks that seaworthy.yaml has to skip for the stage not to be built; none if it is needed in any case.
	Skips []string
	Built bool // some target needs it
}

// ImageUse is an image that a stage begins with or takes from, and the line that says so.
type ImageUse struct {
	Ref  string
	Line int
}

// Result is what a build made. Beside an error it says how far the build came.
type Result struct {
	Images map[string]Image  // by the key of the target
	Bases  []release.Base    // sorted by Ref
	Steps  []release.StepRun // what became of each stage that something happened to, by key; names and edges are not set
	Spans  []release.Span    // what took how long
	// Made is what each stage was made of that was complete, or of which something ran.
	Made map[string]cause.Made
}

// Image is an image that a build made, named in the store and unpacked.
type Image struct {
	release.Image
	Config dockerspec.DockerOCIImage
	// Known: an earlier build made the very same image.
	Known bool
	// Operations made it, inputs before what they go into; nil where that cannot be told.
	Operations []cause.Operation
}

func (r *Request) validate() error {
	if len(r.Targets) == 0 {
		return errors.New("build: no targets")
	}
	seen := map[string]bool{}
	for _, t := range r.Targets {
		switch {
		case t.Key == "":
			return errors.New("build: a target has no key")
		case seen[t.Key]:
			return fmt.Errorf("build: target %s is there twice", t.Key)
		case t.Image && t.Name == "":
			return fmt.Errorf("build: image target %s has no name", t.Key)
		case t.Variant < 0 || t.Variant > len(r.Variants):
			return fmt.Errorf("build: target %s is of no variant", t.Key)
		}
		seen[t.Key] = true
	}
	return nil
}

func (r *Request) filename() string {
	if r.Filename == "" {
		return "Dockerfile"
	}
	return r.Filename
}

// attributes are the request in the words of BuildKit's Dockerfile frontend, but for what a target decides.
func (r *Request) attributes() map[string]string {
	attrs := map[string]string{
		"filename":           r.filename(),
		"image-resolve-mode": "local",
		// With this set the frontend does not fetch the one that a "# syntax=" line names; see warnOfSyntax.
		"cmdline": "in process",
	}
	if r.Pull {
		attrs["image-resolve-mode"] = "pull"
	}
	if r.Context != "" {
		attrs["context"] = r.Context
	}
	if r.Dockerfile != nil {
		attrs["dockerfilekey"] = session.DockerfileDir
	}
	switch {
	case r.NoCache:
		attrs["no-cache"] = ""
	case len(r.NoCacheFilter) > 0:
		attrs["no-cache"] = strings.Join(r.NoCacheFilter, ",")
	}
	if r.ShmSize > 0 {
		attrs["shm-size"] = strconv.FormatInt(r.ShmSize, 10)
	}
	if len(r.Ulimits) > 0 {
		attrs["ulimit"] = ulimits(r.Ulimits)
	}
	if r.Platform != "" {
		attrs["platform"] = r.Platform
	}
	if r.Network != "" {
		attrs["force-network-mode"] = r.Network
	}
	if len(r.ExtraHosts) > 0 {
		attrs["add-hosts"] = extraHosts(r.ExtraHosts)
	}
	prefixed(attrs, "context:", r.NamedContexts)
	return attrs
}

// grants are what a build may do besides; one that is asked to run on the machine's network may.
func (r *Request) grants() []entitlements.Entitlement {
	var all []entitlements.Entitlement
	if r.Network == "host" {
		all = append(all, entitlements.EntitlementNetworkHost)
	}
	for _, a := range r.Allow {
		all = append(all, entitlements.Entitlement(a))
	}
	return all
}

func prefixed(attrs map[string]string, prefix string, values map[string]string) {
	for k, v := range values {
		attrs[prefix+k] = v
	}
}

func extraHosts(hosts map[string]string) string {
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(hosts)) {
		pairs = append(pairs, name+"="+hosts[name])
	}
	return strings.Join(pairs, ",")
}

func ulimits(limits map[string]release.Ulimit) string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(limits)) {
		all = append(all, fmt.Sprintf("%s=%d:%d", name, limits[name].Soft, limits[name].Hard))
	}
	return strings.Join(all, ",")
}

// epoch is the time that is written into images where BuildKit would write the time of the build, in seconds: what a
// build makes must not depend on when it ran.
func (r *Request) epoch() string {
	if v, asked := r.sourceDate(); asked {
		return strconv.FormatInt(v, 10)
	}
	return "0"
}

// sourceDate is the time that files in new layers are to have at most, in seconds, where the build argument for that is given.
// Then the same content makes the same layers without the cache, too. It is not the default: all layers are written and
// unpacked once more for it, and file servers tell by their times what of their files is new.
func (r *Request) sourceDate() (int64, bool) {
	v, err := strconv.ParseInt(r.Args["SOURCE_DATE_EPOCH"], 10, 64)
	return v, err == nil
}

func (r *Request) compression() string {
	if r.Compression == "" {
		return "uncompressed"
	}
	return r.Compression
}
