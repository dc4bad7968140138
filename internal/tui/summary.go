package tui

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// stageSummary is what stays of the build: a row for each stage, those that came from cache in one.
func (v *view) stageSummary(o Output, opts Options, now time.Time) []string {
	stages := v.stages()
	if !slices.ContainsFunc(stages, func(s *step) bool { return s.state != event.Pending && s.state != event.Skipped }) {
		return nil // a plan: nothing was to be built
	}
	if v.listed {
		stages = slices.DeleteFunc(stages, func(s *step) bool { return s.state == event.Skipped })
	}
	if opts.Quiet {
		stages = slices.DeleteFunc(stages, func(s *step) bool { return s.state != event.Failed })
	}
	alike := map[event.State][]*step{}
	for _, s := range stages {
		alike[s.state] = append(alike[s.state], s)
	}
	folds := func(s *step) bool { return !opts.Verbose && foldWords[s.state] != "" && len(alike[s.state]) > 1 }
	kept := slices.DeleteFunc(slices.Clone(stages), folds)
	p := picture{steps: kept, gutter: list(len(kept))}
	if len(kept) == len(stages) && opts.Mode == Terminal && !opts.Quiet {
		p = v.picture(stages, o.Width)
		stages = p.steps
	}
	c := measure(p, o.Width)
	var lines []string
	for _, s := range stages {
		if i := slices.Index(p.steps, s); i >= 0 {
			lines = append(lines, v.settledRow(s, now).render(o, p.rows[i], c))
			if opts.Verbose {
				lines = append(lines, instructionLines(o, s, p.rows[i].below, c)...)
			}
		} else if s == alike[s.state][0] {
			lines = append(lines, foldedLine(o, alike[s.state], c))
		}
	}
	if opts.Quiet {
		return lines
	}
	if opts.Mode != Plain { // there, it was told when it was kept
		lines = append(lines, v.reportLines(o)...)
	}
	return append(lines, v.pathLines(o)...)
}

// pathLines say what the end of a build waited for, if anything ran.
func (v *view) pathLines(o Output) []string {
	ran := slices.ContainsFunc(v.stages(), func(s *step) bool { return s.state == event.Done || s.state == event.Failed })
	if v.times == nil || !ran {
		return nil
	}
	path := PathLine(*v.times)
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
	event.Pending: "not started",
	event.Stopped: "stopped",
}

