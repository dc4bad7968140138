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
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// tailLines is how much of a log a failure shows.
const tailLines = 20

// vertex is one operation of the solver.
type vertex struct {
	digest  digest.Digest
	of      *instruction
	inputs  []digest.Digest
	targets set    // the targets that need it, by index
	image   bool   // a target that is an image needs it
	source  string // what it brings in, where it does: a base image, the context, a URL
	writes  bool   // an image; that is no work on what is in it

	state   event.State
	err     string
	known   time.Time      // since when it could have begun, for want of inputs
	looks   int            // how often it ended, where that counts
	looked  bool           // that it was found out what it is is all that ended
	spells  release.Spells // by the solver's clock, in order; the last may have no end yet
	queued  release.Spells // when only a free place to work in was missing
	took    time.Duration
	moved   map[string]*client.VertexStatus // transfers, by id
	partial map[int]*partialLine            // the last, unfinished line of a stream
	tail    []string
}

// forImage reports whether an image needs what the vertex is part of. Where targets need different parts of the context, that may be
// by another vertex, with which the solver joins this one once it sees that both do the same.
func (v *vertex) forImage() bool {
	return v.image || v.of != nil && slices.ContainsFunc(v.of.vertices, func(of *vertex) bool { return of.image })
}

// take follows the solver's news and reports whether they are news to others.
func (v *vertex) take(got *client.Vertex) bool {
	before, tookBefore := v.state, v.took
	if got.Started == nil || got.Cached && got.Completed == nil {
		return false
	}
	v.clock(got)
	v.looked = false
	switch {
	case got.Completed == nil:
		v.state = event.Started
	case got.Error != "":
		v.state, v.err = event.Failed, shortly(got.Error)
		if strings.HasSuffix(got.Error, context.Canceled.Error()) {
			v.state, v.err = event.Stopped, ""
		}
	case got.Cached:
		if before == event.Done && v.source == "" {
			return false // it ran in this build; another target finds its result
		}
		v.state = event.Cached
	case v.onlyLooked():
		v.state, v.looked = event.Cached, true
	default:
		v.state = event.Done
	}
	if got.Completed != nil {
		v.took = got.Completed.Sub(*got.Started)
	}
	return v.state != before || v.took != tookBefore
}

// onlyLooked reports whether all that ended is finding out what it is. Of an operation without inputs, a document that is written
// into nothing, that is told like work, and the work itself after it.
func (v *vertex) onlyLooked() bool {
	if v.source != "" || v.known.IsZero() || len(v.inputs) > 0 {
		return false
	}
	v.looks++
	return v.looks == 1
}

// clock notes when it was worked on. What fetches is so more than once. That its result was found is no work: what takes from it has
// that found when it is ready itself, and did not wait for it.
func (v *vertex) clock(got *client.Vertex) {
	if got.Cached {
		return
	}
	i := slices.IndexFunc(v.spells, func(s release.Spell) bool { return s.Started.Equal(*got.Started) })
	if i < 0 {
		i = len(v.spells)
		v.spells = append(v.spells, release.Spell{Started: *got.Started})
	}
	if got.Completed != nil {
		v.spells[i].Ended = *got.Completed
	}
}

// worked is when it was worked on since a build began, until now where it still is. That its result was found is no work.
func (v *vertex) worked(began time.Time) release.Spells {
	if v.state == event.Cached && v.source == "" {
		return nil
	}
	return v.spells.Since(began, time.Now())
}

// ran reports whether it did any work. That a source was asked what it is does not count, only what it moved; what a
// folder of the user's moved shows in the steps that use it.
func (v *vertex) ran() bool {
	if v.writes {
		return false
	}
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
