package machine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/runtime"
)

// The image specification's defaults for a health check
// (https://docs.docker.com/reference/dockerfile/#healthcheck).
const (
	defaultInterval = 30 * time.Second
	defaultRetries  = 3
)

// A replica that starts is asked often at first, so that a quick one serves at once, and then ever less often, so that a
// slow one is left to its work.
const (
	firstPause = 20 * time.Millisecond
	lastPause  = time.Second
)

// moment is how long it takes at most until the end of a replica is known, beside what ends with it.
const moment = 250 * time.Millisecond

// firstKnock is the time between the first two knocks at a port.
const firstKnock = time.Millisecond

func (h *health) ask(ctx context.Context, id string, p *patient, s release.Service) {
	switch {
	case s.Health != nil && len(s.Health.Test) > 0 && !s.Health.Disabled():
		h.probe(ctx, id, p, s)
	case knocks(s):
		h.knock(ctx, id, p, s)
	default:
		h.survive(ctx, id, p, s)
	}
}

// probe runs the health test for as long as the replica is followed.
func (h *health) probe(ctx context.Context, id string, p *patient, s release.Service) {
	test, started := *s.Health, time.Now()
	failures, pause := 0, firstPause
	p.closed = portsOf(s)
	if p.state == release.HealthHealthy {
		sleep(ctx, test.Interval.Or(defaultInterval))
	}
	// A replica that starts is asked at once: until the test's own process is up, a quick replica is up as well.
	for ; ctx.Err() == nil; h.pause(ctx, id, p, pause) {
		ok, output, err := h.runtime.Probe(ctx, id, test)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			output = err.Error()
		}
		output = strings.TrimSpace(output)
		switch {
		case ok:
			failures = 0
			h.set(id, p, release.HealthHealthy, output)
		default:
			failures++
			state := p.state
			if hopeless(p.state, failures, time.Since(started), test) {
				if h.ends(ctx, id) {
					return
				}
				state = release.HealthUnhealthy
			}
			h.set(id, p, state, output)
		}
		pause = nextPause(p.state, pause, test)
	}
}

// ends reports whether the replica has ended, or does so right now: a test that is cut off by that does not make it ill.
func (h *health) ends(ctx context.Context, id string) bool {
	ctx, cancel := context.WithTimeout(ctx, moment)
	defer cancel()
	_, err := h.runtime.Wait(ctx, id)
	return err == nil || errors.Is(err, runtime.ErrNotFound)
}

// hopeless reports whether a replica whose test has failed counts as unhealthy. One that starts is asked more often than its
// interval says; that must not take from the time that interval and retries give it, so there time counts.
func hopeless(state release.HealthState, failures int, age time.Duration, test release.Health) bool {
	retries := cmp.Or(test.Retries, defaultRetries)
	if state == release.HealthStarting {
		return age >= time.Duration(test.StartPeriod)+time.Duration(retries)*test.Interval.Or(defaultInterval)
	}
	return failures >= retries
}

func nextPause(state release.HealthState, last time.Duration, test release.Health) time.Duration {
	if state != release.HealthStarting {
		return test.Interval.Or(defaultInterval)
	}
	return min(2*last, test.StartInterval.Or(lastPause), test.Interval.Or(lastPause))
}

// pause lets time pass before the next test. One that starts may be asked sooner, once: when a port of it opens.
func (h *health) pause(ctx context.Context, id string, p *patient, limit time.Duration) {
	if p.state != release.HealthStarting || len(p.closed) == 0 {
		sleep(ctx, limit)
		return
	}
	glance := max(limit/20, time.Millisecond)
	for waited := time.Duration(0); waited < limit && sleep(ctx, glance); waited += glance {
		if h.runtime.Listens(id, p.closed...) {
			p.closed = nil
			return
		}
	}
}

// knocks reports whether nothing but its ports can tell whether a replica of the service is well.
func knocks(s release.Service) bool {
	return (s.Health == nil || len(s.Health.Test) == 0) && len(portsOf(s)) > 0
}

// knock waits until one of the ports answers; from then on the replica counts as well while it runs. One that may answer at none
// counts as well, too, once it has run for as long as one that can be asked nothing.
func (h *health) knock(ctx context.Context, id string, p *patient, s release.Service) {
	ports, started := portsOf(s), time.Now()
	for pause := firstKnock; ; pause = min(2*pause, lastPause) {
		if s.MayListen && len(s.Ports) == 0 && time.Since(started) >= s.Update.Monitor.Or(release.DefaultMonitor) {
			h.set(id, p, release.HealthUnchecked, "")
			return
		}
		for _, port := range ports {
			if conn, err := h.runtime.Dial(ctx, id, port); err == nil {
				_ = conn.Close() // only whether it answers counts
				h.set(id, p, release.HealthUnchecked, "")
				return
			}
		}
		h.set(id, p, p.state, unanswered(s))
		if !sleep(ctx, pause) {
			return
		}
	}
}

// unanswered says what is waited for where ports do not answer.
func unanswered(s release.Service) string {
	var ports []string
	for _, port := range portsOf(s) {
		ports = append(ports, strconv.Itoa(port))
	}
	whose := "which it publishes"
	if len(s.Ports) == 0 {
		whose = "which it or its image exposes"
	}
	if len(ports) > 1 {
		return fmt.Sprintf("none of the ports %s, %s, answers", strings.Join(ports, ", "), whose)
	}
	return fmt.Sprintf("port %s, %s, does not answer", ports[0], whose)
}

// survive lets time pass: there is nothing to ask the replica with.
func (h *health) survive(ctx context.Context, id string, p *patient, s release.Service) {
	if p.state == release.HealthStarting && !sleep(ctx, s.Update.Monitor.Or(release.DefaultMonitor)) {
		return
	}
	h.set(id, p, release.HealthUnchecked, "")
}

// portsOf are the TCP ports that a service is known to answer at: those that are published, else those it exposes.
func portsOf(s release.Service) []int {
	var ports []int
	for _, p := range s.Ports {
		if p.Protocol != "udp" {
			ports = append(ports, p.Target)
		}
	}
	if len(ports) > 0 {
		return ports
	}
	for _, e := range s.Expose {
		if e.Protocol != "udp" {
			ports = append(ports, e.Port)
		}
	}
	return ports
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