// settledRow is a step's row once nothing more will happen to it.
func (v *view) settledRow(s *step, now time.Time) row {
	r := v.row(s, now)
	switch s.state {
	case event.Pending:
		r.what = "not started"
	case event.Started:
		g := glyphs[event.Stopped]
		r.glyph, r.tone, r.what, r.dim = g.glyph, g.tone, "not finished", true
		r.took = Duration(now.Sub(s.started))
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
	g := glyphs[steps[0].state]
	line := o.Paint(g.tone, g.glyph) + " " + Count(len(steps), nounOf(steps)) + " " + foldWords[steps[0].state]
	return cut(line+o.Paint(Dim, ": "+listed(names, namesListed)), c.width)
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

// failureLog is the log of a step that failed, whole, but for the end that the error which is shown next has anyway.
func failureLog(o Output, s *step, err error) []string {
	log := slices.Clone(s.log.lines)
	for i := range log {
		log[i] = strings.TrimRight(Clean(log[i]), " ")
	}
	head := log[:len(log)-repeated(log, detailOf(err))]
	if len(head) == 0 {
		return nil
	}
	lines := []string{"", o.Paint(Strong, "log of "+Clean(s.Name))}
	if lost := s.log.lost; lost > 0 {
		lines = append(lines, o.Paint(Dim, "│ … "+Count(lost, "line")+" before"))
	}
	for _, line := range head {
		lines = append(lines, o.Paint(Dim, "│ ")+line)
	}
	if len(head) < len(log) {
		lines = append(lines, o.Paint(Dim, "│ … the end is below"))
	}
	return lines
}

// repeated is how many lines at the end of a log a detail has too.
func repeated(log []string, detail string) int {
	known := map[string]bool{"": true}
	for _, line := range cleanLines(detail) {
		known[strings.TrimSpace(line)] = true
	}
	n := 0
	for n < len(log) && known[strings.TrimSpace(log[len(log)-1-n])] {
		n++
	}
	return n
}

func detailOf(err error) string {
	if e, ok := errors.AsType[*release.UserError](err); ok {
		return e.Detail
	}
	return ""
}

// failedReplicas says of each replica of the failed deployment that is not well, why.
func (v *view) failedReplicas(o Output) []string {
	if v.deployment == nil || v.deployment.Result != release.Failed && v.deployment.Result != release.RolledBack {
		return nil
	}
	var lines []string
	services, of := v.byService()
	for _, service := range services {
		for _, r := range of[service] {
			if r.Deployment == v.deployment.Number && conditionTone(r) == Bad {
				line := o.Paint(Bad, "✗") + " " + replicaName(r) + "  " + o.Paint(Bad, condition(r))
				if r.Detail != "" {
					line += "  " + o.Paint(Dim, oneLine(r.Detail))
				}
				lines = append(lines, line)
			}
		}
	}
	return lines
}

// outcome is the last line: what is true now.
func (v *view) outcome(o Output, err error, now time.Time) string {
	took := o.Paint(Dim, "  "+Duration(now.Sub(v.began)))
	switch {
	case v.deployment != nil && v.deployment.Result != release.Running:
		return v.deploymentOutcome(o) + took
	case err != nil:
		return ""
	case v.plan != nil && v.plan.Empty && len(v.plan.Changes) == 0:
		return o.Paint(Good, "✓") + " " + Clean(v.plan.Environment.String()) + " is down: nothing to do" + took
	case v.plan != nil && v.plan.Empty:
		return o.Paint(Good, "✓") + " " + Clean(v.plan.Environment.String()) + " is up to date" + v.releaseSuffix() + took
	case v.planned():
		return planOutcome(o, *v.plan) + took
	case v.plan != nil && v.release == nil: // a restart: no deployment was made
		return o.Paint(Good, "✓") + " " + o.Paint(Strong, Clean(v.plan.Environment.String())) + " restarted: " + changed(v.plan.Changes) + took
	case v.release != nil:
		known := "recorded"
		if v.release.Known {
			known = "was recorded before: equal content"
		}
		return o.Paint(Good, "✓") + " release " + Clean(v.release.ID.Short()) + " " + known + took
	case len(v.stages()) > 0 && v.plan == nil:
		return o.Paint(Good, "✓") + " built" + took
	}
	return ""
}

func changed(changes []event.Change) string {
	names := make([]string, len(changes))
	for i, c := range changes {
		names[i] = Clean(c.Service)
	}
	return strings.Join(names, ", ")
}

func (v *view) releaseSuffix() string {
	if v.release == nil {
		return ""
	}
	return ": " + Clean(v.release.ID.Short())
}

func (v *view) deploymentOutcome(o Output) string {
	d := v.deployment
	name := Clean(d.Environment.Project) + "/" + Clean(d.Name())
	switch d.Result {
	case release.Succeeded:
		if d.Cause == release.CauseDown {
			return o.Paint(Good, "✓") + " " + name + " is down"
		}
		line := o.Paint(Good, "✓") + " " + o.Paint(Strong, name) + " serves " + Clean(d.Release.Short())
		if counts := v.replicaCounts(); counts != "" {
			line += o.Paint(Dim, "  "+counts)
		}
		return line
	case release.RolledBack:
		return o.Paint(Warning, "↺") + " " + name + " was rolled back: what ran before serves"
	case release.Cancelled:
		return o.Paint(Warning, "■") + " " + name + " was cancelled"
	}
	return o.Paint(Bad, "✗") + " " + name + " failed"
}

func (v *view) replicaCounts() string {
	services, of := v.byService()
	var counts []string
	for _, service := range services {
		if n := runningReplicas(of[service]); n > 0 {
			counts = append(counts, itoa(n)+" × "+Clean(service))
		}
	}
	return strings.Join(counts, ", ")
}
