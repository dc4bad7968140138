// Package cause says why a step of a build is another one than the last time: from what it was made of then, as recorded, and
// what it is made of now. It is pure, and guesses nothing: where something was not recorded, it says so.
package cause

import (
	"cmp"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
)

// ImageSource begins the source of an operation that brings in an image.
const ImageSource = "docker-image://"

// Operation is one of those that a stage is made by.
type Operation struct {
	// Key is of what it does and of all that goes into it, the content of files included: where it ran although its key was
	// known, the cache was not used or has lost it.
	Key    digest.Digest   `json:"key"`
	Inputs []digest.Digest `json:"inputs,omitempty"` // keys of the operations that it takes from
	Source string          `json:"source,omitempty"` // what it fetches, "docker-image://…", where it fetches something
	Stages []string        `json:"stages,omitempty"` // by key of their step
	// File and Line (from 1) are where it is written; none for what comes with another instruction.
	File string        `json:"file,omitempty"`
	Line int           `json:"line,omitempty"`
	Text string        `json:"text,omitempty"`
	Does digest.Digest `json:"does,omitempty"` // what it does, whatever goes into it
	// Uses tells the values of arguments and variables that it knows of from others, by name.
	Uses map[string]string `json:"uses,omitempty"`
	// Arguments are the names of those that are build arguments.
	Arguments []string `json:"arguments,omitempty"`
	// Chosen tells in the same way the values of arguments that choose what its stage is FROM.
	Chosen map[string]string `json:"chosen,omitempty"`
	// How tells in the same way how it runs: user, folder, network, …
	How   map[string]string `json:"how,omitempty"`
	Files digest.Digest     `json:"files,omitempty"` // the list of the files that it takes from folders of the user
	// Ignores is the name of the patterns that keep files from being sent from there.
	Ignores digest.Digest `json:"ignores,omitempty"`
	Asked   bool          `json:"-"` // to run whatever the cache has
	// Places are where the stages have it, where it is the same for several.
	Places []Place `json:"-"`
}

// Place is where a stage has an operation.
type Place struct {
	Step string
	Line int
	Text string
}

// In is the operation as a step has it written: at the first place.
func (o Operation) In(step string) Operation {
	at := Place{}
	for _, p := range o.Places {
		if p.Step == step && (at.Line == 0 || p.Line < at.Line) {
			at = p
		}
	}
	if at.Line > 0 {
		o.Line, o.Text = at.Line, at.Text
	}
	o.Places = nil
	return o
}

// With is the operation with the stages and places that it has in the eyes of another target, too. It takes the place of the one
// that it is made of, as what append returns does.
func (o Operation) With(other Operation) Operation {
	for _, step := range other.Stages {
		if !o.of(step) {
			o.Stages = append(o.Stages, step)
		}
	}
	for _, at := range other.Places {
		if !slices.Contains(o.Places, at) {
			o.Places = append(o.Places, at)
		}
	}
	if other.Line > 0 && other.Line < o.Line {
		o.File, o.Line, o.Text = other.File, other.Line, other.Text
	}
	return o
}

// of reports whether the operation belongs to a step.
func (o Operation) of(step string) bool { return slices.Contains(o.Stages, step) }

// fetches reports whether the operation brings in something that may be another thing without a word of it in the Dockerfile.
func (o Operation) fetches() bool { return o.Source != "" && !o.image() }

func (o Operation) image() bool { return strings.HasPrefix(o.Source, ImageSource) }

// maxKeys is how many results of a step are remembered.
const maxKeys = 60

// Made is what a step was made of, the last time.
type Made struct {
	// Operations are those of the step and those that go into them, inputs before what they go into.
	Operations []Operation     `json:"operations,omitempty"`
	Keys       []digest.Digest `json:"keys,omitempty"`    // of what was complete once, the last ones first
	Failed     digest.Digest   `json:"failed,omitempty"`  // key of the operation that failed
	Stopped    []digest.Digest `json:"stopped,omitempty"` // keys of those that had begun when the build was ended
}

