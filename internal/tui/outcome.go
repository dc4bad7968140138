package tui

import (
	"strings"
	"time"

	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// outcome is the last line: what is true now.
func (v *view) outcome(o Output, err error, now time.Time) string {
	took := o.Paint(Dim, "  "+Duration(now.Sub(v.began)))
	switch {
	case v.deployment != nil && v.deployment.Result != release.Running:
		return v.deploymentOutcome(o) + took
	case err != nil:
		return ""
	case v.plan != nil && v.plan.Empty && len(v.plan.Changes) == 0:
		return o.Paint(Good, "✓") + " " + Clean(v.plan.Environment.String()) + " is down: nothing to do" + took
	case v.plan != nil && v.plan.Empty:
		return o.Paint(Good, "✓") + " " + Clean(v.plan.Environment.String()) + " is up to date" + v.releaseSuffix() + took
	case v.planned():
		return planOutcome(o, *v.plan) + took
	case v.plan != nil && v.release == nil: // a restart: no deployment was made
		return o.Paint(Good, "✓") + " " + o.Paint(Strong, Clean(v.plan.Environment.String())) + " restarted: " + changed(v.plan.Changes) + took
	case v.release != nil:
		known := "recorded"
		if v.release.Known {
			known = "was recorded before: equal content"
		}
		return o.Paint(Good, "✓") + " release " + Clean(v.release.ID.Short()) + " " + known + took
	case len(v.stages()) > 0 && v.plan == nil:
		return o.Paint(Good, "✓") + " built" + took
	}
	return ""
}

func changed(changes []event.Change) string {
	names := make([]string, len(changes))
	for i, c := range changes {
		names[i] = Clean(c.Service)
	}
	return strings.Join(names, ", ")
}

func (v *view) releaseSuffix() string {
	if v.release == nil {
		return ""
	}
	return ": " + Clean(v.release.ID.Short())
}

func (v *view) deploymentOutcome(o Output) string {
	d := v.deployment
	name := Clean(d.Environment.Project) + "/" + Clean(d.Name())
	switch d.Result {
	case release.Succeeded:
		if d.Cause == release.CauseDown {
			return o.Paint(Good, "✓") + " " + name + " is down"
		}
		line := o.Paint(Good, "✓") + " " + o.Paint(Strong, name) + " serves " + Clean(d.Release.Short())
		if counts := v.replicaCounts(); counts != "" {
			line += o.Paint(Dim, "  "+counts)
		}
		return line
	case release.RolledBack:
		return o.Paint(Warning, "↺") + " " + name + " was rolled back: what ran before serves"
	case release.Cancelled:
		return o.Paint(Warning, "■") + " " + name + " was cancelled"
	}
	return o.Paint(Bad, "✗") + " " + name + " failed"
}

func (v *view) replicaCounts() string {
	services, of := v.byService()
	var counts []string
	for _, service := range services {
		if n := runningReplicas(of[service]); n > 0 {
			counts = append(counts, itoa(n)+" × "+Clean(service))
		}
	}
	return strings.Join(counts, ", ")
}
