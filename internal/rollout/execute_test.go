package rollout

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// web is a generation of one service.
func web(number, count int, image release.Digest, policy release.UpdatePolicy) Generation {
	return Generation{
		Deployment: number, Release: release.ID(fmt.Sprintf("r-%08d", number)),
		Config: release.Config{Services: []release.Service{{
			Name: "web", Replicas: count, Image: release.Image{Digest: image}, Update: policy,
		}}},
	}
}

func failing(what ...string) func(int, string) error {
	return func(_ int, call string) error {
		if slices.ContainsFunc(what, func(w string) bool { return call == w }) {
			return errors.New("it broke")
		}
		return nil
	}
}

func newWeb(g Generation, index int) string {
	return ReplicaID(env, "web", g.Config.Spec("web"), index)
}

func TestStepsAreSaidAsTheyHappen(t *testing.T) {
	s, to := newSite(), web(1, 1, "sha256:aa", release.UpdatePolicy{})
	var said []string
	sink := event.SinkFunc(func(e event.Event) {
		switch e.Type {
		case event.TypeStep:
			said = append(said, strings.TrimSpace(fmt.Sprintf("%s %s %s", e.Step.State, e.Step.Key, e.Step.Detail)))
		default:
			said = append(said, string(e.Type))
		}
	})
	id := newWeb(to, 1)
	s.at = failing("well " + id)
	_, err := Run(t.Context(), s, wish(to), sink)
	want := []string{
		"plan", "graph",
		"started rollout:start " + id, "done rollout:start " + id,
		"started rollout:await " + id, "started rollout:await " + id + " not yet", "failed rollout:await " + id,
		"skipped rollout:move traffic to r-00000001",
		"plan", "graph",
		"started rollout:stop " + id, "done rollout:stop " + id,
		"started rollout:remove " + id, "done rollout:remove " + id,
	}
	if diff := cmp.Diff(want, said); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if release.KindOf(err) != release.KindRollout {
		t.Errorf("kind %s of %v", release.KindOf(err), err)
	}
	if want := "roll out shop/local: wait for web 1: it broke"; err.Error() != want {
		t.Errorf("error %q, not %q", err, want)
	}
}

func TestAnErrorForPeopleKeepsItsKindAndHint(t *testing.T) {
	s, to := newSite(), web(1, 1, "sha256:aa", release.UpdatePolicy{})
	s.at = func(_ int, call string) error {
		if call != "route" {
			return nil
		}
		return &release.UserError{Kind: release.KindConflict, Err: errors.New("port 80 is taken"), Hint: "free it"}
	}
	_, err := Run(t.Context(), s, wish(to), event.Discard)
	got, ok := errors.AsType[*release.UserError](err)
	if !ok || got.Kind != release.KindConflict || got.Hint != "free it" {
		t.Errorf("error %#v", err)
	}
}

func TestDelaySeparatesGroups(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, to := newSite(), web(1, 4, "sha256:aa", release.UpdatePolicy{Parallelism: 2, Delay: release.Duration(time.Minute)})
		start := time.Now()
		mustRun(t, s, to)
		if took := time.Since(start); took != time.Minute {
			t.Errorf("took %s", took)
		}
	})
}

func TestToleratedFailuresDoNotStopAnUpdate(t *testing.T) {
	for _, c := range []struct {
		policy release.UpdatePolicy
		broken []int
		want   release.Result
	}{
		{release.UpdatePolicy{}, []int{1}, release.RolledBack},
		{release.UpdatePolicy{MaxFailureRatio: 0.25}, []int{1}, release.Succeeded},
		{release.UpdatePolicy{MaxFailureRatio: 0.25}, []int{1, 2}, release.RolledBack},
		{release.UpdatePolicy{FailureAction: release.ActionContinue}, []int{1, 2, 3}, release.Succeeded},
		{release.UpdatePolicy{FailureAction: release.ActionContinue}, []int{1, 2, 3, 4}, release.RolledBack},
	} {
		s, from, to := newSite(), web(1, 4, "sha256:aa", release.UpdatePolicy{}), web(2, 4, "sha256:bb", c.policy)
		mustRun(t, s, from)
		var calls []string
		for _, index := range c.broken {
			calls = append(calls, "well "+newWeb(to, index))
		}
		s.at = failing(calls...)
		out, err := Run(t.Context(), s, wish(to), event.Discard)
		if out.Result != c.want {
			t.Errorf("%+v with %v broken: %s, not %s: %v", c.policy, c.broken, out.Result, c.want, err)
		}
	}
}

func TestPauseKeepsNewReplicasBesideThoseThatServe(t *testing.T) {
	s, from := newSite(), web(1, 1, "sha256:aa", release.UpdatePolicy{})
	to := web(2, 1, "sha256:bb", release.UpdatePolicy{FailureAction: release.ActionPause})
	mustRun(t, s, from)
	s.at = failing("well " + newWeb(to, 1))
	out, err := Run(t.Context(), s, wish(to), event.Discard)
	if out.Result != release.Failed || err == nil || len(s.replicas) != 2 {
		t.Errorf("%s, %v, %d replicas", out.Result, err, len(s.replicas))
	}
	if got := s.serving.Generation.Release; got != from.Release {
		t.Errorf("%s serves", got)
	}
}

func TestPauseBringsBackWhatWasStopped(t *testing.T) {
	s, from := newSite(), web(1, 1, "sha256:aa", release.UpdatePolicy{})
	to := web(2, 1, "sha256:bb", release.UpdatePolicy{FailureAction: release.ActionPause, Order: release.StopFirst})
	mustRun(t, s, from)
	s.at = failing("well " + newWeb(to, 1))
	out, _ := Run(t.Context(), s, wish(to), event.Discard)
	if out.Result != release.RolledBack {
		t.Errorf("%s", out.Result)
	}
	mustServe(t, s, from)
}

