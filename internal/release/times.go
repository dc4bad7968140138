package release

import "time"

// Times are all steps of a pipeline with their times, and what its end waited for.
type Times struct {
	Steps []StepRun `json:"steps"`          // in the order of the graph
	Path  []Leg     `json:"path,omitempty"` // the critical path: to shorten the whole, one of these has to get shorter
	// Took is how long all of it took, in nanoseconds: the path, and what lies before and after it.
	Took time.Duration `json:"took"`
}

// Leg is a stretch of the critical path: from when what it waited for had ended to its own end. Each begins where the one before
// it ends, so they add up.
type Leg struct {
	Step string `json:"step,omitempty"` // key; none for what belongs to no step
	Line int    `json:"line,omitempty"` // of the instruction that most of it is, or is done for, in the Dockerfile of the step
	Text string `json:"text,omitempty"` // of that instruction, or what is done besides
	Spell
	// Waited is how much of it, in nanoseconds, nothing was done in, for want of a free place to work in.
	Waited time.Duration `json:"waited,omitempty"`
}

// Span is a piece of work of a step, as far as the critical path needs it.
type Span struct {
	Key   string
	After []string // keys of what it takes from
	Of    []Part   // of the steps that share the work
	// Worked is when it was worked on, in order. None: it did not have to be looked at, and only ties what comes after to what came
	// before. Several: it was looked at for one of those that take from it, and again for others.
	Worked Spells
}

// Part is what a Span is in one of the steps that share it.
type Part struct {
	Step string // key
	Line int    // of its instruction; 0: none
	Text string
}
