package tui

import (
	"slices"
	"strings"
	"time"

	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/phrase"
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
	if len(steps) > room {
		return v.crowd.lines(v, o, steps, room, now)
	}
	p := picture{steps: steps, gutter: list(len(steps))}
	return v.pictureLines(o, p, measure(p, o.Width), room, now)
}

// pictureLines are the rows of steps and the ends of their logs, in as many lines as there is room for.
func (v *view) pictureLines(o Output, p picture, c columns, room int, now time.Time) []string {
	tails := shareTails(p.steps, room-len(p.steps))
	var lines []string
	for i, s := range p.steps {
		lines = append(lines, v.stepLines(o, s, p.rows[i], p.margin(i), c, tails[i], now)...)
	}
	return lines
}

// stepLines are a step's row and the end of its log, of so many lines.
func (v *view) stepLines(o Output, s *step, g gutterRow, margin string, c columns, tail int, now time.Time) []string {
	r := v.row(s, now)
	if s.state == event.Started && !v.stands(s, now) {
		r.glyph = spinner[int(now.Sub(v.began)/tick)%len(spinner)]
	}
	lines := []string{r.render(o, g, c)}
	for _, line := range s.log.last(tail) {
		lines = append(lines, o.Paint(Dim, cut(margin+Clean(line), c.width)))
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
	ended, all, skipped, failed := 0, 0, 0, 0
	for _, s := range steps {
		if s.state == event.Skipped {
			skipped++
			continue
		}
		all++
		if s.state.Ended() {
			ended++
		}
		if s.state == event.Failed {
			failed++
		}
	}
	text := "  working"
	if all > 0 {
		text = "  " + itoa(ended) + " of " + phrase.Count(all, nounOf(steps))
	}
	if failed > 0 {
		text += ", " + itoa(failed) + " failed"
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
