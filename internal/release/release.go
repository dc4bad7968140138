// Package release holds the nouns that all of Seaworthy shares: what a release is, what an environment, a deployment
// and a replica are. It imports nothing of ours and does nothing: no input, no output, no clock.
package release

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"time"
)

// Digest is an OCI content digest, "sha256:" and 64 hex digits.
type Digest string

// Short is what people are shown of a digest: the first 12 hex digits.
func (d Digest) Short() string {
	s := string(d)
	if len(s) > len("sha256:")+12 && s[:len("sha256:")] == "sha256:" {
		return s[len("sha256:") : len("sha256:")+12]
	}
	return s
}

// DigestOf is the digest of content.
func DigestOf(content []byte) Digest {
	sum := sha256.Sum256(content)
	return Digest("sha256:" + hex.EncodeToString(sum[:]))
}

// Duration is a time.Duration that is written as Go and Compose write it, "1m30s".
type Duration time.Duration

// MarshalText writes the duration as time.Duration.String does.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText reads what time.ParseDuration reads.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	*d = Duration(v)
	return err
}

// Or is d, or other where d is zero.
func (d Duration) Or(other time.Duration) time.Duration {
	if d == 0 {
		return other
	}
	return time.Duration(d)
}

// Image is by digest, always.
type Image struct {
	// Digest of the manifest (or index) that runs.
	Digest Digest `json:"digest"`
	// Ref is where the image came from, for people: a tag such as "postgres:17", or "web" for a stage's image.
	Ref string `json:"ref"`
	// Stage of the Dockerfile that made it; empty for an image that was pulled.
	Stage string `json:"stage,omitempty"`
	// Platform as OCI writes it, "linux/amd64".
	Platform string `json:"platform,omitempty"`
}

// Base is an image that a FROM (or COPY --from) of the Dockerfile named, and the digest that it stood for.
type Base struct {
	Ref    string `json:"ref"`
	Digest Digest `json:"digest"`
}

// Release is immutable content. Its ID is a digest of content alone, so equal content is the same release; who made it,
// when and from which commit is said elsewhere (Origin, ledger).
type Release struct {
	Project string `json:"project"`
	// Environments has the configuration of each environment the release can be put into, by name. "local" is there
	// only if the release was made for it, since its configuration depends on the shell of who made it.
	Environments map[string]Config `json:"environments"`
	// Lifecycle has the images of the stages that seaworthy.yaml names, by stage; no setting names any yet.
	Lifecycle map[string]Image `json:"lifecycle,omitempty"`
	Bases     []Base           `json:"bases,omitempty"` // sorted by Ref
}

// Config is what an environment runs of a release.
type Config struct {
	Services []Service `json:"services"` // sorted by name
	Networks []Network `json:"networks,omitempty"`
	Volumes  []Volume  `json:"volumes,omitempty"`
}

// Service returns the service of that name, or nil.
func (c Config) Service(name string) *Service {
	for i := range c.Services {
		if c.Services[i].Name == name {
			return &c.Services[i]
		}
	}
	return nil
}

// Volume is a named volume, owned by its environment and kept across releases.
type Volume struct {
	Name     string `json:"name"`
	External bool   `json:"external,omitempty"` // must be there already
}

// ID names a release: "r-" and hex digits of the digest of its content.
type ID string

// Short is what people are shown: "r-" and 8 digits.
func (id ID) Short() string {
	if len(id) > 10 {
		return string(id[:10])
	}
	return string(id)
}

// ID computes the release's name from its canonical JSON.
func (r Release) ID() ID {
	return ID("r-" + string(DigestOf(r.Canonical()))[len("sha256:"):])
}

// Canonical is the release as JSON in its one form: fields in the order of the types, map keys sorted, no white space.
func (r Release) Canonical() []byte {
	b, err := json.Marshal(r)
	if err != nil {
		panic(fmt.Sprintf("release cannot be written as JSON: %v", err)) // only a type that JSON does not know
	}
	return b
}

// Images are all images that the release needs, each digest once, in a stable order.
func (r Release) Images() []Image {
	seen := map[Digest]bool{}
	var all []Image
	add := func(img Image) {
		if img.Digest != "" && !seen[img.Digest] {
			seen[img.Digest] = true
			all = append(all, img)
		}
	}
	for _, env := range sortedKeys(r.Environments) {
		for _, s := range r.Environments[env].Services {
			add(s.Image)
		}
	}
	for _, stage := range sortedKeys(r.Lifecycle) {
		add(r.Lifecycle[stage])
	}
	return all
}

// Elsewhere names what differs between two releases beside the configuration of one environment, for people.
func (r Release) Elsewhere(was Release, env string) []string {
	var found []string
	names := sortedKeys(r.Environments)
	for _, name := range sortedKeys(was.Environments) {
		if _, there := r.Environments[name]; !there {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		if name != env && !reflect.DeepEqual(r.Environments[name], was.Environments[name]) {
			found = append(found, "the configuration of "+name)
		}
	}
	if !reflect.DeepEqual(r.Bases, was.Bases) {
		found = append(found, "base images")
	}
	if !reflect.DeepEqual(r.Lifecycle, was.Lifecycle) {
		found = append(found, "images of lifecycle stages")
	}
	return found
}

// Origin says where a release was made from. It is not content: two commits with equal content are one release.
type Origin struct {
	Commit  string    `json:"commit,omitempty"`  // full hash; empty outside git
	Tag     string    `json:"tag,omitempty"`     // of the commit
	Branch  string    `json:"branch,omitempty"`  // that was checked out
	Remote  string    `json:"remote,omitempty"`  // URL of origin, without credentials
	Dirty   []string  `json:"dirty,omitempty"`   // paths that differ from the commit, those included that git ignores and that ship
	Ignored int       `json:"ignored,omitempty"` // how many of dirty git ignores
	Actor   string    `json:"actor"`             // who, as user@host
	Time    time.Time `json:"time"`              // when it was begun
	Checks  []Check   `json:"checks,omitempty"`  // the stages that gate the release, in the order of the Dockerfile
}

// Check is what became of a stage that gates a release. One that fails has no release.
type Check struct {
	Stage  string      `json:"stage"`           // its name, with the services that it is for before it where others have one of that name: "api/test"
	Result CheckResult `json:"result"`          // what became of it
	Why    string      `json:"why,omitempty"`   // why it is a check, or is skipped
	Empty  bool        `json:"empty,omitempty"` // it has nothing to run, and so it proves nothing
	Tests  Tests       `json:"tests,omitzero"`  // that it reported
}

// CheckResult is what became of a check.
type CheckResult string

// The results of checks.
const (
	CheckPassed  CheckResult = "passed"  // it was built
	CheckSkipped CheckResult = "skipped" // seaworthy.yaml says so
)
