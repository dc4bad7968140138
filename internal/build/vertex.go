package build

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/moby/buildkit/client"
	"github.com/opencontainers/go-digest"

	"github.com/seaworthyhq/seaworthy/internal/event"
)

// tailLines is how much of a log a failure shows.
const tailLines = 20

// vertex is one operation of the solver: an instruction of the Dockerfile, or what BuildKit does besides.
type vertex struct {
	digest  digest.Digest
	steps   []string // the stages it belongs to, by key of their step
	targets []string // the targets that need it, by key
	image   bool     // an image needs it
	source  string   // what it brings in, where it does: a base image, the context, a URL
	line    int
	text    string

	told     bool // that it will come
	state    event.State
	err      string
	took     time.Duration
	moved    map[string]*client.VertexStatus // transfers, by id
	partial  map[int][]byte                  // the last, unfinished line of a stream
	tail     []string
	reported int64 // bytes, as last told
}

// take follows the solver's news and reports whether they are news to others.
func (v *vertex) take(got *client.Vertex) bool {
	before, tookBefore := v.state, v.took
	switch {
	case got.Started == nil:
		return false
	case got.Completed == nil:
		v.state = event.Started
	case got.Error != "":
		v.state, v.err = event.Failed, got.Error
		if strings.HasSuffix(got.Error, context.Canceled.Error()) {
			v.state, v.err = event.Stopped, ""
		}
	case got.Cached:
		if before == event.Done && v.source == "" {
			return false // it ran in this build; another target finds its result
		}
		v.state = event.Cached
	default:
		v.state = event.Done
	}
	if got.Completed != nil {
		v.took = got.Completed.Sub(*got.Started)
	}
	return v.state != before || v.took != tookBefore
}

// ran reports whether it did any work. That a source was asked what it is does not count, only what it moved; what a
// folder of the user's moved shows in the steps that use it.
func (v *vertex) ran() bool {
	if v.source == "" {
		return v.state == event.Done
	}
	return v.bytes() > 0 && !strings.HasPrefix(v.source, "local://")
}

// transfer notes how far a transfer is, and reports whether that is worth telling.
func (v *vertex) transfer(st *client.VertexStatus) bool {
	if v.moved == nil {
		v.moved = map[string]*client.VertexStatus{}
	}
	v.moved[st.ID] = st
	if current := v.bytes(); current != v.reported {
		v.reported = current
		return true
	}
	return false
}

func (v *vertex) bytes() (current int64) {
	for _, st := range v.moved {
		current += st.Current
	}
	return current
}

// size is what all transfers add up to, or 0 while one does not know.
func (v *vertex) size() (total int64) {
	for _, st := range v.moved {
		if st.Total == 0 && st.Current > 0 {
			return 0
		}
		total += st.Total
	}
	return total
}

func (v *vertex) event(file string) *event.Instruction {
	ins := &event.Instruction{
		Digest: v.digest.String(), Steps: slices.Clone(v.steps), Text: v.text, Line: v.line, State: v.state,
		Current: v.bytes(), Total: v.size(), Error: v.err,
	}
	if v.line > 0 {
		ins.File = file
	}
	if v.state.Ended() {
		ins.Took = v.took
	}
	return ins
}

var stagePrefix = regexp.MustCompile(`^\[[^\]]+\] `)

// plain is a vertex's name without the frontend's "[builder 2/4]" or "[internal]".
func plain(name string) string { return stagePrefix.ReplaceAllString(name, "") }
