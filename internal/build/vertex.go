package build

import (
	"context"
	"regexp"
	"strings"
	"time"

	"github.com/moby/buildkit/client"
	"github.com/opencontainers/go-digest"

	"github.com/seaworthyhq/seaworthy/internal/event"
)

// tailLines is how much of a log a failure shows.
const tailLines = 20

// vertex is one operation of the solver.
type vertex struct {
	digest  digest.Digest
	of      *instruction
	targets []string // the targets that need it, by key
	image   bool     // an image needs it
	source  string   // what it brings in, where it does: a base image, the context, a URL

	state   event.State
	err     string
	took    time.Duration
	moved   map[string]*client.VertexStatus // transfers, by id
	partial map[int]*partialLine            // the last, unfinished line of a stream
	tail    []string
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
		v.state, v.err = event.Failed, layers.ReplaceAllString(got.Error, "")
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

// transfer notes how far a transfer is.
func (v *vertex) transfer(st *client.VertexStatus) {
	if v.moved == nil {
		v.moved = map[string]*client.VertexStatus{}
	}
	v.moved[st.ID] = st
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

var stagePrefix = regexp.MustCompile(`^\[[^\]]+\] `)

// plain is a vertex's name without the frontend's "[builder 2/4]" or "[internal]".
func plain(name string) string { return stagePrefix.ReplaceAllString(name, "") }
