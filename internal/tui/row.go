package tui

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/phrase"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// maxRow is how wide a row gets: on a wider terminal the times would be too far from what they belong to.
const maxRow = 110

// row is one line about a step: glyph, name, role, what happens, how long.
type row struct {
	glyph string
	tone  Tone // of the glyph, and of what where that is bad
	name  string
	role  string
	what  string
	why   string // it does not come from cache
	dim   bool   // what is of no concern now
	took  string
}

var glyphs = map[event.State]struct {
	glyph string
	tone  Tone
}{
	event.Pending: {"○", Dim},
	event.Started: {"●", Active},
	event.Done:    {"✓", Good},
	event.Cached:  {"✓", Good},
	event.Failed:  {"✗", Bad},
	event.Skipped: {"–", Dim},
	event.Stopped: {"■", Warning},
}

var spinner = []string{"⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"}

// columns are the widths that rows below each other share.
type columns struct{ gutter, name, role, width int }

// measure finds the columns for steps on an output of that width; 0 means no limit. Roles are left out where it is narrow.
func measure(p picture, width int) columns {
	c := columns{gutter: p.width, width: maxRow}
	if width > 0 {
		c.width = min(maxRow, width)
	}
	for _, s := range p.steps {
		c.name = max(c.name, ansi.StringWidth(Clean(s.Name)))
		if s.Role != rolloutRole {
			c.role = max(c.role, ansi.StringWidth(Clean(s.Role)))
		}
	}
	c.name = min(c.name, max(8, (c.width-c.gutter)*2/5))
	if c.width < 60+c.gutter {
		c.role = 0
	}
	return c
}

// render lays the row out: what gives way first when there is little room, then the name.
func (r row) render(o Output, g gutterRow, c columns) string {
	var b strings.Builder
	b.WriteString(o.Paint(Dim, g.before) + o.Paint(r.tone, r.glyph) + o.Paint(Dim, g.after) + " ")
	name := pad(cut(r.name, c.name), c.name)
	if r.tone == Dim {
		name = o.Paint(Dim, name)
	}
	b.WriteString(name)
	if c.role > 0 {
		b.WriteString("  " + o.Paint(Dim, pad(cut(r.role, c.role), c.role)))
	}
	used := c.gutter + 1 + c.name
	if c.role > 0 {
		used += 2 + c.role
	}
	room := c.width - used - 2
	if r.took != "" {
		room -= ansi.StringWidth(r.took) + 2
	}
	if room > 0 && r.what != "" {
		what := r.whatIn(o, room)
		b.WriteString("  " + what)
		room -= ansi.StringWidth(what)
	} else {
		room += 2
	}
	if r.took != "" {
		b.WriteString(strings.Repeat(" ", max(0, room)+2) + o.Paint(Dim, r.took))
	}
	return strings.TrimRight(cut(b.String(), c.width), " ")
}

// whatIn is what happens and why in so much room: both are cut before one is left out.
func (r row) whatIn(o Output, room int) string {
	const between, least = " · ", 30
	if r.why == "" || room < least {
		return o.Paint(r.whatTone(), cut(r.what, room))
	}
	room -= ansi.StringWidth(between)
	why := cut(r.why, max(room/2, room-ansi.StringWidth(r.what)))
	return o.Paint(r.whatTone(), cut(r.what, room-ansi.StringWidth(why))) + o.Paint(Dim, between+why)
}

func (r row) whatTone() Tone {
	switch {
	case r.tone == Bad:
		return Bad
	case r.dim:
		return Dim
	}
	return Normal
}

// row is the step as it stands.
func (v *view) row(s *step, now time.Time) row {
	g := glyphs[s.state]
	r := row{glyph: g.glyph, tone: g.tone, name: Clean(s.Name), role: Clean(s.Role), dim: true}
	waits := ""
	if names := v.waitsFor(s); len(names) > 0 && s.Role != rolloutRole {
		waits = "waits for " + phrase.First(names, 3)
	}
	switch {
	case s.state == event.Pending:
		r.what = waits
		if waits == "" && s.Role != rolloutRole && v.building() {
			r.what = "waits for its turn"
		}
	case v.stands(s, now):
		r.glyph, r.tone = glyphs[event.Pending].glyph, glyphs[event.Pending].tone
		r.what, r.took = cmp.Or(waits, "waits for its turn"), ticking(s.elapsed(now))
	case s.state == event.Started:
		r.what, r.dim = s.progress(), s.Role == rolloutRole && s.detail != "" // what the replica that is waited for says
		r.why, r.took = s.reason(), ticking(s.elapsed(now))
	case s.state == event.Skipped:
		r.what = "skipped"
		if s.Why != "" {
			r.what += ": " + Clean(s.Why)
		}
	case s.state == event.Failed:
		r.what, r.took = s.failureLine(), Duration(s.took)
	case s.halted() != nil:
		r.what, r.why, r.took = "stopped: "+withoutOptions(oneLine(s.halted().Text)), s.reason(), Duration(s.took)
	case s.state == event.Stopped:
		r.what = "stopped"
	case s.state == event.Cached:
		r.what, r.took = s.outcome(), Duration(s.took)
	default:
		r.what, r.why, r.took = s.outcome(), s.reason(), Duration(s.took)
	}
	return r
}

