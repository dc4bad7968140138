package project

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

// replicas takes deploy.replicas or scale; both at once have to agree.
func (c *converter) replicas(s types.ServiceConfig) int {
	n := s.GetScale()
	if s.Scale != nil && s.Deploy != nil && s.Deploy.Replicas != nil && *s.Scale != *s.Deploy.Replicas {
		c.add(c.at(servicePath(s.Name, "scale"), fmt.Sprintf("scale is %d, but deploy.replicas is %d", *s.Scale, *s.Deploy.Replicas), "remove one of the two"))
	}
	if n < 0 {
		c.add(c.at(servicePath(s.Name, "deploy", "replicas"), fmt.Sprintf("%s cannot have %d replicas", s.Name, n), "write 0 or more"))
	}
	return n
}

// resources takes the limits of deploy.resources, or else the older keys of the service itself; both have to agree.
func (c *converter) resources(s types.ServiceConfig) release.Resources {
	r := release.Resources{
		MemoryBytes: int64(s.MemLimit), MemoryReservation: int64(s.MemReservation), CPUs: cpus(s), PIDs: max(s.PidsLimit, 0),
	}
	if s.Deploy == nil {
		return r
	}
	if l := s.Deploy.Resources.Limits; l != nil {
		cpu := round(float64(l.NanoCPUs.Value()))
		c.agree(s.Name, "cpus", r.CPUs, "deploy.resources.limits.cpus", cpu)
		c.agree(s.Name, "mem_limit", float64(r.MemoryBytes), "deploy.resources.limits.memory", float64(l.MemoryBytes))
		c.agree(s.Name, "pids_limit", float64(r.PIDs), "deploy.resources.limits.pids", float64(l.Pids))
		r.CPUs, r.MemoryBytes, r.PIDs = max(r.CPUs, cpu), max(r.MemoryBytes, int64(l.MemoryBytes)), max(r.PIDs, l.Pids)
	}
	if l := s.Deploy.Resources.Reservations; l != nil {
		c.agree(s.Name, "mem_reservation", float64(r.MemoryReservation), "deploy.resources.reservations.memory", float64(l.MemoryBytes))
		r.MemoryReservation = max(r.MemoryReservation, int64(l.MemoryBytes))
	}
	return r
}

func (c *converter) agree(service, key string, a float64, other string, b float64) {
	if a != 0 && b != 0 && a != b {
		c.add(c.at(servicePath(service, key), fmt.Sprintf("%s and %s say different things", key, other), "remove one of the two"))
	}
}

func cpus(s types.ServiceConfig) float64 {
	if s.CPUS == 0 && s.CPUQuota > 0 {
		period := s.CPUPeriod
		if period == 0 {
			period = 100_000 // microseconds, the kernel's default
		}
		return round(float64(s.CPUQuota) / float64(period))
	}
	return round(float64(s.CPUS))
}

// round removes what is left of compose-go's float32: 0.1 is not 0.10000000149.
func round(cpus float64) float64 { return math.Round(cpus*1e6) / 1e6 }

// restart takes deploy.restart_policy before restart, as the specification says.
func (c *converter) restart(s types.ServiceConfig) release.Restart {
	if s.Deploy != nil && s.Deploy.RestartPolicy != nil {
		return c.restartPolicy(s.Name, s.Deploy.RestartPolicy)
	}
	policy, attempts, limited := strings.Cut(s.Restart, ":")
	r := release.Restart{}
	switch policy {
	case "":
	case "no":
		r.Condition = "none"
	case "always", "unless-stopped":
		r.Condition = "any"
	case "on-failure":
		r.Condition = "on-failure"
	default:
		c.add(c.at(servicePath(s.Name, "restart"), fmt.Sprintf("restart cannot be %q", s.Restart), "write no, always, on-failure, on-failure:3 or unless-stopped"))
	}
	if limited {
		n, err := strconv.ParseUint(attempts, 10, 31)
		if err != nil || policy != "on-failure" {
			c.add(c.at(servicePath(s.Name, "restart"), fmt.Sprintf("restart cannot be %q", s.Restart), "a number of attempts goes with on-failure: on-failure:3"))
		}
		r.MaxAttempts = int(n)
	}
	return r
}

func (c *converter) restartPolicy(service string, p *types.RestartPolicy) release.Restart {
	r := release.Restart{Condition: p.Condition, Delay: duration(p.Delay), Window: duration(p.Window)}
	if p.MaxAttempts != nil {
		r.MaxAttempts = int(*p.MaxAttempts)
	}
	switch p.Condition {
	case "", "any", "on-failure", "none":
	case "unless-stopped", "always":
		r.Condition = "any"
	default:
		c.add(c.at(servicePath(service, "deploy", "restart_policy", "condition"), fmt.Sprintf("condition cannot be %q", p.Condition), "write any, on-failure or none"))
	}
	return r
}

func (c *converter) updatePolicy(service, key string, u *types.UpdateConfig) release.UpdatePolicy {
	if u == nil {
		return release.UpdatePolicy{}
	}
	p := release.UpdatePolicy{
		Order: release.Order(u.Order), Delay: release.Duration(u.Delay), Monitor: release.Duration(u.Monitor),
		FailureAction: release.FailureAction(u.FailureAction), MaxFailureRatio: round(float64(u.MaxFailureRatio)),
	}
	if u.Parallelism != nil {
		p.Parallelism = int(*u.Parallelism)
	}
	switch p.FailureAction {
	case "", release.ActionRollback, release.ActionPause, release.ActionContinue:
	default:
		c.add(c.at(servicePath(service, "deploy", key, "failure_action"), fmt.Sprintf("failure_action cannot be %q", u.FailureAction), "write rollback, pause or continue"))
	}
	return p
}
