package cause

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/opencontainers/go-digest"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

// Between is what made an image, and what makes it now.
type Between struct {
	Was, Is  []Operation               // each inputs before what they go into, the last one is the image
	From, To string                    // keys of the steps that it was and is made of, where these are others
	Files    func(digest.Digest) Files // of a list, or of patterns
	Name     func(step string) string  // of a step, for people
}

// Difference is something that lies between two images: an operation that is another one by itself, and not for what goes into it.
type Difference struct {
	Op      Operation
	Step    string // key
	Reasons []release.Reason
}

// Differences are all that is known to lie between the images, by line. What follows from one of them is none.
func (b Between) Differences() []Difference {
	if len(b.Was) == 0 || len(b.Is) == 0 {
		return nil
	}
	w := between{Between: b, was: Keys(b.Was), before: ByStep(b.Was, nil), now: ByStep(b.Is, nil), seen: map[digest.Digest]bool{}}
	if b.From != b.To {
		text := fmt.Sprintf("it is made of stage %s instead of stage %s", b.Name(b.To), b.Name(b.From))
		instead := Difference{Reasons: []release.Reason{{Kind: release.ReasonInstruction, Text: text}}}
		if !anyIn(b.Is[len(b.Is)-1].Stages, w.before) {
			return []Difference{instead}
		}
		w.found = append(w.found, instead)
	}
	taken := map[digest.Digest]bool{}
	for _, op := range slices.Backward(b.Is) {
		if !taken[op.Key] {
			w.visit(op, w.stepOf(op))
		}
		for _, in := range op.Inputs {
			taken[in] = true
		}
	}
	slices.SortStableFunc(w.found, func(a, b Difference) int { return cmp.Compare(a.Op.Line, b.Op.Line) })
	return w.found
}

type between struct {
	Between
	was         map[digest.Digest]bool // keys of operations
	before, now map[string]Made        // by step
	seen        map[digest.Digest]bool
	found       []Difference
}

// anyIn reports whether something is known of any of these steps.
func anyIn(steps []string, made map[string]Made) bool {
	return slices.ContainsFunc(steps, func(step string) bool { _, known := made[step]; return known })
}

// stepOf is the step in whose eyes an operation is compared: one that was there before, if there is any.
func (w *between) stepOf(op Operation) string {
	for _, step := range op.Stages {
		if _, known := w.before[step]; known {
			return step
		}
	}
	if len(op.Stages) > 0 {
		return op.Stages[0]
	}
	return ""
}

// visit compares an operation with the one that was in its place, and then what goes into it.
func (w *between) visit(op Operation, step string) {
	if w.was[op.Key] || w.seen[op.Key] {
		return
	}
	w.seen[op.Key] = true
	c := Case{
		Op: op.In(step), Step: step, Now: w.now[step], Before: w.before[step],
		Ran: func(digest.Digest) bool { return false }, Files: w.Files, Name: w.Name,
	}
	was, _ := c.counterpart()
	own, into := c.apart(was, w.before)
	if len(own) == 0 && len(into) == 0 && was.Does != "" && was.Does != op.Does {
		own = append(own, c.because(release.ReasonInstruction, "it does something else, with the same text"))
	}
	for _, in := range into {
		if in.of(step) || len(in.Stages) == 0 {
			w.visit(in, step)
		} else {
			w.visit(in, w.stepOf(in))
		}
	}
	if len(own) > 0 || len(into) == 0 && op.Line > 0 {
		w.found = append(w.found, Difference{c.Op, step, own})
	}
}

// apart is how an operation differs by itself, apart from what goes into it, and what of that differs in turn. A stage that was
// not there before is taken as a whole: what takes from it says so.
func (c Case) apart(was Operation, before map[string]Made) (own []release.Reason, into []Operation) {
	switch {
	case was.Key != "":
		own = c.itself(was)
	case c.Op.Line > 0:
		own = append(own, c.rewritten())
	}
	var rebased bool
	for _, in := range c.inputs() {
		switch {
		case slices.Contains(was.Inputs, in.Key):
		case in.image() || in.fetches():
			others, _ := c.input(in, was)
			own, rebased = append(own, others...), rebased || in.image() && len(others) > 0
		case in.of(c.Step):
			if _, known := c.Before.Find(in.Key); known && was.Key != "" {
				own = append(own, c.moved(in, was)...)
			}
			into = append(into, in)
		default:
			if instead, ok := c.instead(in, was); ok {
				own = append(own, c.switched(in, was, instead))
			} else if anyIn(in.Stages, before) {
				into = append(into, in)
			} else if was.Key != "" {
				own = append(own, c.stage(release.ReasonStage, in, "was not taken before"))
			}
		}
	}
	if !rebased && was.Key != "" {
		own = append(own, c.how(was)...)
	}
	return own, into
}

// itself compares what the operation does, with which files, with what it did.
func (c Case) itself(was Operation) (all []release.Reason) {
	if was.Does == "" { // recorded by an engine that did not look so close
		return nil
	}
	all = c.does(was)
	if c.Op.Files != was.Files {
		all = append(all, c.files(was)...)
	}
	return all
}
