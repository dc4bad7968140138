package release

import "time"

// StepRun is what became of a step of the pipeline, once: a stage of a Dockerfile, or an image that was brought in.
type StepRun struct {
	Key     string    `json:"key"`               // "stage:builder"
	Name    string    `json:"name"`              // for people
	Role    string    `json:"role"`              // image, check, lifecycle, other
	State   string    `json:"state"`             // how it ended: done, cached, failed, stopped, skipped
	Empty   bool      `json:"empty,omitempty"`   // it is what it takes from: nothing has to be made for it
	After   []string  `json:"after,omitempty"`   // keys of what it takes from
	Because []Reason  `json:"because,omitempty"` // why it did not come from cache
	Queued  time.Time `json:"queued,omitzero"`   // when what the first work on it takes from was there
	Started time.Time `json:"started,omitzero"`  // when it was worked on first, by the engine's clock; none: there was nothing to do
	Ended   time.Time `json:"ended,omitzero"`    // when the last work on it ended
	Worked  Spells    `json:"worked,omitempty"`  // when it was worked on; between these it waited
	// Waited is for how long it waited though all was there that it takes from, in nanoseconds: for a free place to work in.
	Waited time.Duration `json:"waited,omitempty"`
	Bytes  int64         `json:"bytes,omitempty"` // that it transferred
	Tests  Tests         `json:"tests,omitzero"`  // of a check that reports them
	// Failures are the names of tests that failed, the first ones.
	Failures []string `json:"failures,omitempty"`
	// Reports is the folder with the files of a check, relative to the project; empty: it has none.
	Reports string `json:"reports,omitempty"`
	Error   string `json:"error,omitempty"` // why it failed
}

// Took is how long the step was worked on: all of the time, where it is not recorded when.
func (r StepRun) Took() time.Duration {
	if len(r.Worked) == 0 {
		return r.Ended.Sub(r.Started)
	}
	return r.Worked.Took()
}

// Tests sums up the tests that a check ran; all zero: it reported none. It holds no times, so that equal outcomes are equal.
type Tests struct {
	Total   int `json:"total"`             // those that were skipped included
	Failed  int `json:"failed,omitempty"`  // how many did
	Skipped int `json:"skipped,omitempty"` // how many were
}

// ReasonKind is a kind of cause for which a step does not come from cache.
type ReasonKind string

// The kinds of reasons.
const (
	ReasonFirst       ReasonKind = "first"       // the step was never built here
	ReasonFiles       ReasonKind = "files"       // files that it takes from the context are others
	ReasonInstruction ReasonKind = "instruction" // the text of an instruction is another one
	ReasonArgument    ReasonKind = "argument"    // a build argument has another value
	ReasonVariable    ReasonKind = "variable"    // a variable of the environment has another value
	ReasonBase        ReasonKind = "base"        // the base image is another one
	ReasonIgnore      ReasonKind = "ignore"      // the ignore file keeps other files of the context from being sent
	ReasonAgain       ReasonKind = "again"       // a stage that it takes from ran again
	ReasonStage       ReasonKind = "stage"       // a stage that it takes from is another one than the last time, and was found
	ReasonFetched     ReasonKind = "fetched"     // what an instruction fetches is another thing
	ReasonGone        ReasonKind = "gone"        // the inputs are equal, and its entry in the cache was gone
	ReasonAsked       ReasonKind = "asked"       // somebody asked for it to be run again
	ReasonUnfinished  ReasonKind = "unfinished"  // it failed the last time, was stopped, or was not come to
	ReasonUnknown     ReasonKind = "unknown"     // what is another thing than the last time is not recorded
)

// OfStage reports whether the cause lies in another stage, whose key the reason names.
func (k ReasonKind) OfStage() bool { return k == ReasonAgain || k == ReasonStage }

// Reason is why a step did not come from cache. It is computed from the recorded inputs of this time and of the last.
type Reason struct {
	Kind ReasonKind `json:"kind"` // what sort of cause
	Text string     `json:"text"` // for people, a whole sentence without its full stop
	// File and Line say which instruction was the first to run for it.
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"` // from 1
	// Follows is the line of an instruction before it that came from cache and is another one, where the cause lies in that.
	Follows int `json:"follows,omitempty"`
	// Names are the paths ("+added", "-removed", "~modified", "=with another mode"), some of each kind, arguments, variables or
	// stages; of another base, it and the one before.
	Names    []string `json:"names,omitempty"`
	Added    int      `json:"added,omitempty"`    // files, all of them
	Removed  int      `json:"removed,omitempty"`  // files, all of them
	Modified int      `json:"modified,omitempty"` // files, all of them
	Modes    int      `json:"modes,omitempty"`    // files of which only the mode is another, all of them
	Was      string   `json:"was,omitempty"`      // digest or value before, where it is no secret
	Is       string   `json:"is,omitempty"`       // and now
}
