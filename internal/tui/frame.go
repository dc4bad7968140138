package tui

import (
	"slices"
	"strings"
	"time"

	"github.com/seaworthyhq/seaworthy/internal/event"
)

// How many lines of log a step shows while it runs, and once it has failed.
const (
	tailRunning = 3
	tailFailed  = 8
)

// frame is the live view: at most height lines, none wider than the output. settled stages are left out: they stand in the
// scrollback already.
func (v *view) frame(o Output, height int, settled bool, now time.Time) []string {
	steps := v.operations()
	stages := steps[:0:0]
	if !settled {
		stages = v.stages()
	}
	all := slices.Concat(stages, steps)
	foot := v.foot(o, all, now)
	room := height - len(foot)
	extra := append(v.looseLines(o, now), v.replicaLines(o)...)
	var lines []string
	if b := v.board(stages, o.Width); len(steps) == 0 && b != nil && b.rows() <= room {
		extra = extra[:min(len(extra), room-b.rows())]
		lines = b.lines(v, o, room-len(extra), now)
	} else {
		extra = extra[:min(len(extra), max(0, room-3))]
		lines = v.listLines(o, all, room-len(extra), now)
	}
	lines = append(append(lines, extra...), foot...)
	for i := range lines {
		lines[i] = cut(lines[i], o.Width)
	}
	return lines[max(0, len(lines)-max(0, height)):]
}

// listLines are the rows of steps below each other, and where there is room for too few of them, those that matter now.
func (v *view) listLines(o Output, steps []*step, room int, now time.Time) []string {
	shown, folded := steps, []string(nil)
	if len(steps) > room {
		shown, folded = v.fold(o, steps, room)
	}
	p := picture{steps: shown, gutter: list(len(shown))}
	return append(v.pictureLines(o, p, measure(p, o.Width), room-len(folded), now), folded...)
}

// pictureLines are the rows of steps and the ends of their logs, in as many lines as there is room for.
func (v *view) pictureLines(o Output, p picture, c columns, room int, now time.Time) []string {
	tails := shareTails(p.steps, room-len(p.steps))
	var lines []string
	for i, s := range p.steps {
		r := v.row(s, now)
		if s.state == event.Started {
			r.glyph = spinner[int(now.Sub(v.began)/tick)%len(spinner)]
		}
		lines = append(lines, r.render(o, p.rows[i], c))
		for _, line := range s.log.last(tails[i]) {
			lines = append(lines, o.Paint(Dim, cut(p.margin(i)+Clean(line), c.width)))
		}
	}
	return lines
}

// shareTails deals the room that is left out to the logs of what runs and what failed, one line each in turn.
func shareTails(steps []*step, room int) []int {
	tails := make([]int, len(steps))
	for dealt := true; dealt && room > 0; {
		dealt = false
		for i, s := range steps {
			if room > 0 && tails[i] < min(len(s.log.lines), tailOf(s.state)) {
				tails[i]++
				room--
				dealt = true
			}
		}
	}
	return tails
}

func tailOf(s event.State) int {
	switch s {
	case event.Started:
		return tailRunning
	case event.Failed:
		return tailFailed
	}
	return 0
}

// fold keeps the steps that matter now and says of the others only how many there are.
func (v *view) fold(o Output, steps []*step, room int) (shown []*step, folded []string) {
	room = max(1, room-2)
	keep := map[*step]bool{}
	for _, state := range []event.State{event.Failed, event.Started, event.Pending} {
		for _, s := range steps {
			if s.state == state && len(keep) < room {
				keep[s] = true
				room -= tailRoom(s, room)
			}
		}
	}
	ended, waiting := 0, 0
	for _, s := range steps {
		switch {
		case keep[s]:
			shown = append(shown, s)
		case s.state.Ended():
			ended++
		default:
			waiting++
		}
	}
	for _, rest := range []struct {
		n    int
		what string
	}{{ended, "done"}, {waiting, "to come"}} {
		if rest.n > 0 {
			folded = append(folded, o.Paint(Dim, "  … "+itoa(rest.n)+" more "+rest.what))
		}
	}
	return shown, folded
}

// tailRoom is how much of the room a step that is kept claims for the end of its log: up to a quarter.
func tailRoom(s *step, room int) int {
	return min(len(s.log.lines), tailOf(s.state), room/4)
}

// looseLines are the instructions that run and belong to no step, with how far they have come.
func (v *view) looseLines(o Output, now time.Time) []string {
	var lines []string
	for _, in := range v.loose {
		if in.State == event.Started {
			line := "  " + oneLine(in.Text)
			if t := transfer(in.Current, in.Total); t != "" {
				line += "  " + t
			}
			lines = append(lines, o.Paint(Dim, line+"  "+ticking(now.Sub(in.started))))
		}
	}
	return lines
}

// foot says how far the whole has come.
func (v *view) foot(o Output, steps []*step, now time.Time) []string {
	ended, all, skipped := 0, 0, 0
	for _, s := range steps {
		if s.state == event.Skipped {
			skipped++
			continue
		}
		all++
		if s.state.Ended() {
			ended++
		}
	}
	text := "  working"
	if all > 0 {
		text = "  " + itoa(ended) + " of " + Count(all, nounOf(steps))
	}
	if skipped > 0 {
		text += ", " + itoa(skipped) + " skipped"
	}
	if d := v.deployment; d != nil {
		text = "  " + Clean(d.Name()) + " ·" + text[1:]
	}
	if t := ticking(now.Sub(v.began)); t != "" {
		text += " · " + t
	}
	return []string{"", o.Paint(Dim, text)}
}

// nounOf is what steps are: stages, if none of them is a pull or an operation.
func nounOf(steps []*step) string {
	if slices.ContainsFunc(steps, func(s *step) bool { return !strings.HasPrefix(s.Key, stagePrefix) }) {
		return "step"
	}
	return "stage"
}
