package tui

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/phrase"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// failureLog is the log of a step that failed, whole, but for the end that the error which is shown next has anyway.
func failureLog(o Output, s *step, err error) []string {
	log := slices.Clone(s.log.lines)
	for i := range log {
		log[i] = strings.TrimRight(Clean(log[i]), " ")
	}
	head := log[:len(log)-repeated(log, detailOf(err))]
	if len(head) == 0 {
		return nil
	}
	lines := []string{"", o.Paint(Strong, "log of "+Clean(s.Name))}
	if lost := s.log.lost; lost > 0 {
		lines = append(lines, o.Paint(Dim, "│ … "+phrase.Count(lost, "line")+" before"))
	}
	for _, line := range head {
		lines = append(lines, o.Paint(Dim, "│ ")+line)
	}
	if len(head) < len(log) {
		lines = append(lines, o.Paint(Dim, "│ … the end is below"))
	}
	return lines
}

// unfinishedShown is how many stages that were interrupted show the end of their logs.
const unfinishedShown = 3

// unfinishedLogs are the ends of the logs of stages that were interrupted: what one that hangs has said last may be why it was.
func (v *view) unfinishedLogs(o Output) []string {
	steps := v.where(func(s *step) bool {
		return (s.state == event.Started || s.halted() != nil) && s.Role != rolloutRole && len(s.log.lines) > 0
	})
	var lines []string
	for _, s := range steps[:min(len(steps), unfinishedShown)] {
		lines = append(lines, "", o.Paint(Strong, "end of the log of "+Clean(s.Name)))
		for _, line := range s.log.last(tailFailed) {
			lines = append(lines, strings.TrimRight(o.Paint(Dim, "│ ")+Clean(line), " "))
		}
	}
	return lines
}

// goingOn names the checks that run on although one has failed.
func (v *view) goingOn() []string {
	var names []string
	for _, s := range v.steps {
		if s.Role == checkRole && s.state == event.Started && s.running() != nil {
			names = append(names, Clean(s.Name))
		}
	}
	return names
}

// goesOnAfter is how long after the last failure it is said that checks go on.
const goesOnAfter = 3 * time.Second

// beside are the lines about a check that failed while others run, for which there may be no end to wait: the end of its log, if that
// does not stand right above.
func (p *plain) beside(s *step) []string {
	if s.Role != checkRole || len(p.view.goingOn()) == 0 {
		return nil
	}
	if p.goesOn == nil {
		p.goesOn = time.AfterFunc(goesOnAfter, p.tellGoingOn)
	}
	p.goesOn.Reset(goesOnAfter)
	end := s.log.last(tailFailed)
	if p.writer == s.Key && p.alone >= len(end) {
		return nil
	}
	var lines []string
	for _, line := range end {
		lines = append(lines, "["+Clean(s.Name)+"] │ "+Clean(line))
	}
	return lines
}

// tellGoingOn says what the end is waited for, and how not to.
func (p *plain) tellGoingOn() {
	p.mu.Lock()
	defer p.mu.Unlock()
	names := p.view.goingOn()
	if p.closed || len(names) == 0 {
		return
	}
	failed := p.view.where(func(s *step) bool { return s.Role == checkRole && s.state == event.Failed })
	text := phrase.Count(len(failed), "check") + " failed; " + phrase.First(names, 3)
	if len(names) == 1 {
		text += " goes on: Ctrl-C ends it"
	} else {
		text += " go on: Ctrl-C ends them"
	}
	p.held = append(p.held, text)
	p.release()
}

// wrote notes whose line of log is written.
func (p *plain) wrote(l event.Log) {
	if p.writer != l.Step {
		p.writer, p.alone = l.Step, 0
	}
	p.alone++
}

// repeated is how many lines at the end of a log a detail has too.
func repeated(log []string, detail string) int {
	known := map[string]bool{"": true}
	for _, line := range cleanLines(detail) {
		known[strings.TrimSpace(line)] = true
	}
	n := 0
	for n < len(log) && known[strings.TrimSpace(log[len(log)-1-n])] {
		n++
	}
	return n
}

func detailOf(err error) string {
	if e, ok := errors.AsType[*release.UserError](err); ok {
		return e.Detail
	}
	return ""
}

// failedReplicas says of each replica of the failed deployment with which something is wrong, what. That it was stopped for the
// way back is nothing wrong.
func (v *view) failedReplicas(o Output) []string {
	if v.deployment == nil || v.deployment.Result != release.Failed && v.deployment.Result != release.RolledBack {
		return nil
	}
	var lines []string
	services, of := v.byService()
	for _, service := range services {
		for _, r := range of[service] {
			if r = v.wrong[r.ID]; r != nil && r.Deployment == v.deployment.Number {
				line := o.Paint(Bad, "✗") + " " + replicaName(r) + "  " + o.Paint(Bad, condition(r))
				if r.Detail != "" && !strings.Contains(r.Detail, "exited with code "+itoa(r.ExitCode)) { // else it says the same again
					line += "  " + o.Paint(Dim, oneLine(r.Detail))
				}
				lines = append(lines, line)
			}
		}
	}
	return lines
}
