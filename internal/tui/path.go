package tui

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

// PathLine is the critical path in words: "critical path of 13.1 s: builder 12.3 s (line 7: RUN make) → web 0.8 s". Of many legs it
// names those that most of the time went to and counts the others, unless all are asked for. It is empty where nothing had to be
// waited for.
func PathLine(times release.Times, all bool) string {
	names := map[string]string{}
	for _, run := range times.Steps {
		names[run.Key] = run.Name
	}
	legs := slices.DeleteFunc(slices.Clone(times.Path), func(l release.Leg) bool { return l.Took() < time.Millisecond })
	if len(legs) == 0 {
		return ""
	}
	least := time.Duration(0)
	if !all && len(legs) > legsNamed {
		least = worthNaming(legs)
	}
	var told []string
	for len(legs) > 0 {
		n := slices.IndexFunc(legs, func(l release.Leg) bool { return l.Took() >= least })
		if n < 0 {
			n = len(legs)
		}
		if n > 1 {
			told, legs = append(told, othersText(legs[:n])), legs[n:]
			continue
		}
		name := cmp.Or(Clean(names[legs[0].Step]), "the build")
		told, legs = append(told, name+" "+Duration(legs[0].Took())+legNote(legs[0])), legs[1:]
	}
	return "critical path of " + Duration(times.Took) + ": " + strings.Join(told, " → ")
}

// legsNamed is how many legs are named where there are more.
const legsNamed = 8

// worthNaming is how long a leg has to be to be named: one of the longest, and a twentieth of all of them.
func worthNaming(legs []release.Leg) time.Duration {
	var sum time.Duration
	took := make([]time.Duration, len(legs))
	for i, l := range legs {
		took[i] = l.Took()
		sum += took[i]
	}
	slices.Sort(took)
	return max(sum/20, took[len(took)-legsNamed])
}

// othersText is what there is to say of legs that are not named.
func othersText(legs []release.Leg) string {
	var sum time.Duration
	for _, l := range legs {
		sum += l.Took()
	}
	return itoa(len(legs)) + " others " + Duration(sum)
}

// legNote says what most of a leg is, and how much of it nothing was done in, where that counts.
func legNote(l release.Leg) string {
	var notes []string
	if what := cut(withoutOptions(oneLine(l.Text)), legText); l.Line > 0 {
		notes = append(notes, "line "+itoa(l.Line)+": "+what)
	} else if what != "" {
		notes = append(notes, what)
	}
	if l.Waited > l.Took()/10 && l.Waited > breath {
		notes = append(notes, "after "+Duration(l.Waited)+" in the queue")
	}
	if len(notes) == 0 {
		return ""
	}
	return " (" + strings.Join(notes, ", ") + ")"
}

// legText is how much of an instruction a leg shows.
const legText = 40
