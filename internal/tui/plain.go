package tui

import (
	"cmp"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// plain writes a line for each thing that happens, with the name of its step before it. It holds lines back until there is
// something to tell: a call that finds nothing to do says so in one line.
type plain struct {
	Options
	out Output

	mu     sync.Mutex // keeps lines in order and whole; guards what follows
	view   *view
	held   []string
	keep   []string // those of held that stay even if there was nothing to do
	open   bool
	closed bool
	result error // of Close
	timer  *time.Timer
	err    error
	// The step whose log was written last, and how many lines of it since anything of another one's was.
	writer string
	alone  int
	goesOn *time.Timer              // tells of checks that go on when one has failed
	ended  map[string]time.Duration // how long instructions took of which the end was told
}

func newPlain(o Options) *plain {
	p := &plain{Options: o, out: Output{Writer: o.Out, Color: o.Color == ColorAlways}, view: newView(time.Now()), ended: map[string]time.Duration{}}
	if IsTerminal(o.Out) { // a dumb one, or one whose user wants it plain
		p.out.Width, _ = sizeOf(o.Out)
	}
	p.timer = time.AfterFunc(patience, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if !p.closed {
			p.release()
		}
	})
	return p
}

// Emit writes the lines of one event.
func (p *plain) Emit(e event.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	was := p.view.earlier(e)
	p.view.apply(e, time.Now())
	lines := p.lines(e, was)
	p.held = append(p.held, lines...)
	if (e.Message != nil || e.Graph != nil) && !p.open {
		p.keep = append(p.keep, lines...)
	}
	if p.open || works(e) {
		p.release()
	}
}

// works reports whether an event says that there is something to do.
func works(e event.Event) bool {
	switch {
	case e.Log != nil:
		return true
	case e.Step != nil:
		return e.Step.State.Ended() && e.Step.State != event.Cached && e.Step.State != event.Skipped
	case e.Plan != nil:
		return !e.Plan.Empty
	}
	return false
}

// release writes what was held back, and from now on everything at once.
func (p *plain) release() {
	p.open = true
	if len(p.held) > 0 && p.err == nil {
		_, p.err = io.WriteString(p.out, strings.Join(p.held, "\n")+"\n")
	}
	p.held = nil
}

// lines are what is written of an event.
func (p *plain) lines(e event.Event, was earlier) []string {
	switch {
	case e.Message != nil:
		var lines []string
		for _, m := range p.view.newMessages() {
			lines = append(lines, messageLines(p.out, p.Options, m)...)
		}
		return lines
	case p.Quiet && e.Plan != nil:
		return planWarnings(p.out, *e.Plan)
	case p.Quiet && e.Step != nil && e.Step.State == event.Failed && p.view.step(e.Step.Key).Role == checkRole && len(p.view.goingOn()) > 0:
		return p.stepLines(*e.Step, was)
	case p.Quiet:
		return nil
	case e.Graph != nil && p.Stages:
		return p.view.listing(p.out, p.Options, *e.Graph)
	case e.Instruction != nil:
		return p.instructionLines(*e.Instruction, was.known)
	case e.Step != nil:
		return p.stepLines(*e.Step, was)
	case e.Report != nil:
		return []string{"[" + p.view.nameOf(e.Report.Step) + "] " + reportText(*e.Report)}
	case e.Log != nil:
		p.wrote(*e.Log)
		return []string{p.view.logLine(p.out, *e.Log)}
	case e.Plan != nil && !e.Plan.Empty:
		return planLines(p.out, *e.Plan)
	case e.Replica != nil && (was.known || !p.view.served(e.Replica)) && !p.view.leaves(e.Replica):
		return []string{"[" + replicaName(e.Replica) + "] " + condition(e.Replica)}
	case e.Deployment != nil && e.Deployment.Result == release.Running:
		return []string{deploymentLine(*e.Deployment)}
	}
	return nil
}

// deploymentLine says what is begun.
func deploymentLine(d release.Deployment) string {
	what := "deploy " + Clean(d.Release.Short())
	if d.Cause == release.CauseDown {
		what = "take " + Clean(d.Environment.String()) + " down"
	}
	return what + " as " + Clean(d.Name())
}

