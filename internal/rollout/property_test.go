package rollout

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// pairs is how many pairs of generations each property is tried on; each is tried at every operation.
const pairs = 60

var env = release.Environment{Project: "shop", Name: "local"}

// anyGeneration is a random environment. A service keeps its name from one to the next, so that two of them differ in
// what services are there and in how they look.
func anyGeneration(rnd *rand.Rand, number int) Generation {
	g := Generation{Deployment: number, Release: release.ID(fmt.Sprintf("r-%08d", number))}
	for i, name := range []string{"a", "b", "c", "d", "e"} {
		if rnd.IntN(4) == 0 {
			continue
		}
		s := release.Service{Name: name, Replicas: rnd.IntN(4)}
		s.Image.Digest = release.Digest(fmt.Sprintf("sha256:%064d", rnd.IntN(3)))
		s.Update.Order = pick(rnd, "", "", release.StartFirst, release.StopFirst)
		s.Update.Parallelism = rnd.IntN(3)
		s.Update.Delay = pick(rnd, 0, release.Duration(time.Second))
		s.Update.Monitor = pick(rnd, 0, 0, release.Duration(time.Second))
		if rnd.IntN(3) == 0 {
			s.Mounts = []release.Mount{{Kind: release.MountVolume, Source: "data", Target: "/data"}}
			s.Replicas = 1
		}
		if i == 0 && rnd.IntN(2) == 0 {
			s.OneShot, s.Replicas = true, 1
		}
		for _, other := range g.Config.Services {
			if rnd.IntN(3) == 0 {
				d := release.Dependency{Service: other.Name, Condition: pick(rnd, release.Started, release.Healthy), Required: true}
				if other.OneShot {
					d.Condition = release.Completed
				}
				d.Restart = rnd.IntN(4) == 0
				s.DependsOn = append(s.DependsOn, d)
			}
		}
		g.Config.Services = append(g.Config.Services, s)
	}
	for _, n := range []string{"back", "front"} {
		if rnd.IntN(2) == 0 {
			g.Config.Networks = append(g.Config.Networks, release.Network{Name: n})
		}
	}
	return g
}

func pick[T any](rnd *rand.Rand, choice ...T) T { return choice[rnd.IntN(len(choice))] }

// eachPair runs try on a site where the first of two random generations serves, or nothing, again and again, with n from 1
// until try says that n was beyond the last operation.
func eachPair(t *testing.T, try func(t *testing.T, s *site, from, to Generation, n int) (beyond bool)) {
	t.Helper()
	for seed := range uint64(pairs) {
		for n := 1; ; n++ {
			beyond := true
			synctest.Test(t, func(t *testing.T) {
				rnd := rand.New(rand.NewPCG(seed, 0))
				s, from, to := newSite(), Generation{}, anyGeneration(rnd, 2)
				if seed%5 != 0 {
					from = anyGeneration(rnd, 1)
					mustRun(t, s, from)
				}
				if seed%7 == 0 {
					to = Generation{Deployment: 2}
				}
				s.calls = nil
				beyond = try(t, s, from, to, n)
				if len(s.broken) > 0 {
					o, _ := s.Observe(t.Context())
					t.Errorf("broken:\n%s\n%v\n%s", s.broken, s.calls, PlanDeploy(o, wish(to)))
				}
			})
			if t.Failed() {
				t.Fatalf("seed %d, operation %d", seed, n)
			}
			if beyond {
				break
			}
		}
	}
}

func wish(g Generation) Desired {
	d := Desired{Environment: env, Generation: g, Cause: release.CauseUp}
	if !g.serves() {
		d.Cause = release.CauseDown
	}
	return d
}

func mustRun(t *testing.T, s *site, g Generation) {
	t.Helper()
	out, err := Run(t.Context(), s, wish(g), event.Discard)
	if err != nil || out.Result != release.Succeeded {
		t.Fatalf("%s: %v\n%s", out.Result, err, out.Plan)
	}
	mustServe(t, s, g)
}

// mustServe checks that the generation serves, whole, with nothing left to do and nothing else there.
func mustServe(t *testing.T, s *site, g Generation) {
	t.Helper()
	o, _ := s.Observe(t.Context())
	if plan := PlanDeploy(o, wish(g)); !plan.Empty() {
		t.Errorf("there is something left to do:\n%s", plan)
	}
	want := 0
	for _, service := range g.Config.Services {
		want += service.Replicas
	}
	if len(o.Replicas) != want {
		t.Errorf("%d replicas are there, not %d", len(o.Replicas), want)
	}
	if got := o.Serving.generation().Release; g.serves() && got != g.Release {
		t.Errorf("%s serves, not %s", got, g.Release)
	}
}

func TestInterruptedAnywhereAndRunAgainFinishes(t *testing.T) {
	eachPair(t, func(t *testing.T, s *site, _, to Generation, n int) bool {
		beyond := crashBehind(t, s, to, n)
		mustRun(t, s, to)
		return beyond
	})
}

