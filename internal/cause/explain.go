package cause

import (
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
	Files func(digest.Digest) Files // of a list, or of patterns
	Name  func(step string) string  // of a step, for people
}

// Reasons are all that is known to have made the operation run. There is at least one.
func (c Case) Reasons() []release.Reason {
	if len(c.Before.Operations) == 0 {
		return []release.Reason{c.at(release.Reason{Kind: release.ReasonFirst, Text: "never built here, as far as is recorded"})}
	}
	if c.Op.Asked { // whatever else there is
		return []release.Reason{c.because(release.ReasonAsked, "asked to run without the cache")}
	}
	if all := c.unfinished(); len(all) > 0 {
		return all
	}
	if slices.Contains(c.Before.Keys, c.Op.Key) {
		return c.again()
	}
	if all := c.Changes(); len(all) > 0 {
		return all
	}
	return []release.Reason{c.because(release.ReasonUnknown, "what differs from the last time is not recorded")}
}

// unfinished is why something ran that the last time was to be made, too, and was not.
func (c Case) unfinished() []release.Reason {
	_, known := c.Before.Find(c.Op.Key)
	switch {
	case c.Op.Key == c.Before.Failed:
		return []release.Reason{c.because(release.ReasonUnfinished, "failed the last time")}
	case slices.Contains(c.Before.Stopped, c.Op.Key):
		return []release.Reason{c.because(release.ReasonUnfinished, "was stopped the last time")}
	case !known || slices.Contains(c.Before.Keys, c.Op.Key):
		return nil
	}
	if all := c.ranBefore(); len(all) > 0 {
		return all
	}
	return []release.Reason{c.because(release.ReasonUnfinished, "the last build ended before it came to this")}
}

