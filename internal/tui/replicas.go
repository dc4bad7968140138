package tui

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// condition is what is worth saying of a replica in one word.
func condition(r *release.Replica) string {
	switch r.State {
	case release.StateExited:
		return exitLine(r)
	case release.StateCreated:
		return "created"
	}
	if r.Health == release.HealthUnchecked || r.Health == "" {
		return "running"
	}
	return Clean(string(r.Health))
}

// exitLine says how a replica ended.
func exitLine(r *release.Replica) string {
	switch {
	case r.OOMKilled:
		return "out of memory"
	case r.Stopped:
		return "stopped"
	case !r.ExitKnown:
		return "exited"
	}
	return "exited (code " + itoa(r.ExitCode) + ")"
}

func conditionTone(r *release.Replica) Tone {
	switch {
	case r.State == release.StateExited && (r.OOMKilled || r.ExitCode != 0 && !r.Stopped):
		return Bad
	case r.State == release.StateExited:
		return Dim
	case r.Health == release.HealthUnhealthy:
		return Bad
	case r.State == release.StateCreated || r.Health == release.HealthStarting:
		return Active
	}
	return Good
}

// served reports whether a replica has been there before the deployment, and is well.
func (v *view) served(r *release.Replica) bool {
	return (v.deployment == nil || r.Deployment < v.deployment.Number) && conditionTone(r) == Good
}

// leaves reports whether a replica was there before the deployment and is well, or is being stopped, which that step tells.
func (v *view) leaves(r *release.Replica) bool {
	if v.deployment == nil || r.Deployment >= v.deployment.Number {
		return false
	}
	stop := v.stopOf(r)
	return conditionTone(r) == Good || stop != nil && stop.state != event.Pending
}

// changeReplica takes in how a replica is. What was wrong with it before it was stopped stays known: that is why it was.
func (v *view) changeReplica(r *release.Replica) {
	v.replicas[r.ID] = r
	switch stop := v.stopOf(r); {
	case conditionTone(r) == Bad:
		v.wrong[r.ID] = r
	case conditionTone(r) == Good && (stop == nil || stop.state == event.Pending || stop.state == event.Skipped):
		delete(v.wrong, r.ID)
	}
}

// replicaName is what people call a replica: "web-1".
func replicaName(r *release.Replica) string { return Clean(r.Service) + "-" + itoa(r.Index) }

// byService groups the replicas that are known, the newest deployment's first.
func (v *view) byService() (services []string, of map[string][]*release.Replica) {
	of = map[string][]*release.Replica{}
	for _, r := range v.replicas {
		if r.State == release.StateExited && v.deployment != nil && r.Deployment < v.deployment.Number {
			continue // replaced, as it should be
		}
		of[r.Service] = append(of[r.Service], r)
	}
	for _, replicas := range of {
		slices.SortFunc(replicas, func(a, b *release.Replica) int {
			return cmp.Or(b.Deployment-a.Deployment, a.Index-b.Index, strings.Compare(a.ID, b.ID))
		})
	}
	return slices.Sorted(maps.Keys(of)), of
}

// replicaLines has a line for each service: a glyph for each replica, and how many are in which condition; apart from those, the
// ones that make way for them.
func (v *view) replicaLines(o Output) []string {
	services, of := v.byService()
	if len(services) == 0 {
		return nil
	}
	width := 0
	for _, service := range services {
		width = max(width, ansi.StringWidth(Clean(service)))
	}
	lines := []string{""}
	for _, service := range services {
		line := "  " + pad(Clean(service), width)
		stay, old := v.replaced(of[service])
		for _, part := range []struct {
			replicas  []*release.Replica
			condition func(*release.Replica) string
		}{{stay, condition}, {old, oldCondition}} {
			if len(part.replicas) > 0 {
				line += "  " + replicaGlyphs(o, part.replicas) + "  " + o.Paint(Dim, conditions(part.replicas, part.condition))
			}
		}
		lines = append(lines, line)
	}
	return lines
}

// stopOf is the operation that stops a replica, nil where it stays.
func (v *view) stopOf(r *release.Replica) *step { return v.byKey["rollout:stop "+r.ID] }

// replaced parts those of a service's replicas that make way for new ones from the others.
func (v *view) replaced(replicas []*release.Replica) (stay, old []*release.Replica) {
	isNew := func(r *release.Replica) bool { return v.deployment != nil && r.Deployment == v.deployment.Number }
	if !slices.ContainsFunc(replicas, isNew) {
		return replicas, nil
	}
	for _, r := range replicas {
		if isNew(r) || v.stopOf(r) == nil {
			stay = append(stay, r)
		} else {
			old = append(old, r)
		}
	}
	return stay, old
}

// oldCondition is the condition of a replica that makes way.
func oldCondition(r *release.Replica) string {
	if conditionTone(r) == Good {
		return "old"
	}
	return "old " + condition(r)
}

// maxGlyphs is how many replicas are drawn; more are only counted.
const maxGlyphs = 24

func replicaGlyphs(o Output, replicas []*release.Replica) string {
	var b strings.Builder
	for _, r := range replicas[:min(len(replicas), maxGlyphs)] {
		glyph := "●"
		switch {
		case r.State == release.StateExited:
			glyph = "○"
		case conditionTone(r) == Active:
			glyph = "◐"
		}
		b.WriteString(o.Paint(conditionTone(r), glyph))
	}
	return b.String()
}

// conditions counts: "2 healthy, 1 starting".
func conditions(replicas []*release.Replica, condition func(*release.Replica) string) string {
	var order []string
	n := map[string]int{}
	for _, r := range replicas {
		word := condition(r)
		if n[word] == 0 {
			order = append(order, word)
		}
		n[word]++
	}
	for i, word := range order {
		order[i] = itoa(n[word]) + " " + word
	}
	return strings.Join(order, ", ")
}

// runningReplicas counts a service's replicas that run.
func runningReplicas(replicas []*release.Replica) (n int) {
	for _, r := range replicas {
		if r.State == release.StateRunning {
			n++
		}
	}
	return n
}