func TestInterruptedAnywhereTheOldGenerationCanBeReturnedTo(t *testing.T) {
	eachPair(t, func(t *testing.T, s *site, from, to Generation, n int) bool {
		beyond := crashBehind(t, s, to, n)
		mustRun(t, s, from)
		return beyond
	})
}

// crashBehind runs a rollout that is interrupted after n operations, and reports whether it had no more than that.
func crashBehind(t *testing.T, s *site, to Generation, n int) (beyond bool) {
	ctx, crash := context.WithCancelCause(t.Context())
	defer crash(nil)
	s.at = func(i int, _ string) error {
		if i <= n {
			return nil
		}
		crash(errCrash)
		return errCrash
	}
	defer func() { s.at = nil }()
	_, err := Run(ctx, s, wish(to), event.Discard)
	if err != nil && !errors.Is(err, errCrash) {
		t.Errorf("ended with %v", err)
	}
	return err == nil
}

func TestGivenUpAnywhereTheOldGenerationServesAgain(t *testing.T) {
	eachPair(t, func(t *testing.T, s *site, from, to Generation, n int) bool {
		ctx, giveUp := context.WithCancelCause(t.Context())
		defer giveUp(nil)
		s.at = func(i int, _ string) error {
			if i == n { // it is done all the same
				giveUp(errCrash)
			}
			return nil
		}
		d := wish(to)
		if from.serves() {
			d.Before = &from
		}
		_, err := Run(ctx, s, d, event.Discard)
		s.at = nil
		if back, err := Return(t.Context(), s, d, event.Discard); err != nil {
			t.Errorf("%v\n%s", err, back)
		}
		mustServe(t, s, from)
		return err == nil
	})
}

func TestFailureOfAnyOperationLeavesAWholeGeneration(t *testing.T) {
	eachPair(t, func(t *testing.T, s *site, from, to Generation, n int) bool {
		failed := ""
		s.at = func(i int, call string) error {
			if i != n {
				return nil
			}
			failed = call
			return errors.New("it broke")
		}
		out, err := Run(t.Context(), s, wish(to), event.Discard)
		s.at = nil
		switch {
		case out.Result == release.Succeeded: // if something failed, it was the cleaning up
			mustRun(t, s, to)
		case !to.serves():
			mustRun(t, s, to)
		case out.Result == release.RolledBack || out.Result == release.Failed && (!from.serves() || same(from.Config, to.Config)):
			if err == nil {
				t.Error("no error")
			}
			mustServe(t, s, from)
		default:
			t.Errorf("%s after %s failed: %v\n%s%s", out.Result, failed, err, out.Plan, out.Return)
		}
		return failed == ""
	})
}

func TestPlansAreEqualForEqualArguments(t *testing.T) {
	eachPair(t, func(t *testing.T, s *site, from, to Generation, _ int) bool {
		o, _ := s.Observe(t.Context())
		first := PlanDeploy(o, wish(to))
		slices.Reverse(o.Replicas)
		second := PlanDeploy(o, wish(to))
		if first.String() != second.String() || fmt.Sprint(first.Operations) != fmt.Sprint(second.Operations) {
			t.Errorf("two plans:\n%s\n%s", first, second)
		}
		return true
	})
}

func TestOperationsComeAfterWhatTheyWaitFor(t *testing.T) {
	eachPair(t, func(t *testing.T, s *site, from, to Generation, _ int) bool {
		o, _ := s.Observe(t.Context())
		seen := map[string]bool{}
		plan := PlanDeploy(o, wish(to))
		for _, op := range plan.Operations {
			for _, after := range op.After {
				if !seen[after] {
					t.Errorf("%q waits for %q, which is not before it", op.Key, after)
				}
			}
			if seen[op.Key] {
				t.Errorf("%q is there twice", op.Key)
			}
			seen[op.Key] = true
		}
		return true
	})
}

func TestWhatServedIsKeptUntilItsSuccessorIsProven(t *testing.T) {
	eachPair(t, func(t *testing.T, s *site, from, to Generation, _ int) bool {
		o, _ := s.Observe(t.Context())
		served := map[string]bool{}
		for _, r := range o.Replicas {
			served[r.ID] = true
		}
		plan := PlanDeploy(o, wish(to))
		ancestors := map[string]map[string]bool{}
		var proof []string
		for _, op := range plan.Operations {
			ancestors[op.Key] = map[string]bool{}
			for _, after := range op.After {
				ancestors[op.Key][after] = true
				maps.Copy(ancestors[op.Key], ancestors[after])
			}
			if op.Until != "" || op.Kind == Route {
				proof = append(proof, op.Key)
			}
			ends := op.Kind == Remove || op.Kind == Stop && op.Cleanup
			for _, key := range proof {
				if ends && served[op.ID] && !ancestors[op.Key][key] {
					t.Errorf("%q does not wait for %q:\n%s", op.Key, key, plan)
				}
			}
		}
		return true
	})
}
