package tui

import (
	"strings"
	"time"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

// PathLine is the critical path in words: "critical path of 13.1 s: builder 12.3 s (line 7: RUN make) → web 0.8 s". It is empty
// where nothing had to be waited for.
func PathLine(times release.Times) string {
	names := map[string]string{}
	for _, run := range times.Steps {
		names[run.Key] = run.Name
	}
	var legs []string
	for _, l := range times.Path {
		if l.Took() < time.Millisecond {
			continue
		}
		name := Clean(names[l.Step])
		if name == "" {
			name = "the build"
		}
		legs = append(legs, name+" "+Duration(l.Took())+legNote(l))
	}
	if len(legs) == 0 {
		return ""
	}
	return "critical path of " + Duration(times.Took) + ": " + strings.Join(legs, " → ")
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