// again is why something ran of which the result was there once.
func (c Case) again() []release.Reason {
	if all := c.ranBefore(); len(all) > 0 {
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
	return []release.Reason{c.stage(release.ReasonAgain, in, "ran again")}
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

func (c Case) stage(kind release.ReasonKind, in Operation, what string) release.Reason {
	return c.because(kind, fmt.Sprintf("stage %s %s", c.Name(in.Stages[0]), what), in.Stages[0])
}

// Changes are how the operation and what goes into it are others than the last time, as far as that is recorded.
func (c Case) Changes() []release.Reason {
	all, found := c.changes()
	for _, r := range found {
		if len(all) > 0 && r.Kind == release.ReasonAgain {
			continue // what came of that was found by its content, so it is not for that
		}
		r.Text, r.Follows = c.Op.Written()+" follows "+r.Text, r.Line
		all = append(all, c.at(r))
	}
	return all
}

// changes are those of the operation itself, and those of what goes into it within the stage and came from cache.
func (c Case) changes() (all, found []release.Reason) {
	was, ok := c.counterpart()
	if !ok {
		all = append(all, c.rewritten())
	} else if was.Does != "" { // recorded by an engine that did not look so close
		all = append(all, c.does(was)...)
		if c.Op.Files != was.Files {
			all = append(all, c.files(was)...)
		}
	}
	var rebased bool
	for _, in := range c.inputs() {
		own, earlier := c.input(in, was)
		all, found = append(all, own...), append(found, earlier...)
		rebased = rebased || in.image() && len(own) > 0
	}
	if !rebased { // otherwise it may be the new base that has it so
		all = append(all, c.how(was)...)
	}
	if was.Does != "" && c.Op.Does != was.Does && len(all)+len(found) == 0 { // and not for what its base has, for one
		all = append(all, c.because(release.ReasonInstruction, "it does something else, with the same text"))
	}
	return all, found
}

// does compares what two operations with the same text do, as far as is recorded of that.
func (c Case) does(was Operation) (all []release.Reason) {
	if c.Op.Does == was.Does {
		return nil
	}
	for _, name := range differing(c.Op.Uses, was.Uses) {
		kind, what := c.Op.use(was, name)
		all = append(all, c.because(kind, what+name+" has another value", name))
	}
	return all
}

// how compares how two operations with the same text and the same values run.
func (c Case) how(was Operation) []release.Reason {
	how := differing(c.Op.How, was.How)
	if c.Op.Does == was.Does || was.Does == "" || len(how) == 0 || len(differing(c.Op.Uses, was.Uses)) > 0 {
		return nil
	}
	return []release.Reason{c.because(release.ReasonInstruction, "it runs with another "+strings.Join(how, " and "), how...)}
}

// use says what a name is that an operation uses.
func (o Operation) use(was Operation, name string) (kind release.ReasonKind, what string) {
	if slices.Contains(o.Arguments, name) || slices.Contains(was.Arguments, name) {
		return release.ReasonArgument, "build argument "
	}
	return release.ReasonVariable, "variable "
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

// input compares what goes into an operation with what went into it the last time. found is about what came from cache.
func (c Case) input(in, was Operation) (own, found []release.Reason) {
	_, known := c.Before.Find(in.Key)
	switch {
	case slices.Contains(was.Inputs, in.Key):
		return c.ranFor(in), nil
	case in.image():
		return c.base(in, was), nil
	case in.fetches():
		return []release.Reason{c.because(release.ReasonFetched, "it takes what was not fetched before")}, nil
	case c.Ran(in.Key):
		return c.ranFor(in), nil
	case was.Key == "":
		return nil, nil // the instruction is another one: that is enough
	case known:
		return c.moved(in, was), nil
	case in.of(c.Step):
		earlier := c
		earlier.Op = in
		all, before := earlier.changes()
		return nil, append(all, before...)
	}
	if before, ok := c.instead(in, was); ok {
		return []release.Reason{c.switched(in, was, before)}, nil
	}
	return []release.Reason{c.stage(release.ReasonStage, in, "differs from the last time")}, nil
}

// instead is what an operation took from the last time in place of a stage, if that was another stage or an image.
func (c Case) instead(in, was Operation) (before Operation, ok bool) {
	for _, key := range was.Inputs {
		op, known := c.Before.Find(key)
		if known && !slices.Contains(c.Op.Inputs, key) && !op.fetches() && !op.of(c.Step) && !slices.ContainsFunc(op.Stages, in.of) {
			return op, true
		}
	}
	return Operation{}, false
}

// switched is the reason of an operation that takes from another stage than the last time.
func (c Case) switched(in, was, before Operation) release.Reason {
	from, old := "stage "+c.Name(in.Stages[0]), ""
	if before.image() {
		old, _ = before.imageOf()
	} else {
		old = "stage " + c.Name(before.Stages[0])
	}
	names := slices.DeleteFunc(differing(c.Op.Chosen, was.Chosen), func(name string) bool {
		return c.Op.Chosen[name] == "" || was.Chosen[name] == "" // one of them does not ask for it
	})
	if len(names) > 0 {
		return c.because(release.ReasonArgument, fmt.Sprintf("build argument %s chose %s instead of %s", strings.Join(names, " and "), from, old), names...)
	}
	r := c.because(release.ReasonInstruction, fmt.Sprintf("it takes from %s instead of %s", from, old))
	r.Was, r.Is = old, from
	return r
}

// moved is the reason of an operation that follows another one than the last time, though that was there, too.
func (c Case) moved(in, was Operation) []release.Reason {
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
			return []release.Reason{c.another(in, op)}
		}
	}
	if len(before) != 1 {
		return []release.Reason{c.because(release.ReasonBase, ref+" was not taken before", ref)}
	}
	return []release.Reason{c.another(in, before[0])}
}

// another is the reason of another image: "FROM busybox (Dockerfile:1): busybox:latest was 1a2b3c, is 4d5e6f".
func (c Case) another(in, was Operation) release.Reason {
	ref, is := in.imageOf()
	old, before := was.imageOf()
	r := c.at(release.Reason{Kind: release.ReasonBase, Names: []string{ref}, Was: before, Is: is})
	from, to := release.Digest(before).Short(), release.Digest(is).Short()
	if old == ref {
		r.Text = fmt.Sprintf("%s was %s, is %s", ref, from, to)
	} else {
		r.Names = append(r.Names, old)
		from, to = strings.TrimSpace(old+" "+from), strings.TrimSpace(ref+" "+to)
		r.Text = fmt.Sprintf("base was %s, is %s", from, to)
		if by := in.chosenBy(was); by != "" {
			r.Text = fmt.Sprintf("%s chose %s instead of %s", by, to, from)
		}
	}
	if in.Line > 0 {
		r.Text = in.Written() + ": " + r.Text
	}
	return r
}

// chosenBy names the arguments and variables for which the same text stands for something else than the last time.
func (o Operation) chosenBy(was Operation) string {
	names := differing(o.Uses, was.Uses)
	switch {
	case o.Text != was.Text || len(names) == 0:
		return ""
	case len(names) > 1:
		return strings.Join(names, " and ")
	}
	_, what := o.use(was, names[0])
	return what + names[0]
}

// Brought is why a step did something of which nothing ran but what it fetches.
func (c Case) Brought() []release.Reason {
	if len(c.Before.Operations) == 0 {
		return c.Reasons()
	}
	if moved := c.base(c.Op, Operation{}); len(moved) > 0 {
		return moved
	}
	return []release.Reason{c.because(release.ReasonGone, "it was no longer here, and fetched again")}
}
