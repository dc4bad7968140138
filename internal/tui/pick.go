package tui

import (
	"cmp"
	"slices"
	"time"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

// pickedRows is how many stages are picked where there are more than are drawn, besides those that must be.
const pickedRows = 16

// merit is what speaks for showing a stage where there are too many to show all.
type merit struct {
	must  bool // whatever else: it failed, or did not end
	own   bool // it ran for a reason of its own
	tests bool // it ran tests
	path  bool // the end waited for it
	took  time.Duration
}

// pick says which of many are shown: those that must be, and then in turn those that have a reason of their own, that ran tests,
// that the end waited for, and any, of each those that took longest.
func pick(all []merit) []bool {
	picked := make([]bool, len(all))
	if len(all) <= maxDrawn {
		for i := range picked {
			picked[i] = true
		}
		return picked
	}
	longest := make([]int, 0, len(all))
	for i, m := range all {
		picked[i] = m.must
		if !m.must {
			longest = append(longest, i)
		}
	}
	slices.SortStableFunc(longest, func(a, b int) int { return cmp.Compare(all[b].took, all[a].took) })
	queues := [][]int{
		merited(longest, func(i int) bool { return all[i].own }),
		merited(longest, func(i int) bool { return all[i].tests }),
		merited(longest, func(i int) bool { return all[i].path }),
		longest,
	}
	for left := min(pickedRows, len(longest)); left > 0; {
		for q := range queues {
			for len(queues[q]) > 0 && picked[queues[q][0]] {
				queues[q] = queues[q][1:]
			}
			if len(queues[q]) > 0 && left > 0 {
				picked[queues[q][0]] = true
				left--
			}
		}
	}
	return picked
}

func merited(ordered []int, has func(int) bool) []int {
	return slices.DeleteFunc(slices.Clone(ordered), func(i int) bool { return !has(i) })
}

// inherited are the reasons that a stage has of another, or of no change.
var inherited = []release.ReasonKind{release.ReasonFirst, release.ReasonAgain, release.ReasonStage, release.ReasonGone, release.ReasonAsked, release.ReasonUnfinished}

// ownReason reports whether one of the reasons is a change of the stage itself.
func ownReason(because []release.Reason) bool {
	return slices.ContainsFunc(because, func(r release.Reason) bool { return !slices.Contains(inherited, r.Kind) })
}

// unpicked says how many are not shown, and what is true of them all; empty where all are.
func unpicked(all []merit, picked []bool) string {
	rest, most := 0, time.Duration(0)
	for i, m := range all {
		if !picked[i] {
			rest++
			most = max(most, m.took)
		}
	}
	if rest == 0 {
		return ""
	}
	return "and " + itoa(rest) + " more, none over " + Duration(most)
}

// onPath reports whether the end waited for a step.
func onPath(times release.Times, key string) bool {
	return slices.ContainsFunc(times.Path, func(l release.Leg) bool { return l.Step == key })
}