func TestFailureInTheMonitorWindowSwapsBack(t *testing.T) {
	s, from := newSite(), web(1, 2, "sha256:aa", release.UpdatePolicy{})
	to := web(2, 2, "sha256:bb", release.UpdatePolicy{Monitor: release.Duration(time.Second)})
	mustRun(t, s, from)
	s.at = failing("steady " + newWeb(to, 2))
	out, err := Run(t.Context(), s, wish(to), event.Discard)
	if out.Result != release.RolledBack || err == nil {
		t.Errorf("%s, %v", out.Result, err)
	}
	mustServe(t, s, from)
}

func TestInterruptedMonitorWindowCanStillSwapBack(t *testing.T) {
	s, from := newSite(), web(1, 2, "sha256:aa", release.UpdatePolicy{})
	to := web(2, 2, "sha256:bb", release.UpdatePolicy{Monitor: release.Duration(time.Second)})
	mustRun(t, s, from)
	ctx, crash := context.WithCancelCause(t.Context())
	s.at = func(_ int, call string) error {
		if strings.HasPrefix(call, "steady") {
			crash(errCrash)
			return errCrash
		}
		return nil
	}
	if out, err := Run(ctx, s, wish(to), event.Discard); out.Result != release.Cancelled || !errors.Is(err, errCrash) {
		t.Fatalf("%s, %v", out.Result, err)
	}
	s.at = failing("steady " + newWeb(to, 1))
	again := wish(to)
	again.Before = &from
	if out, err := Run(t.Context(), s, again, event.Discard); out.Result != release.RolledBack {
		t.Errorf("%s, %v", out.Result, err)
	}
	mustServe(t, s, from)
}

func TestWhatCannotBeRemovedIsSaidAndNoFailure(t *testing.T) {
	s, from, to := newSite(), web(1, 2, "sha256:aa", release.UpdatePolicy{}), web(2, 2, "sha256:bb", release.UpdatePolicy{})
	mustRun(t, s, from)
	s.at = failing("stop " + newWeb(from, 1))
	var said []string
	out, err := Run(t.Context(), s, wish(to), event.SinkFunc(func(e event.Event) {
		if e.Type == event.TypeMessage {
			said = append(said, e.Message.Text)
		}
	}))
	if out.Result != release.Succeeded || err != nil || len(s.replicas) != 3 || len(said) != 1 {
		t.Errorf("%s, %v, %d replicas, said %q", out.Result, err, len(s.replicas), said)
	}
	s.at = nil
	mustRun(t, s, to)
}

func TestRestartKeepsAWholeGeneration(t *testing.T) {
	s, g := newSite(), web(1, 3, "sha256:aa", release.UpdatePolicy{})
	mustRun(t, s, g)
	out, err := RunRestart(t.Context(), t.Context(), s, env, nil, event.Discard)
	if err != nil || out.Result != release.Succeeded || len(s.broken) > 0 {
		t.Errorf("%s, %v, %v", out.Result, err, s.broken)
	}
	mustServe(t, s, g)
}

func TestRestartThatFailsAnywhereLeavesTheOthersServing(t *testing.T) {
	for n := 1; ; n++ {
		s, g := newSite(), web(1, 2, "sha256:aa", release.UpdatePolicy{})
		mustRun(t, s, g)
		s.calls = nil
		s.at = func(i int, _ string) error {
			if i == n {
				return errors.New("it broke")
			}
			return nil
		}
		out, err := RunRestart(t.Context(), t.Context(), s, env, []string{"web"}, event.Discard)
		if len(s.broken) > 0 {
			t.Errorf("operation %d: %v", n, s.broken)
		}
		s.at = nil
		if err == nil {
			return
		}
		if out.Result != release.Failed {
			t.Errorf("operation %d: %s", n, out.Result)
		}
		mustRun(t, s, g)
	}
}

func TestRestartThatIsCutShortLeavesAWholeGeneration(t *testing.T) {
	why := errors.New("a rollback came")
	for n := 1; ; n++ {
		s, g := newSite(), web(1, 2, "sha256:aa", release.UpdatePolicy{})
		mustRun(t, s, g)
		s.calls = nil
		until, cut := context.WithCancelCause(t.Context())
		s.at = func(i int, _ string) error {
			if i == n {
				cut(why)
			}
			return nil
		}
		_, err := RunRestart(t.Context(), until, s, env, nil, event.Discard)
		if len(s.broken) > 0 {
			t.Errorf("operation %d: %v", n, s.broken)
		}
		s.at = nil
		mustServe(t, s, g)
		if until.Err() == nil {
			return
		}
		if err != nil && !errors.Is(err, why) {
			t.Errorf("operation %d: %v", n, err)
		}
	}
}

func TestReplicaIDsAreShortPlainAndTellEnvironmentsApart(t *testing.T) {
	long := strings.Repeat("Very_Long.", 9)
	for _, e := range []release.Environment{{Project: long, Name: long}, {Project: "_", Name: "--"}, env} {
		id := ReplicaID(e, "web", "sha256:aa", 12)
		if len(id) > maxID || strings.Trim(id, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || strings.Contains(id, "--") {
			t.Errorf("ID %q", id)
		}
	}
	a := ReplicaID(release.Environment{Project: "a-b", Name: "c"}, "web", "sha256:aa", 1)
	b := ReplicaID(release.Environment{Project: "a", Name: "b-c"}, "web", "sha256:aa", 1)
	if a == b {
		t.Errorf("both are %q", a)
	}
}
