package tui

import (
	"errors"
	"slices"
	"strings"

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
		lines = append(lines, o.Paint(Dim, "│ … "+Count(lost, "line")+" before"))
	}
	for _, line := range head {
		lines = append(lines, o.Paint(Dim, "│ ")+line)
	}
	if len(head) < len(log) {
		lines = append(lines, o.Paint(Dim, "│ … the end is below"))
	}
	return lines
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

// failedReplicas says of each replica of the failed deployment that is not well, why.
func (v *view) failedReplicas(o Output) []string {
	if v.deployment == nil || v.deployment.Result != release.Failed && v.deployment.Result != release.RolledBack {
		return nil
	}
	var lines []string
	services, of := v.byService()
	for _, service := range services {
		for _, r := range of[service] {
			if r.Deployment == v.deployment.Number && conditionTone(r) == Bad {
				line := o.Paint(Bad, "✗") + " " + replicaName(r) + "  " + o.Paint(Bad, condition(r))
				if r.Detail != "" {
					line += "  " + o.Paint(Dim, oneLine(r.Detail))
				}
				lines = append(lines, line)
			}
		}
	}
	return lines
}
