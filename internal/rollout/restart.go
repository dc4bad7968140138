package rollout

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/seaworthyhq/seaworthy/internal/phrase"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// PlanRestart restarts the replicas of services that serve, one after the other: out of the traffic, drained, stopped,
// started, well, back. No names mean all services but one-shots. A service that is to restart with one it depends on
// does so. What has done its work runs again only where its service is named. The only replica of a service has its requests held
// meanwhile. It is pure.
func PlanRestart(o Observed, env release.Environment, services []string) Plan {
	r := &restarter{planner: newPlanner(o, Desired{Environment: env, Generation: o.Serving.generation()})}
	config := o.Serving.generation().Config
	chosen := restarted(config, services)
	var names, before []string
	for _, name := range dependencyOrder(config) {
		if !slices.Contains(chosen, name) {
			continue
		}
		mine := r.restartable(name, slices.Contains(services, name))
		if len(mine) == 0 {
			continue
		}
		names = append(names, name)
		before = r.service(name, mine, before)
	}
	title := "restart " + strings.Join(names, ", ")
	if len(r.operations) == 0 {
		title = "nothing to restart"
	}
	return Plan{Environment: env, Title: title, Changes: r.changed, Operations: r.operations}
}

// planReadmit ends a restart that failed: what is stopped starts again, and all that served belongs to what serves again. It does
// not wait for any of it: who balances leaves out what is not well, and who supervises starts what ends.
func planReadmit(o Observed, env release.Environment, to Serving) Plan {
	p := newPlanner(o, Desired{Environment: env, Generation: to.Generation})
	var started []string
	for _, name := range p.order {
		for _, r := range p.replicasOf(name) {
			if r.State == release.StateRunning || !to.routes(r) || p.changes[name].want.Completed(r) {
				continue
			}
			again := p.again(p.changes[name], r)
			started = append(started, p.add(Operation{
				Key: "start " + r.ID, Kind: Start, Service: name, ID: r.ID, Index: r.Index, Replica: &again, Tolerate: len(to.Replicas[name]),
			}))
		}
	}
	p.add(Operation{Key: "admit all", Kind: Route, Serving: &to, Effect: "admit all that served"}, started)
	return Plan{Environment: env, Title: "end the restart", Operations: p.operations}
}

// restarter makes the plan of a restart. Its operations form one chain: each Route says where all traffic goes, so two
// restarts at once would have to know of each other.
type restarter struct {
	*planner
	changed []Change
}

// restarted are the services to restart: the named ones and those that restart with them.
func restarted(c release.Config, named []string) []string {
	var chosen []string
	for _, name := range dependencyOrder(c) {
		s := c.Service(name)
		with := slices.ContainsFunc(s.DependsOn, func(d release.Dependency) bool {
			return d.Restart && slices.Contains(chosen, d.Service)
		})
		if slices.Contains(named, name) || len(named) == 0 && !s.OneShot || with {
			chosen = append(chosen, name)
		}
	}
	return chosen
}

// restartable are the replicas of a service that restart.
func (r *restarter) restartable(service string, named bool) []release.Replica {
	c := r.changes[service]
	return slices.DeleteFunc(r.replicasOf(service), func(o release.Replica) bool {
		return o.Spec != c.spec || !named && c.want.Completed(o)
	})
}

// service restarts replicas of one service; it returns what the next one waits for.
func (r *restarter) service(name string, mine []release.Replica, before []string) []string {
	c := r.changes[name]
	for _, replica := range mine {
		if r.serving.routes(replica) {
			before = r.routed(c, replica, before)
		} else {
			before = r.replica(c, replica, before)
		}
	}
	change := Change{Service: name, Action: "restart " + phrase.Count(len(mine), "replica")}
	if w, held := r.held[name]; held {
		change.Interruption = fmt.Sprintf("requests to %s wait while it restarts, at most %s", name, people(w.forth))
	}
	r.changed = append(r.changed, change)
	return before
}

// routed restarts a replica that takes traffic: without it, and then with it again.
func (r *restarter) routed(c *change, o release.Replica, before []string) []string {
	rest := r.without(o)
	verb := "withdraw %"
	if len(rest.Held) > 0 {
		verb = "hold " + o.Service
	}
	withdraw := Operation{
		Key: "withdraw " + o.ID, Kind: Route, Service: o.Service, ID: o.ID, Index: o.Index, Serving: rest, Effect: verb,
	}
	before = []string{r.add(withdraw, before)}
	before = []string{r.drain(o, false, before)}
	before = r.replica(c, o, before)
	admit := Operation{
		Key: "admit " + o.ID, Kind: Route, Service: o.Service, ID: o.ID, Index: o.Index, Serving: r.serving, Effect: "admit %",
	}
	r.add(admit, before)

	if limit := worst(r.operations, withdraw.Key, admit.Key); len(rest.Held) > 0 {
		rest.Held[0].Limit = release.Duration(limit)
		r.held[o.Service] = wait{forth: limit}
	}
	return []string{admit.Key}
}

// replica stops and starts a replica and waits for it.
func (r *restarter) replica(c *change, o release.Replica, before []string) []string {
	if o.State == release.StateRunning {
		before = []string{r.stop(o, "", false, before)}
	}
	again := r.again(c, o)
	start := r.add(Operation{
		Key: "start " + o.ID, Kind: Start, Service: o.Service, ID: o.ID, Index: o.Index, Replica: &again,
	}, before)
	return []string{r.await(c, o.ID, o.Index, []string{start})}
}

// without is the traffic without one replica, its service held if that was the last.
func (r *restarter) without(o release.Replica) *Serving {
	s := &Serving{Generation: r.serving.Generation, Replicas: maps.Clone(r.serving.Replicas)}
	s.Replicas[o.Service] = without(s.Replicas[o.Service], []release.Replica{o})
	if len(s.Replicas[o.Service]) == 0 {
		delete(s.Replicas, o.Service)
		s.Held = []Hold{{Service: o.Service}}
	}
	return s
}
