package export

import (
	"strconv"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

func duration(d release.Duration) *types.Duration {
	if d == 0 {
		return nil
	}
	out := types.Duration(d)
	return &out
}

func number(n int) *uint64 {
	if n == 0 {
		return nil
	}
	out := uint64(n)
	return &out
}

func health(h *release.Health) *types.HealthCheckConfig {
	switch {
	case h == nil:
		return nil
	case h.Disabled():
		return &types.HealthCheckConfig{Disable: true}
	}
	return &types.HealthCheckConfig{
		Test: h.Test, Interval: duration(h.Interval), Timeout: duration(h.Timeout), Retries: number(h.Retries),
		StartPeriod: duration(h.StartPeriod), StartInterval: duration(h.StartInterval),
	}
}

// restart is for all that runs Compose. Seaworthy starts again what ends unless it is told otherwise, Docker does not.
func restart(r release.Restart) string {
	switch r.Condition {
	case "none":
		return "no"
	case "on-failure":
		if r.MaxAttempts > 0 {
			return "on-failure:" + strconv.Itoa(r.MaxAttempts)
		}
		return "on-failure"
	}
	return "unless-stopped"
}

// restartPolicy says what restart cannot.
func restartPolicy(r release.Restart) *types.RestartPolicy {
	if r.Delay == 0 && r.Window == 0 && (r.MaxAttempts == 0 || r.Condition == "on-failure") {
		return nil
	}
	condition := r.Condition
	if condition == "" {
		condition = "any"
	}
	return &types.RestartPolicy{Condition: condition, Delay: duration(r.Delay), MaxAttempts: number(r.MaxAttempts), Window: duration(r.Window)}
}

func updatePolicy(p release.UpdatePolicy) *types.UpdateConfig {
	if p == (release.UpdatePolicy{}) {
		return nil
	}
	return &types.UpdateConfig{
		Parallelism: number(p.Parallelism), Delay: types.Duration(p.Delay), FailureAction: string(p.FailureAction),
		Monitor: types.Duration(p.Monitor), MaxFailureRatio: float32(p.MaxFailureRatio), Order: string(p.Order),
	}
}

func resources(r release.Resources) types.Resources {
	var out types.Resources
	if r.CPUs != 0 || r.MemoryBytes != 0 || r.PIDs != 0 {
		out.Limits = &types.Resource{NanoCPUs: types.NanoCPUs(r.CPUs), MemoryBytes: types.UnitBytes(r.MemoryBytes), Pids: r.PIDs}
	}
	if r.MemoryReservation != 0 {
		out.Reservations = &types.Resource{MemoryBytes: types.UnitBytes(r.MemoryReservation)}
	}
	return out
}
