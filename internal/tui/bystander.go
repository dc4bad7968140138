package tui

import "slices"

// bystanders are the steps of a crowd that neither failed nor run, by the row in which they are shown. Rows that are left over have
// first those that ended last, then those that wait. One stays in its row for as long as that is for its like.
type bystanders map[int]*step

// nextShown is how many steps that wait are shown where there are enough others.
const nextShown = 3

// assign gives steps that are not shown yet to rows.
func (b *bystanders) assign(v *view, steps, shown []*step, rows []int) {
	taken := map[*step]bool{}
	for _, s := range shown {
		taken[s] = true
	}
	var ended, waiting []*step
	for _, s := range steps {
		switch standing(s) {
		case "done", "stopped":
			if !taken[s] {
				ended = append(ended, s)
			}
		case "wait":
			if !taken[s] {
				waiting = append(waiting, s)
			}
		}
	}
	wait := min(len(waiting), len(rows), max(nextShown, len(rows)-len(ended)))
	before := *b
	*b = bystanders{}
	b.place(before, lastEnded(ended, len(rows)-wait), rows[:len(rows)-wait])
	b.place(before, v.nextUp(waiting, before, wait), rows[len(rows)-wait:])
}

// place leaves those of the steps in their rows that have one of these already; the others come, in their order, into those that are free.
func (b bystanders) place(before bystanders, steps []*step, rows []int) {
	var free []int
	for _, row := range rows {
		if i := slices.Index(steps, before[row]); i >= 0 {
			b[row] = steps[i]
			steps = slices.Delete(steps, i, i+1)
		} else {
			free = append(free, row)
		}
	}
	for i, s := range steps[:min(len(steps), len(free))] {
		b[free[i]] = s
	}
}

// lastEnded are so many of the steps that ended last, the last first.
func lastEnded(steps []*step, most int) []*step {
	slices.Reverse(steps) // of those that ended at once, the later in the graph
	slices.SortStableFunc(steps, func(a, b *step) int { return b.ended.Compare(a.ended) })
	return steps[:min(len(steps), most)]
}

// nextUp are so many of the steps that wait: those that are seen, then those that nothing but their turn keeps, then the others.
func (v *view) nextUp(steps []*step, seen bystanders, most int) []*step {
	here := map[*step]bool{}
	for _, s := range seen {
		here[s] = true
	}
	var first, ready, blocked []*step
	for _, s := range steps {
		switch {
		case here[s]:
			first = append(first, s)
		case !v.blocked(s):
			ready = append(ready, s)
		default:
			blocked = append(blocked, s)
		}
	}
	next := slices.Concat(first, ready, blocked)
	return next[:min(len(next), most)]
}

// blocked reports whether a step waits for another one.
func (v *view) blocked(s *step) bool {
	return slices.ContainsFunc(s.After, func(key string) bool {
		before := v.byKey[key]
		return before != nil && !before.state.Ended()
	})
}