// halted is the instruction that ran when a step was stopped; nil: none did, or it was not.
func (s *step) halted() *instruction {
	if s.state != event.Stopped {
		return nil
	}
	for _, in := range slices.Backward(s.instructions) {
		if in.State == event.Stopped && in.Took > 0 {
			return in
		}
	}
	return nil
}

// progress says what a running step is at.
func (s *step) progress() string {
	in := cmp.Or(s.running(), s.latest())
	switch {
	case s.detail != "" && s.running() == nil:
		return oneLine(s.detail)
	case in == nil && s.Role == rolloutRole:
		return oneLine(s.Why)
	case in == nil:
		return ""
	}
	text := withoutOptions(oneLine(in.Text))
	if t := transfer(in.Current, in.Total); t != "" {
		text += "  " + t
	}
	return text
}

var options = regexp.MustCompile(`^(RUN )(--\S+ )+`)

// withoutOptions is an instruction without its options, before which there would be no room left for what it runs.
func withoutOptions(text string) string { return options.ReplaceAllString(text, "$1") }

// outcome says how a step that ended well did so.
func (s *step) outcome() string {
	all, _, cached := s.tally()
	switch {
	case s.detail != "":
		return Clean(s.detail)
	case s.empty:
		return NothingToRun
	case s.tests.Total > 0 && s.state == event.Cached:
		return testsText(s.tests) + " · from cache"
	case s.tests.Total > 0:
		return testsText(s.tests)
	case s.state == event.Cached:
		return "cached"
	case s.Role == rolloutRole || all == 0:
		return Clean(s.Why)
	case cached > 0:
		return phrase.Count(all, "instruction") + ", " + itoa(cached) + " cached"
	}
	return phrase.Count(all, "instruction")
}

func (s *step) failureLine() string {
	in := s.failed()
	if in == nil {
		return oneLine(cmp.Or(s.err, s.detail, "failed"))
	}
	line := strings.TrimPrefix(s.place(in)+"  ", "  ")
	if s.tests.Failed > 0 {
		line += testsText(s.tests) + "  "
	}
	if in.Error != "" {
		line += oneLine(in.Error) + "  "
	}
	return line + withoutOptions(oneLine(in.Text))
}

// TestsText sums up tests and names those that failed, the first of them: "142 tests, 2 failed: TestParse, TestRead; 1 skipped".
func TestsText(t release.Tests, failures []string) string {
	if len(failures) == 0 {
		return testsText(t)
	}
	text := phrase.Count(t.Total, "test") + ", " + itoa(t.Failed) + " failed: " + failuresText(t, failures)
	if t.Skipped > 0 {
		text += "; " + itoa(t.Skipped) + " skipped"
	}
	return text
}

// testsText sums up tests: "142 tests passed", "142 tests, 2 failed, 1 skipped".
func testsText(t release.Tests) string {
	if t.Failed == 0 && t.Skipped == 0 {
		return TestCounts(t) + " passed"
	}
	return TestCounts(t)
}

// TestCounts counts tests: "142 tests, 2 failed, 1 skipped". What failed comes first, since the end may be cut.
func TestCounts(t release.Tests) string {
	text := phrase.Count(t.Total, "test")
	if t.Failed > 0 {
		text += ", " + itoa(t.Failed) + " failed"
	}
	if t.Skipped > 0 {
		text += ", " + itoa(t.Skipped) + " skipped"
	}
	return text
}

// place is where an instruction stands in the step's stage: "Dockerfile:12", or nothing.
func (s *step) place(in *instruction) string {
	line := in.Line
	for _, p := range in.Places {
		if p.Step == s.Key && p.Line > 0 {
			line = p.Line
			break
		}
	}
	if line == 0 {
		return ""
	}
	return Clean(cmp.Or(in.File, "line")) + ":" + itoa(line)
}
