package engine

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/moby/buildkit/util/suggest"

	"github.com/seaworthyhq/seaworthy/internal/api"
	"github.com/seaworthyhq/seaworthy/internal/cause"
	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/state"
)

// why says of steps of a project what is recorded: of those with a name, and of the stages that made them run; of all that the
// project has where there is no name.
func (e *Engine) why(env release.Environment, name string) ([]api.StepInfo, error) {
	known, cached, err := e.steps.recorded(e.db, env.Project)
	if err != nil {
		return nil, err
	}
	info := infoOf(known, cached)
	if name == "" {
		all := []api.StepInfo{}
		for _, key := range slices.SortedFunc(maps.Keys(known), naturally) {
			if !known[key].Gone {
				all = append(all, info(key))
			}
		}
		slices.SortStableFunc(all, func(a, b api.StepInfo) int { return started(b).Compare(started(a)) })
		return all, nil
	}
	found := stepsCalled(name, known)
	if len(found) != 1 {
		return nil, notOneStep(env, name, found, known)
	}
	return chain(found[0], info), nil
}

// infoOf returns what says of a step, by key, what is recorded.
func infoOf(known map[string]state.Step, cached map[string]time.Time) func(key string) api.StepInfo {
	return func(key string) api.StepInfo {
		step := known[key]
		out := api.StepInfo{Key: key, Name: nameOfStep(key, step), Cached: cached[key], Skipped: step.Skipped, Missed: step.Missed}
		switch {
		case step.Ran != step.Made.Digest() && fetchesOnly(step.Made, key):
			out.Run = &release.StepRun{Key: key, Name: out.Name, State: string(event.Cached), Empty: true}
		case step.Run.Key != "":
			out.Run = &step.Run
			out.Other = step.Ran != "" && step.Ran != step.Made.Digest() && out.Cached.After(step.Run.Ended)
		}
		return out
	}
}

// fetchesOnly reports whether a step is known to do nothing but to bring in what it is made of.
func fetchesOnly(m cause.Made, key string) bool {
	own := false
	for _, op := range m.Operations {
		if slices.Contains(op.Stages, key) {
			own = true
			if op.Source == "" {
				return false
			}
		}
	}
	return own
}

// stepsCalled are the steps with a name, or else those that have it behind their services, or behind one of them: "api+web/test".
// A stage's name is the same in upper case, as in a Dockerfile.
func stepsCalled(name string, known map[string]state.Step) []string {
	var exact, partly []string
	service, stage, both := strings.Cut(name, "/")
	if !both {
		service, stage = "", name
	}
	for key, step := range known {
		full := nameOfStep(key, step)
		services, rest, prefixed := strings.Cut(full, "/")
		if !prefixed {
			services, rest = "", full
		}
		switch {
		case key == name || strings.TrimPrefix(key, "stage:") == name || services == service && strings.EqualFold(rest, stage):
			exact = append(exact, key)
		case prefixed && strings.EqualFold(rest, stage) && (service == "" || slices.Contains(strings.Split(services, "+"), service)):
			partly = append(partly, key)
		}
	}
	if len(exact) > 0 {
		return exact
	}
	return partly
}

func nameOfStep(key string, step state.Step) string {
	return cmp.Or(step.Run.Name, strings.TrimPrefix(key, "stage:"))
}

func started(s api.StepInfo) time.Time {
	if s.Run == nil {
		return s.Cached
	}
	return s.Run.Started
}

// chain is a step, and after it those that it ran for, or that it is, and so on.
func chain(key string, info func(string) api.StepInfo) []api.StepInfo {
	all := []api.StepInfo{info(key)}
	for i := 0; i < len(all); i++ {
		for _, next := range leadsTo(all[i].Run) {
			if !slices.ContainsFunc(all, func(s api.StepInfo) bool { return s.Key == next }) {
				all = append(all, info(next))
			}
		}
	}
	return all
}

// leadsTo are the keys of the steps that explain what became of one.
func leadsTo(run *release.StepRun) (keys []string) {
	if run == nil {
		return nil
	}
	if run.Empty {
		return run.After
	}
	for _, r := range run.Because {
		if r.Kind.OfStage() {
			keys = append(keys, r.Names...)
		}
	}
	return keys
}

func notOneStep(env release.Environment, name string, found []string, known map[string]state.Step) error {
	if len(found) > 1 {
		slices.Sort(found)
		return &release.UserError{
			Kind: release.KindUsage, Err: fmt.Errorf("%q stands for %d stages", name, len(found)),
			Hint: "name one with its services: " + strings.ReplaceAll(strings.Join(found, ", "), "stage:", ""),
		}
	}
	if len(known) == 0 {
		return &release.UserError{
			Kind: release.KindNotFound, Err: fmt.Errorf("no build of %s is recorded", env.Project), Hint: "seaworthy build builds it",
		}
	}
	var names []string
	for key, step := range known {
		if !step.Gone {
			names = append(names, nameOfStep(key, step))
		}
	}
	slices.SortFunc(names, naturally)
	hint := "these are: " + strings.Join(slices.Compact(names), ", ")
	if meant, ok := suggest.Search(name, names, false); ok {
		hint = fmt.Sprintf("did you mean %q? %s", meant, hint)
	}
	return &release.UserError{
		Kind: release.KindNotFound, Err: fmt.Errorf("no build of a stage %q of %s is recorded", name, env.Project), Hint: hint,
	}
}

// naturally orders names as people do: part-9 before part-10.
func naturally(a, b string) int {
	for a != "" && b != "" {
		x, y := digits(a), digits(b)
		if x == 0 || y == 0 {
			if a[0] != b[0] {
				return cmp.Compare(a[0], b[0])
			}
			a, b = a[1:], b[1:]
			continue
		}
		one, other := strings.TrimLeft(a[:x], "0"), strings.TrimLeft(b[:y], "0")
		if c := cmp.Or(cmp.Compare(len(one), len(other)), cmp.Compare(one, other)); c != 0 {
			return c
		}
		a, b = a[x:], b[y:]
	}
	return cmp.Compare(len(a), len(b))
}

// digits is how many a text begins with.
func digits(text string) int { return len(text) - len(strings.TrimLeft(text, "0123456789")) }
