package project

import (
	"strings"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

// Dockerfile is one build of the project: a Dockerfile together with all that decides what it makes. Services that
// differ in nothing but the target share one.
type Dockerfile struct {
	// Key tells the project's Dockerfiles apart: empty for the main one if it is built in one way only, else its services, as "api+web".
	Key      string   `json:"key"`
	Services []string `json:"services,omitempty"` // that are built from it, sorted; as "api@staging" where another environment has another one
	// VariantOf is the key of the Dockerfile before it from which it differs in nothing but Args and Labels.
	VariantOf string `json:"variantOf,omitempty"`

	File string `json:"file"`           // for people: relative to the project's directory
	Path string `json:"path,omitempty"` // absolute; empty for dockerfile_inline
	// Context is an absolute directory or, with Remote, a URL that only the builder can read.
	Context string `json:"context"`
	Remote  bool   `json:"remote,omitempty"`
	Source  string `json:"source,omitempty"` // the text

	Args          map[string]string         `json:"args,omitempty"`
	NamedContexts map[string]string         `json:"namedContexts,omitempty"` // name: absolute directory, docker-image://…, or a URL
	Secrets       []BuildSecret             `json:"secrets,omitempty"`       // sorted by ID
	SSH           []SSHAgent                `json:"ssh,omitempty"`           // sorted by ID
	Labels        map[string]string         `json:"labels,omitempty"`
	ExtraHosts    []release.HostMapping     `json:"extraHosts,omitempty"`
	Network       string                    `json:"network,omitempty"` // empty or "none"
	ShmSize       int64                     `json:"shmSize,omitempty"` // bytes
	Ulimits       map[string]release.Ulimit `json:"ulimits,omitempty"`
	NoCache       bool                      `json:"noCache,omitempty"`
	NoCacheFilter []string                  `json:"noCacheFilter,omitempty"` // stages
	Pull          bool                      `json:"pull,omitempty"`

	Syntax string  `json:"syntax,omitempty"` // of "# syntax="
	Stages []Stage `json:"stages"`           // in the order of the file; one without instructions if Remote
}

// BuildSecret is a value that RUN --mount=type=secret can read. It comes from a file or from a variable of the
// environment of whoever builds.
type BuildSecret struct {
	ID   string `json:"id"`
	File string `json:"file,omitempty"` // absolute
	Env  string `json:"env,omitempty"`
}

// SSHAgent is what RUN --mount=type=ssh can use: the agent of whoever builds, or keys.
type SSHAgent struct {
	ID   string `json:"id"`
	Path string `json:"path,omitempty"` // of a socket or key; empty: SSH_AUTH_SOCK
}

// Stage is a FROM block.
type Stage struct {
	Key string `json:"key"` // of its step: "stage:builder", or "stage:api/builder" with the prefix "api"; one where Args change nothing of it
	// Name is as written, in lower case; "stage-2" for the third one if it has none, as BuildKit says; "test-1" for the first of
	// several that are named test, whose last one alone has that name.
	Name string `json:"name"`
	// Services are those whose builds have the stage, as Dockerfile has them. Prefix is these as one word, "api+web", where it tells
	// the stage from others: it is of another Dockerfile than the main one, or other services have another stage of this name.
	Services []string `json:"services,omitempty"`
	Prefix   string   `json:"prefix,omitempty"`
	// Target is what builds up to this stage: its name, or its index where it has no name that leads to it; nothing for a last
	// stage without a name.
	Target string `json:"target,omitempty"`
	Last   bool   `json:"last,omitempty"`
	Index  int    `json:"index"`
	Line   int    `json:"line"`    // of its FROM
	End    int    `json:"endLine"` // of its last instruction

	Platform string `json:"platform,omitempty"` // FROM --platform, resolved
	From     Edge   `json:"from"`
	Copies   []Edge `json:"copies,omitempty"` // everything else that it takes from elsewhere, in the order of the file

	Instructions []Instruction `json:"instructions,omitempty"` // without FROM
	Config       StageConfig   `json:"config,omitzero"`

	sum string // what tells it from the same stage with other arguments
}

// FullName is the stage's name with its prefix, if it has one: as seaworthy.yaml takes it.
func (s *Stage) FullName() string {
	if s.Prefix == "" {
		return s.Name
	}
	return s.Prefix + "/" + s.Name
}

// named reports whether the stage is found by its own name.
func (s *Stage) named() bool { return s.Target != "" && s.Target == s.Name }

// lineOf is that of the stage's first instruction of that name, or of its FROM: what a stage is from has instructions, too.
func (s *Stage) lineOf(name string) int {
	for _, i := range s.Instructions {
		if i.Name == name {
			return i.Line
		}
	}
	return s.Line
}

// Instruction is one instruction of a stage.
type Instruction struct {
	Line int    `json:"line"`
	End  int    `json:"endLine"`
	Name string `json:"name"` // in upper case
	Text string `json:"text"` // as written, continuation lines joined
}

// EdgeKind says how a stage takes from another one.
type EdgeKind string

// The kinds of edges.
const (
	EdgeFrom  EdgeKind = "from"
	EdgeCopy  EdgeKind = "copy"  // COPY --from
	EdgeMount EdgeKind = "mount" // RUN --mount=from
)

// Edge leads from a stage to what it takes from: exactly one of Stage, Image, Context is set, or none for scratch.
type Edge struct {
	Kind    EdgeKind `json:"kind"`
	Stage   string   `json:"stage,omitempty"`   // key
	Image   string   `json:"image,omitempty"`   // reference as it is after ARGs
	Context string   `json:"context,omitempty"` // named context
	Line    int      `json:"line"`
	OnBuild bool     `json:"onBuild,omitempty"` // by an ONBUILD of the stage that it is built FROM
}

// StageConfig is what a stage says about the image it makes, with what it inherits from the stages it is built FROM.
// What the base image says is not known here.
type StageConfig struct {
	Expose     []release.Expose `json:"expose,omitempty"`
	Volumes    []string         `json:"volumes,omitempty"`
	Health     *release.Health  `json:"health,omitempty"`
	StopSignal string           `json:"stopSignal,omitempty"`
	// Runs: it has a RUN, COPY or ADD of its own, or by an ONBUILD of what it is built FROM, so building it does something.
	Runs bool `json:"runs,omitempty"`
	// Command: it has a CMD or ENTRYPOINT of its own.
	Command bool `json:"command,omitempty"`
}

// Stage returns the stage that a target names, the last one for "", or nil. Names have no case.
func (d *Dockerfile) Stage(target string) *Stage {
	for i := len(d.Stages) - 1; i >= 0; i-- {
		if s := &d.Stages[i]; target == "" && s.Last || s.named() && strings.EqualFold(s.Name, target) {
			return s
		}
	}
	return nil
}

// stageNames are those that a target can be.
func (d *Dockerfile) stageNames() []string {
	var names []string
	for _, s := range d.Stages {
		if s.named() {
			names = append(names, s.Name)
		}
	}
	return names
}

// SameFile reports whether two builds are of one Dockerfile with one context.
func (d *Dockerfile) SameFile(o *Dockerfile) bool {
	return d.Path != "" && !d.Remote && !o.Remote && d.Path == o.Path && d.Context == o.Context
}

// keyOf is the key of the step of a stage.
func keyOf(prefix, stage string) string {
	if prefix == "" {
		return "stage:" + stage
	}
	return "stage:" + prefix + "/" + stage
}

// Warnings makes warnings about lines of the Dockerfile.
func (d *Dockerfile) Warnings() func(line int, message, hint string) Problem {
	s := &source{name: d.File, lines: strings.Split(d.Source, "\n")}
	return func(line int, message, hint string) Problem {
		p := s.problem(line, 1, 0, message, hint)
		p.Severity = Warning
		return p
	}
}
