package rollout

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

// String is the plan as people are shown it, as the ledger keeps it and as tests compare it: what happens to each service
// and why, what interrupts traffic and for how long, and the operations in numbered rounds. A round waits for what it
// needs of the rounds before; within it, everything happens at once.
func (p Plan) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", p.Environment, p.Title)
	if p.Empty() {
		return b.String()
	}
	b.WriteString(columns(p.Changes))
	for _, c := range p.Changes {
		if ports := c.exposed(); len(ports) > 0 {
			fmt.Fprintf(&b, "  ! the world can reach %s at %s\n", c.Service, portList(ports))
		}
		if c.Interruption != "" {
			fmt.Fprintf(&b, "  ! %s\n", c.Interruption)
		}
		if c.Warning != "" {
			fmt.Fprintf(&b, "  ! %s\n", c.Warning)
		}
	}
	for i, round := range rounds(p.Operations) {
		fmt.Fprintf(&b, "%3d. %s\n", i+1, strings.Join(sentences(round), "; "))
	}
	return b.String()
}

// columns aligns service, action and causes.
func columns(changes []Change) string {
	var name, action int
	for _, c := range changes {
		name = max(name, utf8.RuneCountInString(c.Service))
		action = max(action, utf8.RuneCountInString(c.Action))
	}
	var b strings.Builder
	for _, c := range changes {
		line := fmt.Sprintf("  %-*s  %-*s  %s", name, c.Service, action, c.Action, strings.Join(c.Causes, "; "))
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	return b.String()
}

// rounds groups operations by the longest way that leads to them.
func rounds(ops []Operation) [][]Operation {
	depth := map[string]int{}
	var all [][]Operation
	for _, op := range ops {
		d := 0
		for _, after := range op.After {
			d = max(d, depth[after]+1)
		}
		depth[op.Key] = d
		if d == len(all) {
			all = append(all, nil)
		}
		all[d] = append(all[d], op)
	}
	return all
}

// sentences says what operations do, those that do the same in one sentence.
func sentences(ops []Operation) []string {
	var verbs []string
	objects := map[string][]Operation{}
	for _, op := range ops {
		verb := op.verb()
		if !slices.Contains(verbs, verb) {
			verbs = append(verbs, verb)
		}
		objects[verb] = append(objects[verb], op)
	}
	var said []string
	for _, verb := range verbs {
		said = append(said, strings.Replace(verb, "%", listed(objects[verb]), 1))
	}
	return said
}

// String is the operation as a sentence: "start web 1".
func (o Operation) String() string { return sentences([]Operation{o})[0] }

// verb is the sentence with % in the place of the replicas.
func (o Operation) verb() string {
	switch o.Kind {
	case Prepare:
		return "make " + o.resources()
	case RemoveNetwork:
		return "remove network " + o.Network
	case Route:
		return o.Effect
	case Delay:
		return "wait " + people(o.Limit)
	case Await:
		return o.Until.sentence(o.Limit)
	}
	switch {
	case o.Failed:
		return string(o.Kind) + " % of the failed deployment"
	case o.Old:
		return string(o.Kind) + " old %"
	}
	return string(o.Kind) + " %"
}

func (u Until) sentence(limit time.Duration) string {
	switch u {
	case Ended:
		return "wait until % has completed"
	case Steady:
		return "watch % for " + people(limit)
	}
	return "wait for %"
}

func (o Operation) resources() string {
	var list []string
	for _, n := range o.Networks {
		list = append(list, "network "+n.Name)
	}
	for _, v := range o.Volumes {
		list = append(list, "volume "+v.Name)
	}
	return strings.Join(list, ", ")
}

// listed names the replicas that operations are about: "db 1, web 1–4".
func listed(ops []Operation) string {
	ops = slices.Clone(ops)
	slices.SortStableFunc(ops, func(a, b Operation) int {
		return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.Index, b.Index))
	})
	var names []string
	for len(ops) > 0 {
		n := 1
		for n < len(ops) && ops[n].Service == ops[0].Service && ops[n].Index == ops[0].Index+n {
			n++
		}
		if n < 3 {
			n = 1
		}
		name := fmt.Sprintf("%s %d", ops[0].Service, ops[0].Index)
		if n > 1 {
			name += fmt.Sprintf("–%d", ops[n-1].Index)
		}
		names, ops = append(names, name), ops[n:]
	}
	return strings.Join(names, ", ")
}

// title says what the plan is about.
func (p *planner) title() string {
	from, to := p.serving.generation(), p.desired.Generation
	serves := from.serves()
	switch {
	case len(p.operations) == 0 && p.down():
		return "is down, nothing to do"
	case len(p.operations) == 0:
		return shown(to) + " serves, nothing to do"
	case p.down() && serves:
		return "take " + shown(from) + " down"
	case p.down():
		return "take down what is left"
	case p.desired.Return:
		return "return to " + shown(to)
	case p.desired.Cause == release.CauseRollback && serves:
		return "roll back to " + shown(to) + " from " + shown(from)
	case p.desired.Cause == release.CauseScale:
		return "scale " + shown(to)
	case serves && from.Release == to.Release && same(from.Config, to.Config):
		return "repair " + shown(to)
	case serves && from.Release == to.Release:
		return "deploy " + shown(to) + " again"
	case serves:
		return "deploy " + shown(to) + " over " + shown(from) + p.elsewhere()
	}
	return "deploy " + shown(to)
}

// elsewhere says what differs between two releases that have the same for this environment.
func (p *planner) elsewhere() string {
	if len(p.desired.Elsewhere) == 0 || !same(p.serving.generation().Config, p.desired.Generation.Config) {
		return ""
	}
	return "; they differ in " + strings.Join(p.desired.Elsewhere, ", ")
}

// shown is what people are shown of a generation.
func shown(g Generation) string {
	if g.Release == "" {
		return fmt.Sprintf("deployment %d", g.Deployment)
	}
	return g.Release.Short()
}

// people writes a duration without its zero parts: "1m" rather than "1m0s".
func people(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
