package tui

import (
	"slices"
	"strings"
	"time"

	"github.com/seaworthyhq/seaworthy/internal/event"
)

// crowd is which steps have rows where there is no room for all: those that failed, in that order, then those that run. A row
// keeps its place until its step has ended and the next that starts takes it over, so that nothing moves because something ended. The
// rows that are left over have those that ended last and those that wait.
type crowd struct {
	failed []*step
	places []place
	others bystanders
	idle   time.Time // since when most places are not needed; zero: they are
}

// place is where a step that runs has its row, and how many lines of log have stood below it.
type place struct {
	step *step
	tail int
}

// settling is for how long most places are not needed before they are given back.
const settling = time.Second

// lines are the rows of a crowd with the ends of their logs, and how many steps have none, in so much room.
func (c *crowd) lines(v *view, o Output, steps []*step, room int, now time.Time) []string {
	room = max(1, room-1) // the last line counts
	shown := c.fail(steps, room/2)
	widths := measure(picture{steps: steps, gutter: list(0)}, o.Width) // of all, so that they do not change
	var lines []string
	for i, tail := range shareTails(shown, max(0, room/2-len(shown))) {
		lines = append(lines, v.stepLines(o, shown[i], gutterRow{}, listMargin, widths, tail, now)...)
	}
	c.run(steps, room-len(lines), now)
	free := room - len(lines) - len(c.places)
	var left []int // rows
	for i := range c.places {
		p, share := &c.places[i], (free+len(c.places)-1-i)/len(c.places) // the first have what is left over
		p.tail = min(share, tailRunning, max(p.tail, len(p.step.log.lines)))
		next := len(lines) + 1 + p.tail
		lines = append(lines, v.stepLines(o, p.step, gutterRow{}, listMargin, widths, p.tail, now)...)
		shown = append(shown, p.step)
		for len(lines) < next { // what had the place before had said more
			left, lines = append(left, len(lines)), append(lines, o.Paint(Dim, strings.TrimRight(listMargin, " ")))
		}
	}
	for len(lines) < room {
		left, lines = append(left, len(lines)), append(lines, "")
	}
	c.others.assign(v, steps, shown, left)
	for row, s := range c.others {
		lines[row] = v.row(s, now).render(o, gutterRow{}, widths)
		shown = append(shown, s)
	}
	for len(lines) > 0 && lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	if rest := restOf(steps, shown); rest != "" {
		lines = append(lines, o.Paint(Dim, "  and "+rest))
	}
	return lines
}

// fail takes in what has failed, and returns the first of it.
func (c *crowd) fail(steps []*step, most int) []*step {
	gone := func(s *step) bool { return s.state != event.Failed || !slices.Contains(steps, s) }
	c.failed = slices.DeleteFunc(c.failed, gone)
	for _, s := range steps {
		if s.state == event.Failed && !slices.Contains(c.failed, s) {
			c.failed = append(c.failed, s)
		}
	}
	return slices.Clone(c.failed[:min(len(c.failed), most)])
}

// run gives places to what runs.
func (c *crowd) run(steps []*step, most int, now time.Time) {
	in := map[*step]bool{}
	for _, s := range steps {
		in[s] = s.state != event.Failed
	}
	c.places = slices.DeleteFunc(c.places, func(p place) bool { return !in[p.step] })
	for _, p := range c.places {
		in[p.step] = false // it has one
	}
	starting := slices.DeleteFunc(slices.Clone(steps), func(s *step) bool { return !in[s] || !s.works() })
	for _, s := range earliest(starting, most-c.needed()) {
		if i := c.vacant(); i >= 0 {
			c.places[i].step = s
		} else {
			c.places = append(c.places, place{step: s})
		}
	}
	c.giveBack(most, now)
}

// earliest are those of the steps that started first, so many of them, in their order.
func earliest(steps []*step, most int) []*step {
	if len(steps) <= most {
		return steps
	}
	byStart := slices.Clone(steps)
	slices.SortStableFunc(byStart, func(a, b *step) int { return a.started.Compare(b.started) })
	byStart = byStart[:max(0, most)]
	return slices.DeleteFunc(steps, func(s *step) bool { return !slices.Contains(byStart, s) })
}

// needed counts the places of steps that are at something.
func (c *crowd) needed() (n int) {
	for _, p := range c.places {
		if p.step.works() {
			n++
		}
	}
	return n
}

// vacant is the first place that can be taken over, -1 if all are needed: of a step that has ended, else of one that waits.
func (c *crowd) vacant() int {
	if i := slices.IndexFunc(c.places, func(p place) bool { return p.step.state.Ended() }); i >= 0 {
		return i
	}
	return slices.IndexFunc(c.places, func(p place) bool { return !p.step.works() })
}

// giveBack leaves places away for which there is no room, and those that have not been needed for a while.
func (c *crowd) giveBack(most int, now time.Time) {
	vacant := func(p place) bool { return !p.step.works() }
	switch {
	case 2*c.needed() >= len(c.places):
		c.idle = time.Time{}
	case c.idle.IsZero():
		c.idle = now
	}
	if len(c.places) > most || !c.idle.IsZero() && now.Sub(c.idle) >= settling {
		c.places = slices.DeleteFunc(c.places, vacant)
	}
	c.places = c.places[:min(len(c.places), max(0, most))]
}

// works reports whether a step is at something: between its instructions it may wait for its turn.
func (s *step) works() bool {
	return s.state == event.Started && (len(s.instructions) == 0 || s.running() != nil)
}

// restOf counts the steps that are not shown: "2 run, 812 wait, 41 done". Those that are skipped are counted elsewhere.
func restOf(steps, shown []*step) string {
	count := map[string]int{}
	for _, s := range steps {
		if !slices.Contains(shown, s) {
			count[standing(s)]++
		}
	}
	var said []string
	for _, word := range []string{"failed", "run", "wait", "stopped", "done"} {
		if n := count[word]; n > 0 {
			said = append(said, itoa(n)+" "+word)
		}
	}
	return strings.Join(said, ", ")
}

// standing is how a step stands, in a word.
func standing(s *step) string {
	switch s.state {
	case event.Failed:
		return "failed"
	case event.Stopped:
		return "stopped"
	case event.Done, event.Cached:
		return "done"
	case event.Skipped:
		return ""
	}
	if s.works() {
		return "run"
	}
	return "wait"
}
