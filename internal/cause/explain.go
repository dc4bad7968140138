package cause

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

// Case is an operation of a step that ran, and what is known about that: the first of the step, so that the step itself gives
// no reason for it.
type Case struct {
	Op     Operation
	Step   string // key of the one that it is explained for
	Now    Made   // what the step is made of
	Before Made   // what is recorded of the last time; zero: nothing

	Ran   func(digest.Digest) bool  // of which operations it is known that they ran, by key
	Files func(digest.Digest) Files // of a list
	Name  func(step string) string  // of a step, for people
}

// Reasons are all that is known to have made the operation run. There is at least one.
func (c Case) Reasons() []release.Reason {
	all := c.reasons()
	if c.Op.Asked {
		all = slices.Insert(all, 0, c.because(release.ReasonAsked, "asked to run without the cache"))
	}
	return all
}

func (c Case) reasons() []release.Reason {
	if len(c.Before.Operations) == 0 {
		return []release.Reason{c.at(release.Reason{Kind: release.ReasonFirst, Text: "never built here, as far as is recorded"})}
	}
	if c.Op.Key == c.Before.Failed {
		return []release.Reason{c.because(release.ReasonUnfinished, "failed the last time")}
	}
	if slices.Contains(c.Before.Keys, c.Op.Key) {
		return c.again()
	}
	if _, known := c.Before.Find(c.Op.Key); known {
		if all := c.ranBefore(); len(all) > 0 {
			return all
		}
		return []release.Reason{c.because(release.ReasonUnfinished, "did not end the last time")}
	}
	all := c.Changes()
	if len(all) == 0 && !c.Op.Asked {
		all = append(all, c.because(release.ReasonUnknown, "what differs from the last time is not recorded"))
	}
	return all
}

// again is why something ran of which the result was there once.
func (c Case) again() []release.Reason {
	if all := c.ranBefore(); len(all) > 0 || c.Op.Asked {
		return all
	}
	for _, in := range c.inputs() {
		if in.fetches() { // what came of that the solver does not tell
			return []release.Reason{c.because(release.ReasonFetched, "what it fetches is another thing, or was no longer in the cache")}
		}
	}
	return []release.Reason{c.because(release.ReasonGone, "the inputs are equal, and its entry in the cache was gone")}
}

// ranBefore are the reasons that lie in what ran for the operation: other stages.
func (c Case) ranBefore() (all []release.Reason) {
	for _, in := range c.inputs() {
		all = append(all, c.ranFor(in)...)
	}
	return all
}

func (c Case) ranFor(in Operation) []release.Reason {
	if in.Source != "" || in.of(c.Step) || !c.Ran(in.Key) {
		return nil
	}
	return []release.Reason{c.stage(in, "ran again")}
}

func (c Case) inputs() (all []Operation) {
	for _, key := range c.Op.Inputs {
		if in, ok := c.Now.Find(key); ok {
			all = append(all, in)
		}
	}
	return all
}

func (c Case) because(kind release.ReasonKind, what string, names ...string) release.Reason {
	return c.at(release.Reason{Kind: kind, Text: c.Op.Written() + ": " + what, Names: names})
}

// at says where.
func (c Case) at(r release.Reason) release.Reason {
	r.File, r.Line = c.Op.File, c.Op.Line
	return r
}

func (c Case) stage(in Operation, what string) release.Reason {
	return c.because(release.ReasonStage, fmt.Sprintf("stage %s %s", c.Name(in.Stages[0]), what), in.Stages[0])
}

// Changes are how the operation and what goes into it are others than the last time, as far as that is recorded.
func (c Case) Changes() (all []release.Reason) {
	was, ok := c.counterpart()
	if !ok {
		all = append(all, c.rewritten())
	} else if was.Does != "" { // recorded by an engine that did not look so close
		all = append(all, c.does(was)...)
		if c.Op.Files != was.Files {
			all = append(all, c.files(was))
		}
	}
	for _, in := range c.inputs() {
		all = append(all, c.input(in, was)...)
	}
	return all
}

// does compares what two operations with the same text do.
func (c Case) does(was Operation) (all []release.Reason) {
	if c.Op.Does == was.Does {
		return nil
	}
	for _, name := range differing(c.Op.Uses, was.Uses) {
		kind, what := release.ReasonVariable, "variable "
		if slices.Contains(c.Op.Arguments, name) || slices.Contains(was.Arguments, name) {
			kind, what = release.ReasonArgument, "build argument "
		}
		all = append(all, c.because(kind, what+name+" has another value", name))
	}
	if len(all) > 0 {
		return all
	}
	if how := differing(c.Op.How, was.How); len(how) > 0 {
		return []release.Reason{c.because(release.ReasonInstruction, "it runs with another "+strings.Join(how, " and "), how...)}
	}
	return []release.Reason{c.because(release.ReasonInstruction, "it does something else, with the same text")}
}

