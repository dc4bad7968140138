package cli

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seaworthyhq/seaworthy/internal/api"
	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/phrase"
	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/tui"
)

// writeWhy explains the first of the stages, and below it those that made it run. Of many, unless all are asked for, it shows those
// that made it run itself, and those that it began with.
func writeWhy(out tui.Output, found []api.StepInfo, now time.Time, all bool) error {
	w := whyWriter{Output: out, found: found, now: now, brief: !all && len(found) > fewExplained, seen: map[string]bool{}}
	w.write(visit{StepInfo: found[0], cached: cachedSince(found[0])}, 0)
	w.began()
	if s := found[0]; !s.Cached.IsZero() && s.Skipped == "" && (s.Run == nil || !s.Run.Empty) {
		w.line(1, w.Paint(tui.Dim, "from cache last "+tui.Ago(s.Cached, w.now)))
	}
	return w.err
}

const (
	// fewExplained is how many stages are all explained, each within the one that it made run.
	fewExplained = 8
	// nearExplained is how many of more are explained of those that made the first one run itself, and how many reasons each has.
	nearExplained = 6
	// mostIndented is how far in a line may stand: what lies deeper does not stand deeper.
	mostIndented = 12
)

type whyWriter struct {
	tui.Output
	found  []api.StepInfo
	now    time.Time
	brief  bool
	seen   map[string]bool // steps by key
	near   int             // how many are explained of those that made the first one run itself
	beyond []visit         // what is not explained yet, where that is brief
	err    error
}

// visit is a stage as of the moment at which it made another one run; zero: of now.
type visit struct {
	api.StepInfo
	asOf   time.Time
	cached bool // it came from cache then
}

// later reports whether what is recorded of the stage is of a later time.
func (v visit) later() bool {
	return v.Run != nil && !v.Run.Empty && !v.asOf.IsZero() && v.Run.Started.After(v.asOf)
}

func (w *whyWriter) line(depth int, text string) {
	if depth > mostIndented {
		depth = mostIndented + depth%2 // what is said of a stage still stands further in than its name
	}
	if w.err == nil {
		w.err = w.Println(strings.Repeat("  ", depth) + text)
	}
}

// write explains a stage.
func (w *whyWriter) write(s visit, depth int) {
	name := w.Paint(tui.Strong, tui.Clean(s.Name))
	switch {
	case w.seen[s.Key]:
		w.line(depth, name+w.Paint(tui.Dim, " as above"))
		return
	case s.Skipped != "":
		w.seen[s.Key] = true
		w.line(depth, name+" is not built: "+tui.Clean(s.Skipped))
		return
	case s.Run != nil && s.Run.Empty:
		w.empty(s, depth)
		return
	case s.Run == nil && s.Missed != "":
		w.seen[s.Key] = true
		w.line(depth, name+" was not come to: "+tui.Clean(s.Missed))
		return
	case s.Run == nil:
		w.line(depth, name+" came from cache; that it ran is not recorded")
	case s.later():
		w.line(depth, name+" has run again since, "+tui.Ago(s.Run.Started, w.now)+"; why it ran then is no longer recorded")
		return
	default:
		w.line(depth, name+w.ran(s)+": "+w.Paint(toneOfStep(s.Run.State), s.Run.State))
	}
	w.seen[s.Key] = true
	if s.Run != nil {
		w.because(*s.Run, depth+1)
		w.outcome(*s.Run, depth+1)
	}
	if s.Missed != "" && depth == 0 {
		w.line(depth+1, "the last build did not come to it: "+tui.Clean(s.Missed))
	}
}

// ran says when a stage ran, and what it was since.
func (w *whyWriter) ran(s visit) string {
	when := tui.Ago(s.Run.Started, w.now) + ", in " + tui.Duration(s.Run.Took())
	if !s.cached {
		return " ran " + when
	}
	if s.Other {
		when += ", with other inputs"
	}
	return " came from cache; it ran last " + when
}

// cachedSince reports whether a stage has come from cache since it ran, and what was recorded then does not hold of it: it did not end
// well, or was made of something else.
func cachedSince(s api.StepInfo) bool {
	return s.Other || s.Run != nil && s.Run.State != string(event.Done) && s.Cached.After(s.Run.Ended)
}

func (w *whyWriter) because(run release.StepRun, depth int) {
	if len(run.Because) == 0 {
		w.line(depth, w.Paint(tui.Dim, "why is not recorded"))
	}
	shown, more := run.Because, []release.Reason(nil)
	if w.brief && len(shown) > nearExplained {
		shown = ownFirst(shown)
		shown, more = shown[:nearExplained], shown[nearExplained:]
	}
	for _, r := range shown {
		w.line(depth, tui.Clean(r.Text))
		if onlyGit(r) {
			w.line(depth+1, w.Paint(tui.Dim, "hint: git changes its own files with each command; .git in .dockerignore leaves them out of the build"))
		}
		if r.Kind.OfStage() {
			w.each(w.causes(r, run), depth+1)
		}
	}
	for _, r := range more {
		if r.Kind.OfStage() {
			w.beyond = append(w.beyond, w.causes(r, run)...)
		}
	}
	if len(more) > 0 {
		w.rest(depth, phrase.Count(len(more), "more reason"))
	}
}

