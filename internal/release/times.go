package release

import "time"

// Times are all steps of a pipeline with their times, and what its end waited for.
type Times struct {
	Steps []StepRun `json:"steps"`          // in the order of the graph
	Path  []Leg     `json:"path,omitempty"` // the critical path: to shorten the whole, one of these has to get shorter
	// Took is how long all of it took, in nanoseconds: the path, and what lies before and after it.
	Took time.Duration `json:"took"`
}

// Leg is a stretch of the critical path: from when what it waited for had ended to its own end. Each begins where the one before it
// ends.
type Leg struct {
	Step    string    `json:"step,omitempty"` // key; none for what belongs to no step
	Line    int       `json:"line,omitempty"` // of the instruction that most of it is, or is done for, in the Dockerfile of the step
	Text    string    `json:"text,omitempty"` // of that instruction, or what is done besides
	Started time.Time `json:"started"`        // by the engine's clock
	Ended   time.Time `json:"ended"`          // by the engine's clock
}

// Took is how long the end waited for it.
func (l Leg) Took() time.Duration { return l.Ended.Sub(l.Started) }

// Span is a piece of work of a step, as far as the critical path needs it.
type Span struct {
	Key   string
	After []string // keys of what it takes from
	Of    []Part   // of the steps that share the work
	// Started and Ended are zero for what did not have to be looked at: it only ties what comes after to what came before.
	Started, Ended time.Time
}

// Part is what a Span is in one of the steps that share it.
type Part struct {
	Step string // key
	Line int    // of its instruction; 0: none
	Text string
}

// Took is how long the work lasted.
func (s Span) Took() time.Duration { return s.Ended.Sub(s.Started) }
