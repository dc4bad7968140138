package tui

import (
	"slices"
	"time"

	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/phrase"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// stageSummary is what stays of the build: a row for each stage, those that came from cache in one; what was kept of checks, and
// what the end waited for.
func (v *view) stageSummary(o Output, opts Options, now time.Time) []string {
	stages := v.stages()
	if !slices.ContainsFunc(stages, func(s *step) bool { return s.state != event.Pending && s.state != event.Skipped }) {
		return nil // a plan: nothing was to be built
	}
	if opts.Quiet {
		return v.stageRows(o, opts, v.where(func(s *step) bool { return s.state == event.Failed && s.Role != rolloutRole }), now)
	}
	if v.listed {
		stages = slices.DeleteFunc(stages, func(s *step) bool { return s.state == event.Skipped })
	}
	lines := v.stageRows(o, opts, stages, now)
	if opts.Mode != Plain { // there, it was told when it was kept
		lines = append(lines, v.reportLines(o, opts.Verbose)...)
	}
	return append(lines, v.pathLines(o, opts)...)
}

// stageRows are the rows of stages beside their graph, or where several of them share a row, below each other. Of very many, those
// have rows that there is something to say of.
func (v *view) stageRows(o Output, opts Options, stages []*step, now time.Time) []string {
	alike := map[event.State][]*step{}
	for _, s := range stages {
		alike[s.settled()] = append(alike[s.settled()], s)
	}
	folds := func(s *step) bool {
		return !opts.Verbose && foldWords[s.settled()] != "" && len(alike[s.settled()]) > 1
	}
	kept := slices.DeleteFunc(slices.Clone(stages), folds)
	rest := ""
	if !opts.Verbose {
		kept, rest = v.picked(kept)
	}
	p := picture{steps: kept, gutter: list(len(kept))}
	if len(kept) == len(stages) && opts.Mode == Terminal && !opts.Quiet {
		p = v.picture(stages, o.Width)
		stages = p.steps
	}
	c := measure(p, o.Width)
	first := !opts.Verbose && allAreFirst(reasonsOf(stages))
	var lines []string
	for _, s := range stages {
		if i := slices.Index(p.steps, s); i >= 0 {
			r := v.settledRow(s, now)
			if first {
				r.why = "" // it is said of all
			}
			lines = append(lines, r.render(o, p.rows[i], c))
			if opts.Verbose {
				lines = append(lines, instructionLines(o, s, p.rows[i].below, c)...)
			}
		} else if folds(s) && s == alike[s.settled()][0] {
			lines = append(lines, foldedLine(o, alike[s.settled()], c))
		}
	}
	if rest != "" {
		lines = append(lines, o.Paint(Dim, "  "+rest+": seaworthy why lists all"))
	}
	if first {
		lines = append(lines, o.Paint(Dim, cut("  "+allFirst, c.width)))
	}
	return lines
}

// picked are those of the stages that have a row, and what is to be said of the rest.
func (v *view) picked(stages []*step) (shown []*step, rest string) {
	merits := make([]merit, len(stages))
	for i, s := range stages {
		merits[i] = merit{
			must:  s.state != event.Done && s.state != event.Cached,
			own:   ownReason(s.because),
			tests: s.tests.Total > 0,
			path:  v.times != nil && onPath(*v.times, s.Key),
			took:  s.took,
		}
	}
	chosen := pick(merits)
	for i, s := range stages {
		if chosen[i] {
			shown = append(shown, s)
		}
	}
	return shown, unpicked(merits, chosen)
}

// allFirst is said once where it is why each of several steps ran.
const allFirst = "what ran was never built here before, as far as is recorded"

// allAreFirst reports whether several steps ran, and each because it was never built before.
func allAreFirst(because [][]release.Reason) bool {
	n := 0
	for _, reasons := range because {
		first := slices.ContainsFunc(reasons, func(r release.Reason) bool { return r.Kind == release.ReasonFirst })
		if len(reasons) > 0 && !first {
			return false
		}
		if first {
			n++
		}
	}
	return n > 1
}

func reasonsOf(steps []*step) [][]release.Reason {
	all := make([][]release.Reason, len(steps))
	for i, s := range steps {
		all[i] = s.because
	}
	return all
}

// pathLines say what the end of a build waited for, if anything ran.
func (v *view) pathLines(o Output, opts Options) []string {
	ran := slices.ContainsFunc(v.stages(), func(s *step) bool { return s.state == event.Done || s.state == event.Failed })
	if v.times == nil || !ran {
		return nil
	}
	path := PathLine(*v.times, opts.Verbose)
	if path == "" {
		return nil
	}
	lines := hanging(o, "  ", path)
	for i := range lines {
		lines[i] = o.Paint(Dim, lines[i])
	}
	return lines
}

// foldWords are the states of which several stages share a row: there is no more to say of each.
var foldWords = map[event.State]string{
	event.Cached:  "from cache",
	empty:         "with " + NothingToRun,
	event.Pending: "not started",
	event.Stopped: "stopped",
	begun:         "not finished",
}

const (
	// begun is how a stage stands that has begun and was at nothing when all ended: it waited.
	begun event.State = "begun"
	// halted is how a stage stands that was stopped while it was at something: it has a row of its own, which says at what.
	halted event.State = "halted"
	// empty is how a stage stands for which nothing had to be made.
	empty event.State = "empty"
)

// settled is how a step stands once nothing more will happen to it. One that has only looked up what it is FROM has not started.
func (s *step) settled() event.State {
	switch {
	case s.empty:
		return empty
	case s.halted() != nil:
		return halted
	case s.state != event.Started || s.Role == rolloutRole || s.works():
		return s.state
	case !slices.ContainsFunc(s.instructions, func(in *instruction) bool { return in.State != event.Pending && !in.onlyFetches() }):
		return event.Pending
	}
	return begun
}

// settledRow is a step's row once nothing more will happen to it.
func (v *view) settledRow(s *step, now time.Time) row {
	r := v.row(s, now)
	switch s.settled() {
	case event.Pending:
		g := glyphs[event.Pending]
		r.glyph, r.tone, r.what, r.dim, r.why, r.took = g.glyph, g.tone, foldWords[event.Pending], true, "", ""
	case event.Started, begun:
		g := glyphs[event.Stopped]
		r.glyph, r.tone, r.what, r.dim = g.glyph, g.tone, foldWords[begun], true
		r.took = Duration(s.elapsed(now))
	}
	return r
}

// leftRow is the row of an operation that the engine does, or will do, without anybody who watches.
func (v *view) leftRow(s *step, now time.Time) row {
	r := v.row(s, now)
	switch s.state {
	case event.Pending:
		r.what = "to come"
	case event.Started:
		r.what = "under way"
	}
	return r
}

// namesListed is how many names a row of several stages has.
const namesListed = 6

func foldedLine(o Output, steps []*step, c columns) string {
	names := make([]string, len(steps))
	for i, s := range steps {
		names[i] = Clean(s.Name)
	}
	state := steps[0].settled()
	g := glyphs[state]
	switch state {
	case begun:
		g = glyphs[event.Stopped]
	case empty:
		g = glyphs[event.Cached]
	}
	line := o.Paint(g.tone, g.glyph) + " " + phrase.Count(len(steps), nounOf(steps)) + " " + foldWords[state]
	return cut(line+o.Paint(Dim, ": "+phrase.First(names, namesListed)), c.width)
}

func instructionLines(o Output, s *step, beside string, c columns) []string {
	var lines []string
	for _, r := range s.because {
		lines = append(lines, o.Paint(Dim, cut(pad(beside, c.gutter)+"   because   "+oneLine(r.Text), c.width)))
	}
	for _, in := range s.instructions {
		took := Duration(in.Took)
		if in.State == event.Cached {
			took = "cached"
		}
		lines = append(lines, o.Paint(Dim, cut(pad(beside, c.gutter)+"   "+pad(took, 8)+"  "+oneLine(in.Text), c.width)))
	}
	return lines
}

// summary is what stays at the end, below the stages: logs of what failed, and how it all ended.
func (v *view) summary(o Output, opts Options, err error, now time.Time) []string {
	var lines []string
	operations := v.operations()
	c := measure(picture{steps: operations, gutter: list(0)}, o.Width)
	left := err != nil && interrupted(err) // by its user, who wants to know how far it is; the engine goes on
	for _, s := range operations {
		switch {
		case left && opts.Mode == Terminal:
			lines = append(lines, v.leftRow(s, now).render(o, gutterRow{}, c))
		case opts.Verbose || s.state == event.Failed:
			lines = append(lines, v.settledRow(s, now).render(o, gutterRow{}, c))
		}
	}
	shownAlready := opts.Verbose || opts.Mode == Plain && !opts.Quiet
	for _, s := range v.steps {
		if s.state == event.Failed && !shownAlready {
			lines = append(lines, failureLog(o, s, err)...)
		}
	}
	if left && !shownAlready {
		lines = append(lines, v.unfinishedLogs(o)...)
	}
	if left {
		lines = append(lines, v.lostReports(o, opts)...)
	}
	lines = append(lines, v.failedReplicas(o)...)
	return append(lines, v.ending(o, err, now)...)
}

// ending is the outcome, and below it what was said after it was known; beside it, if there was nothing to do.
func (v *view) ending(o Output, err error, now time.Time) []string {
	line := v.outcome(o, err, now)
	var below []string
	for _, m := range v.closing {
		below = append(below, cleanLines(m.Text)...)
	}
	if line != "" && v.idle() && len(below) == 1 {
		return []string{line + o.Paint(Dim, " · ") + below[0]}
	}
	var lines []string
	if line != "" {
		lines = append(lines, line)
	}
	for _, text := range below {
		lines = append(lines, "  "+text)
	}
	return lines
}