// differing are the names under which two maps have different values, or only one has.
func differing(a, b map[string]string) (names []string) {
	both := maps.Clone(b)
	if both == nil {
		both = map[string]string{}
	}
	maps.Copy(both, a)
	for _, name := range slices.Sorted(maps.Keys(both)) {
		x, inA := a[name]
		y, inB := b[name]
		if x != y || inA != inB {
			names = append(names, name)
		}
	}
	return names
}

func (c Case) files(was Operation) release.Reason {
	is, before := c.Files(c.Op.Files), c.Files(was.Files)
	if is == nil || before == nil {
		return c.because(release.ReasonFiles, "files that it takes are others; which is not recorded")
	}
	r := c.at(is.Differ(before))
	r.Text = c.Op.Written() + ": " + cmp.Or(r.Text, "files that it takes are others")
	return r
}

// input compares what goes into an operation with what went into it the last time.
func (c Case) input(in, was Operation) []release.Reason {
	_, known := c.Before.Find(in.Key)
	switch {
	case slices.Contains(was.Inputs, in.Key):
		return c.ranFor(in)
	case in.image():
		return c.base(in, was)
	case in.fetches():
		return []release.Reason{c.because(release.ReasonFetched, "it takes what was not fetched before")}
	case c.Ran(in.Key):
		return c.ranFor(in)
	case was.Key == "":
		return nil // the instruction is another one: that is enough
	case in.of(c.Step) || known:
		return c.within(in, was)
	}
	return []release.Reason{c.stage(in, "came out differently")}
}

// within compares an input that did not run, within the stage: it is another one and was found, or what was between is gone.
func (c Case) within(in, was Operation) []release.Reason {
	if _, same := c.Before.Find(in.Key); !same {
		earlier := c
		earlier.Op = in
		return earlier.Changes()
	}
	for _, key := range was.Inputs {
		if before, ok := c.Before.Find(key); ok && before.of(c.Step) {
			return []release.Reason{c.because(release.ReasonInstruction, "it no longer follows "+FirstLine(before.Text))}
		}
	}
	return []release.Reason{c.because(release.ReasonInstruction, "it follows "+FirstLine(in.Text))}
}

// base compares the image that an operation begins with, or takes from, with what the last time had in its place.
func (c Case) base(in, was Operation) []release.Reason {
	ref, is := in.imageOf()
	var before []Operation
	for _, op := range c.Before.Operations {
		if op.image() && (was.Key == "" || slices.Contains(was.Inputs, op.Key)) {
			before = append(before, op)
		}
	}
	for _, op := range before {
		switch old, digest := op.imageOf(); {
		case old == ref && digest == is:
			return nil
		case old == ref:
			return []release.Reason{c.moved(in, ref, digest)}
		}
	}
	if len(before) != 1 {
		return []release.Reason{c.because(release.ReasonBase, ref+" was not taken before", ref)}
	}
	old, digest := before[0].imageOf()
	r := c.moved(in, old, digest)
	if in.Text == before[0].Text {
		for _, name := range differing(in.Uses, before[0].Uses) {
			r.Text += ", as " + name + " has another value"
		}
	}
	return []release.Reason{r}
}

// moved is the reason of another base: "FROM busybox (Dockerfile:1): busybox:latest was 1a2b3c, is 4d5e6f".
func (c Case) moved(in Operation, old, was string) release.Reason {
	ref, is := in.imageOf()
	r := c.at(release.Reason{Kind: release.ReasonBase, Names: []string{ref}, Was: was, Is: is})
	from, to := release.Digest(was).Short(), release.Digest(is).Short()
	if old != ref {
		from, to = strings.TrimSpace(old+" "+from), strings.TrimSpace(ref+" "+to)
		ref = "base"
	}
	r.Text = fmt.Sprintf("%s was %s, is %s", ref, from, to)
	if in.Line > 0 {
		r.Text = in.Written() + ": " + r.Text
	}
	return r
}

// Brought is why a step did something of which nothing ran but what it fetches.
func (c Case) Brought() []release.Reason {
	if len(c.Before.Operations) == 0 {
		return c.reasons()
	}
	if moved := c.base(c.Op, Operation{}); len(moved) > 0 {
		return moved
	}
	return []release.Reason{c.because(release.ReasonGone, "it was no longer here, and fetched again")}
}
