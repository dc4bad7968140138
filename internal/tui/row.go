package tui

import (
	"cmp"
	"regexp"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"github.com/seaworthyhq/seaworthy/internal/event"
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
	dim   bool // what is of no concern now
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
type columns struct{ name, role, width int }

// measure finds the columns for steps on an output of that width; 0 means no limit. Roles are left out where it is narrow.
func measure(steps []*step, width int) columns {
	c := columns{width: maxRow}
	if width > 0 {
		c.width = min(maxRow, width)
	}
	for _, s := range steps {
		c.name = max(c.name, ansi.StringWidth(Clean(s.Name)))
		if s.Role != rolloutRole {
			c.role = max(c.role, len(s.Role))
		}
	}
	c.name = min(c.name, max(8, c.width*2/5))
	if c.width < 60 {
		c.role = 0
	}
	return c
}

// render lays the row out: what gives way first when there is little room, then the name.
func (r row) render(o Output, c columns) string {
	var b strings.Builder
	b.WriteString(o.Paint(r.tone, r.glyph) + " ")
	name := pad(cut(r.name, c.name), c.name)
	if r.tone == Dim {
		name = o.Paint(Dim, name)
	}
	b.WriteString(name)
	if c.role > 0 {
		b.WriteString("  " + o.Paint(Dim, pad(cut(r.role, c.role), c.role)))
	}
	used := 2 + c.name
	if c.role > 0 {
		used += 2 + c.role
	}
	room := c.width - used - 2
	if r.took != "" {
		room -= ansi.StringWidth(r.took) + 2
	}
	if room > 0 && r.what != "" {
		what := cut(r.what, room)
		b.WriteString("  " + o.Paint(r.whatTone(), what))
		room -= ansi.StringWidth(what)
	} else {
		room += 2
	}
	if r.took != "" {
		b.WriteString(strings.Repeat(" ", max(0, room)+2) + o.Paint(Dim, r.took))
	}
	return strings.TrimRight(cut(b.String(), c.width), " ")
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
	r := row{glyph: g.glyph, tone: g.tone, name: Clean(s.Name), role: s.Role, dim: true}
	waits := ""
	if names := v.waitsFor(s); len(names) > 0 && s.Role != rolloutRole {
		waits = "waits for " + listed(names, 3)
	}
	switch s.state {
	case event.Pending:
		r.what = waits
	case event.Started:
		r.what, r.dim = s.progress(), s.Role == rolloutRole && s.detail != "" // what the replica that is waited for says
		if waits != "" && s.running() == nil {                                // its first instructions needed nothing of the others
			r.what, r.dim = waits, true
		}
		r.took = ticking(now.Sub(s.started))
	case event.Skipped:
		r.what = "skipped"
		if s.Why != "" {
			r.what += ": " + Clean(s.Why)
		}
	case event.Failed:
		r.what, r.took = s.failureLine(), Duration(s.took)
	case event.Stopped:
		r.what = "stopped"
	default:
		r.what, r.took = s.outcome(), Duration(s.took)
	}
	return r
}

// progress says what a running step is at.
func (s *step) progress() string {
	in := s.running()
	if in == nil {
		return oneLine(cmp.Or(s.detail, s.Why))
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
	if s.detail != "" {
		return Clean(s.detail)
	}
	all, _, cached := s.tally()
	switch {
	case s.state == event.Cached:
		return "cached"
	case s.Role == rolloutRole || all == 0:
		return Clean(s.Why)
	case cached > 0:
		return Count(all, "instruction") + ", " + itoa(cached) + " cached"
	}
	return Count(all, "instruction")
}

func (s *step) failureLine() string {
	if in := s.failed(); in != nil {
		return strings.TrimPrefix(place(in)+"  ", "  ") + withoutOptions(oneLine(in.Text))
	}
	return oneLine(cmp.Or(s.err, s.detail, "failed"))
}

// place is where an instruction stands: "Dockerfile:12", or nothing.
func place(in *instruction) string {
	if in.Line == 0 {
		return ""
	}
	return Clean(cmp.Or(in.File, "line")) + ":" + itoa(in.Line)
}
