package build_test

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seaworthyhq/seaworthy/internal/build"
	"github.com/seaworthyhq/seaworthy/internal/build/worker"
	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

func TestACheckThatTakesTooLong(t *testing.T) {
	y := newYard(t)
	dir := project(t, map[string]string{
		"Dockerfile": "FROM busybox AS test\nRUN mkdir /reports && cp /reports/junit.xml /tmp; echo '" + failing + "' > /reports/junit.xml; trap '' TERM INT; sleep 31341.25\n",
	})
	req := y.checking(t, dir, map[string][]string{"test": {"/reports"}}, "test")
	req.Stages[0].Timeout = 2 * time.Second
	u, rec := y.fail(t, req)
	if u.Kind != release.KindCheck || !strings.Contains(u.Error(), "ran longer than 2s (timeout): 2 tests, 1 failed: TestParse") || !strings.Contains(u.Hint, "checks: {test: {timeout: …}}") {
		t.Errorf("%s: %v; %s", u.Kind, u, u.Hint)
	}
	if diff := cmp.Diff(map[string]string{"junit.xml": failing + "\n"}, kept(t, dir, "test")); diff != "" {
		t.Error(diff)
	}
	if step := rec.end(t, "stage:test"); step.State != event.Failed {
		t.Errorf("ended as %+v", step)
	}
	if left := processes(t, "31341.25"); len(left) > 0 {
		t.Errorf("processes %v go on", left)
	}
}

func TestACheckThatHangsWithoutAProcess(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // it takes connections, and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	y := newYard(t)
	dir := project(t, map[string]string{
		"Dockerfile":                     "FROM busybox AS test\nADD http://" + silent.Addr().String() + "/data /data\nRUN true\nFROM test AS more\nRUN true\n",
		".seaworthy/reports/test/an-old": "file",
	})
	req := y.checking(t, dir, map[string][]string{"test": {"/reports"}}, "test", "more")
	req.Stages[0].Timeout = 300 * time.Millisecond
	u, rec := y.fail(t, req)
	if u.Kind != release.KindCheck || u.Error() != "check test ran longer than 300ms (timeout)" {
		t.Errorf("%s: %v", u.Kind, u)
	}
	if step := rec.end(t, "stage:test"); step.State != event.Failed {
		t.Errorf("ended as %+v", step)
	}
	if got := kept(t, dir, "test"); len(got) > 0 {
		t.Errorf("kept %v", got)
	}
}

func TestATimeLimitThatIsNotReachedChangesNothing(t *testing.T) {
	y := newYard(t)
	dir := project(t, map[string]string{"Dockerfile": "FROM busybox AS test\nRUN true\nFROM test AS slow\nRUN sleep 3\nFROM busybox AS web\nRUN sleep 3\n"})
	req := y.checking(t, dir, nil, "=web", "slow")
	req.Stages[0].Timeout = 2 * time.Second
	y.build(t, req)
}

// The second RUN of the check is behind all others in the queue.
func TestWhatACheckWaitsForAFreePlaceTakesNoneOfItsTime(t *testing.T) {
	y := newYard(t)
	if err := y.Close(); err != nil {
		t.Fatal(err)
	}
	y.Builder = openBuilder(t, build.Config{Root: y.root, Store: y.store, Worker: worker.Config{MaxParallelism: 1}})
	req := y.request(t, project(t, map[string]string{"Dockerfile": `FROM busybox AS test
RUN echo one
RUN echo two
FROM busybox AS a
RUN sleep 1.5; echo a
FROM busybox AS b
RUN sleep 1.5; echo b
FROM busybox AS c
RUN sleep 1.5; echo c
`}), "test", "a", "b", "c")
	req.Stages[0].Timeout = 1200 * time.Millisecond
	y.build(t, req)
}

// The solver runs once what two stages say alike, and the image has no limit.
func TestACheckMayTakeAsLongAsAnImageForWhatTheyShare(t *testing.T) {
	y := newYard(t)
	req := y.request(t, project(t, map[string]string{"Dockerfile": "FROM busybox AS web\nRUN sleep 2\nFROM busybox AS test\nRUN sleep 2\n"}), "=web", "test")
	req.Stages[1].Timeout = 500 * time.Millisecond
	_, rec := y.build(t, req)
	if states := rec.steps(); states["stage:web"] != event.Done || states["stage:test"] != event.Done {
		t.Errorf("%v", states)
	}
}

func TestAStageWhoseTimeIsOverFailsNoOtherThatSharesItsBase(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // it takes connections, and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	y := newYard(t)
	req := y.request(t, project(t, map[string]string{
		"Dockerfile": "FROM busybox AS hangs\nADD http://" + silent.Addr().String() + "/data /data\nFROM busybox AS slow\nRUN sleep 1; echo well\n",
	}), "hangs", "slow")
	req.Stages[0].Timeout = 300 * time.Millisecond
	_, rec := y.fail(t, req)
	states := rec.steps()
	if states["stage:hangs"] != event.Failed || states["stage:slow"] != event.Done {
		t.Errorf("%v", states)
	}
}

// What several checks have in common may run as long as the most patient of them allows, also where that comes later.
func TestACheckOfAnotherBuildDoesNotEndWhatThisOneNeeds(t *testing.T) {
	y := newYard(t)
	dir := project(t, map[string]string{"Dockerfile": "FROM busybox AS test\nRUN sleep 2.5; echo '{\"Action\":\"run\",\"Package\":\"p\",\"Test\":\"TestA\"}'; echo '{\"Action\":\"pass\",\"Package\":\"p\",\"Test\":\"TestA\"}'\n"})
	hasty, patient := y.request(t, dir, "test"), y.request(t, dir, "test")
	hasty.Stages[0].Timeout = time.Second
	first := &recorder{}
	ended := make(chan error, 1)
	go func() {
		_, err := y.Build(t.Context(), hasty, first)
		ended <- err
	}()
	eventually(t, "the check runs", func() bool {
		for text, in := range first.instructions("stage:test") {
			if strings.HasPrefix(text, "RUN") && in.State == event.Started {
				return true
			}
		}
		return false
	})
	began := time.Now()
	res, _ := y.build(t, patient)
	if err := <-ended; err != nil {
		t.Errorf("the other build: %v", err)
	}
	if got := run(t, res, "test").Tests; got != (release.Tests{Total: 1}) {
		t.Errorf("of a process that ran when it came, a build has the tests %+v", got)
	}
	if got := run(t, res, "test"); len(got.Worked) == 0 || got.Worked[0].Started.Before(began) {
		t.Errorf("worked on %+v, before the build began", got.Worked)
	}
}