// ownFirst are the reasons, those that lie in other stages last.
func ownFirst(because []release.Reason) []release.Reason {
	ofStage := func(r release.Reason) bool { return r.Kind.OfStage() }
	own := func(r release.Reason) bool { return !ofStage(r) }
	return append(slices.DeleteFunc(slices.Clone(because), ofStage), slices.DeleteFunc(slices.Clone(because), own)...)
}

// rest says that there is more.
func (w *whyWriter) rest(depth int, what string) {
	w.line(depth, w.Paint(tui.Dim, "… "+what+": --verbose shows all"))
}

// empty explains a stage for which nothing is made by what it is FROM.
func (w *whyWriter) empty(s visit, depth int) {
	w.seen[s.Key] = true
	from := w.visits(s.Run.After, s)
	text := w.Paint(tui.Strong, tui.Clean(s.Name)) + " runs nothing"
	for _, f := range from {
		text += ": it is what " + tui.Clean(f.Name) + " is"
	}
	w.line(depth, text)
	w.each(from, depth+1)
}

// visits are those of the stages that have one of the keys, each as of then.
func (w *whyWriter) visits(keys []string, then visit) (all []visit) {
	for _, key := range keys {
		if i := slices.IndexFunc(w.found, func(s api.StepInfo) bool { return s.Key == key }); i >= 0 {
			v := visit{StepInfo: w.found[i], asOf: then.asOf, cached: then.cached}
			if v.asOf.IsZero() {
				v.cached = cachedSince(v.StepInfo)
			}
			all = append(all, v)
		}
	}
	return all
}

// causes are the stages that a reason names, as they were when it made a stage run.
func (w *whyWriter) causes(r release.Reason, run release.StepRun) []visit {
	return w.visits(r.Names, visit{asOf: run.Ended, cached: r.Kind == release.ReasonStage})
}

// each explains stages where they made another one run. Where that is brief, those that are further away wait.
func (w *whyWriter) each(all []visit, depth int) {
	for _, v := range all {
		if w.brief && (depth > 2 || w.near >= nearExplained) {
			w.beyond = append(w.beyond, v)
			continue
		}
		w.near++
		w.write(v, depth)
	}
}

// began explains, of the stages that are not explained yet, those that it began with, and those that ran for something of their own
// besides.
func (w *whyWriter) began() {
	var first, besides []visit
	between := map[string]bool{}
	for i := 0; i < len(w.beyond); i++ { // grows
		v := w.beyond[i]
		if w.seen[v.Key] || between[v.Key] {
			continue
		}
		between[v.Key] = true
		next := w.before(v)
		switch {
		case len(next) == 0:
			first = append(first, v)
		case slices.ContainsFunc(v.Run.Because, func(r release.Reason) bool { return !r.Kind.OfStage() }):
			besides = append(besides, v)
		}
		w.beyond = append(w.beyond, next...)
	}
	shown := besides[:min(len(besides), nearExplained/2)]
	if n := len(between) - len(first) - len(shown); n > 0 {
		text := phrase.Count(n, "stage") + " between"
		if more := len(besides) - len(shown); more > 0 {
			text += ", " + strconv.Itoa(more) + " of them for something of their own too"
		}
		w.rest(1, text)
	}
	shown = append(shown[:len(shown):len(shown)], first[:min(len(first), nearExplained)]...)
	for _, v := range shown {
		w.write(v, 1)
	}
	if more := len(first) - nearExplained; more > 0 {
		w.rest(1, phrase.Count(more, "more stage")+" that it began with")
	}
}

// before are the stages that explain why a stage ran, or what it is; none where it explains itself, or nothing does.
func (w *whyWriter) before(v visit) (all []visit) {
	switch {
	case v.Run == nil, v.Skipped != "", v.later():
	case v.Run.Empty:
		return w.visits(v.Run.After, v)
	default:
		for _, r := range v.Run.Because {
			if r.Kind.OfStage() {
				all = append(all, w.causes(r, *v.Run)...)
			}
		}
	}
	return all
}

// onlyGit reports whether nothing but what git keeps for itself is another thing: reasons name that last.
func onlyGit(r release.Reason) bool {
	return r.Kind == release.ReasonFiles && len(r.Names) > 0 && strings.Contains("/"+r.Names[0][1:], "/.git/")
}

// outcome says what a check found and how a step failed.
func (w *whyWriter) outcome(run release.StepRun, depth int) {
	if run.Tests.Total > 0 {
		w.line(depth, w.Paint(tui.Dim, tui.TestsText(run.Tests, run.Failures)))
	}
	if run.Error != "" {
		w.line(depth, tui.Clean(run.Error))
	}
}