// Of is what a step is made of, among all operations of a build, inputs before what they go into.
func Of(step string, all []Operation) Made {
	return byStep(all, func(key string) bool { return key == step }, nil)[step]
}

// ByStep is what each step is made of. complete tells of which operations the result is there; nil: of none.
func ByStep(all []Operation, complete func(digest.Digest) bool) map[string]Made {
	made := byStep(all, func(string) bool { return true }, complete)
	for step, m := range made {
		slices.Reverse(m.Keys)
		made[step] = m
	}
	return made
}

func byStep(all []Operation, wanted func(string) bool, complete func(digest.Digest) bool) map[string]Made {
	byKey := map[digest.Digest]Operation{}
	made := map[string]Made{}
	type part struct {
		step string
		key  digest.Digest
	}
	has := map[part]bool{}
	add := func(step string, op Operation) {
		if m := made[step]; !has[part{step, op.Key}] {
			has[part{step, op.Key}] = true
			m.Operations = append(m.Operations, op.In(step))
			if complete != nil && op.of(step) && complete(op.Key) {
				m.Keys = append(m.Keys, op.Key)
			}
			made[step] = m
		}
	}
	for _, op := range all {
		byKey[op.Key] = op
		for _, step := range op.Stages {
			if wanted(step) {
				for _, in := range op.Inputs {
					add(step, byKey[in])
				}
				add(step, op)
			}
		}
	}
	return made
}

// As is what a step was made of, recorded of one that had another key then.
func (m Made) As(key, then string) Made {
	m.Operations = slices.Clone(m.Operations)
	for i, op := range m.Operations {
		if at := slices.Index(op.Stages, then); at >= 0 {
			m.Operations[i].Stages = slices.Concat(op.Stages[:at], []string{key}, op.Stages[at+1:])
		}
	}
	return m
}

// After is what there is to record of a step that was made, where before is recorded of it.
func (m Made) After(before Made) Made {
	for _, key := range before.Keys {
		if !slices.Contains(m.Keys, key) {
			m.Keys = append(m.Keys, key)
		}
	}
	m.Keys = m.Keys[:min(len(m.Keys), maxKeys+len(m.Operations))]
	return m
}

// Same reports whether two records of a step say the same.
func (m Made) Same(other Made) bool {
	same := func(a, b Operation) bool {
		return a.Key == b.Key && a.Line == b.Line && a.File == b.File && a.Ignores == b.Ignores
	}
	return m.Failed == other.Failed && slices.Equal(m.Stopped, other.Stopped) && slices.Equal(m.Keys, other.Keys) &&
		slices.EqualFunc(m.Operations, other.Operations, same)
}

// Digest is another one for a step that is made of anything else.
func (m Made) Digest() digest.Digest {
	h := digest.Canonical.Digester()
	for _, op := range m.Operations {
		_, _ = h.Hash().Write([]byte(op.Key + "\n")) // of a hash: it cannot fail
	}
	return h.Digest()
}

// Find is the operation with a key.
func (m Made) Find(key digest.Digest) (Operation, bool) {
	i := slices.IndexFunc(m.Operations, func(op Operation) bool { return op.Key == key })
	if i < 0 {
		return Operation{}, false
	}
	return m.Operations[i], true
}

// Keys are those of operations.
func Keys(ops []Operation) map[digest.Digest]bool {
	keys := map[digest.Digest]bool{}
	for _, op := range ops {
		keys[op.Key] = true
	}
	return keys
}

// Roots are the operations for which something holds that holds for none of those that go into them, by line.
func Roots(ops []Operation, holds func(Operation) bool) []Operation {
	found := map[digest.Digest]bool{}
	var first []Operation
	for _, op := range ops { // inputs come first
		within := slices.ContainsFunc(op.Inputs, func(in digest.Digest) bool { return found[in] })
		switch {
		case within:
			found[op.Key] = true
		case holds(op):
			found[op.Key] = true
			first = append(first, op)
		}
	}
	slices.SortStableFunc(first, func(a, b Operation) int { return cmp.Compare(a.Line, b.Line) })
	return first
}