// instructionLines say when an instruction starts and when it fails, and if asked to also how the others end: again only where
// there was more to do than looking something up.
func (p *plain) instructionLines(in event.Instruction, begun bool) []string {
	text := oneLine(in.Text)
	switch {
	case in.State == event.Started && !begun:
	case in.State != event.Failed && p.ended[in.Digest] > 0 && in.Took < p.ended[in.Digest]+breath:
		return nil
	case in.State == event.Cached && p.Verbose:
		text = "cached: " + text
	case in.State == event.Done && p.Verbose:
		text = "done in " + Duration(in.Took) + ": " + text
	case in.State == event.Failed:
		text = "failed: " + text
		if in.Error != "" {
			text += ": " + oneLine(in.Error)
		}
	default:
		return nil
	}
	if in.State.Ended() {
		p.ended[in.Digest] = max(1, in.Took)
	}
	return []string{"[" + p.owners(in) + "] " + text}
}

// owners names the stages that an instruction belongs to; those of none are the build's own.
func (p *plain) owners(in event.Instruction) string {
	if len(in.Steps) == 0 {
		return "build"
	}
	return p.view.namesOf(in.Steps)
}

// stepLines say why a step did not come from cache and how it ended; a stage's start shows in its instructions, an operation's has
// a line.
func (p *plain) stepLines(e event.Step, was earlier) []string {
	s := p.view.step(e.Key)
	if s.Role == rolloutRole {
		return []string{"[" + p.rolloutName() + "] " + Clean(s.Name) + p.operationState(s)}
	}
	var lines []string
	for _, r := range s.because[min(was.reasons, len(s.because)):] {
		lines = append(lines, "["+Clean(s.Name)+"] because "+oneLine(r.Text))
	}
	text := ""
	switch e.State {
	case was.state: // it was told, and comes again with its reasons
	case event.Done:
		text = "done in " + Duration(s.took)
		if outcome := s.outcome(); outcome != "" && outcome != Clean(s.Why) {
			text += ": " + outcome
		}
	case event.Failed:
		text = "failed after " + Duration(s.took)
		if s.err != "" {
			text += ": " + oneLine(s.err)
		}
	case event.Cached:
		if !s.onlyFetches() { // whether it had to be fetched shows later
			text = s.outcome()
		}
	case event.Stopped:
		text = string(e.State)
	}
	if text != "" {
		lines = append(lines, "["+Clean(s.Name)+"] "+text)
	}
	if e.State == event.Failed && was.state != event.Failed {
		lines = append(lines, p.beside(s)...)
	}
	return lines
}

// rolloutName stands before the lines of operations.
func (p *plain) rolloutName() string {
	if p.view.deployment == nil {
		return rolloutRole
	}
	return Clean(p.view.deployment.Name())
}

// operationState is what follows an operation's name: nothing for one that starts.
func (p *plain) operationState(s *step) string {
	detail := ""
	if d := cmp.Or(s.err, s.detail); d != "" {
		detail = ": " + oneLine(d)
	}
	switch s.state {
	case event.Started:
		return detail
	case event.Done:
		return ": done in " + Duration(s.took) + detail
	case event.Failed:
		return ": failed after " + Duration(s.took) + detail
	}
	return ": " + string(s.state)
}

// earlier is what was told before of what an event is about.
type earlier struct {
	known   bool // the instruction has started, the replica is there
	state   event.State
	reasons int // how many
}

func (v *view) earlier(e event.Event) (was earlier) {
	switch {
	case e.Instruction != nil:
		in := v.instructions[e.Instruction.Digest]
		was.known = in != nil && !in.started.IsZero()
	case e.Step != nil:
		if s := v.byKey[e.Step.Key]; s != nil {
			was.state, was.reasons = s.state, len(s.because)
		}
	case e.Replica != nil:
		was.known = v.replicas[e.Replica.ID] != nil
	}
	return was
}

// Close writes the summary.
func (p *plain) Close(err error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.closed = true
		p.timer.Stop()
		if p.goesOn != nil {
			p.goesOn.Stop()
		}
		p.result = p.finish(err)
	}
	return p.result
}

func (p *plain) finish(err error) error {
	if err == nil {
		err = p.view.failure()
	}
	now := time.Now()
	if p.view.idle() && err == nil {
		if !p.open {
			p.held = p.keep
		}
	} else if stages := p.view.stageSummary(p.out, p.Options, now); len(stages) > 0 && !p.view.planned() { // a plan is the last word
		if !p.Quiet {
			p.held = append(p.held, "")
		}
		p.held = append(p.held, stages...)
	}
	p.held = append(p.held, p.view.summary(p.out, p.Options, err, now)...)
	if err == nil {
		p.release()
		return p.err
	}
	if len(p.held) > 0 {
		p.held = append(p.held, "")
	}
	p.release()
	Error(p.Err, err)
	return shown(err)
}
