package cause

import (
	"slices"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

// counterpart is the operation of the last time that has the same text as the one that ran: the first where it is the first
// with that text, and so on.
func (c Case) counterpart() (Operation, bool) {
	nth := 0
	for _, op := range c.Now.Operations {
		if op.Key == c.Op.Key {
			break
		}
		if op.of(c.Step) && op.Text == c.Op.Text {
			nth++
		}
	}
	for _, op := range c.Before.Operations {
		if !op.of(c.Step) || op.Text != c.Op.Text {
			continue
		}
		if nth == 0 {
			return op, true
		}
		nth--
	}
	return Operation{}, false
}

// rewritten is the reason of an instruction whose text the last time did not have: something else was in its place, or
// nothing.
func (c Case) rewritten() release.Reason {
	texts := func(m Made) (all []string) {
		for _, op := range m.Operations {
			if op.of(c.Step) && op.Line > 0 {
				all = append(all, op.Text)
			}
		}
		return slices.Compact(all) // COPY --link is two operations
	}
	now, before := texts(c.Now), texts(c.Before)
	at := max(slices.Index(now, c.Op.Text), 0)
	place, common := -1, -1 // of the last instruction before it that the last time had too: then, and now
	for i, text := range now[:at] {
		if was := slices.Index(before, text); was > place {
			place, common = was, i
		}
	}
	if next := place + at - common; next < len(before) && !slices.Contains(now, before[next]) {
		return c.edited(before[next])
	}
	return c.because(release.ReasonInstruction, "it is new")
}
