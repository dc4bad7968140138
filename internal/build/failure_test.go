package build_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/seaworthyhq/seaworthy/internal/build"
	"github.com/seaworthyhq/seaworthy/internal/build/session"
	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/store/storetest"
)

func (y *yard) fail(t testing.TB, req build.Request) (*release.UserError, *recorder) {
	t.Helper()
	rec := &recorder{}
	_, err := y.Build(t.Context(), req, rec)
	u, ok := errors.AsType[*release.UserError](err)
	if !ok {
		t.Fatalf("error is %v", err)
	}
	return u, rec
}

func TestFailures(t *testing.T) {
	y := newYard(t)
	for name, tc := range map[string]struct {
		dockerfile string
		targets    []string
		kind       release.Kind
		message    string
		detail     []string // parts of it
		hint       string
	}{
		"RUN of the image": {
			dockerfile: "FROM busybox AS web\nRUN echo working; echo broken >&2; exit 7\n",
			targets:    []string{"=web"},
			kind:       release.KindBuild,
			message:    "stage web: RUN echo working; echo broken >&2; exit 7 exited with code 7",
			detail:     []string{"Dockerfile:2", ">>> RUN echo working", "working\n", "broken\n"},
		},
		"check": {
			dockerfile: "FROM busybox AS web\nFROM web AS test\nRUN echo 2 tests failed; false\n",
			targets:    []string{"=web", "test"},
			kind:       release.KindCheck,
			message:    "check test: RUN echo 2 tests failed; false exited with code 1",
			detail:     []string{"Dockerfile:3", "2 tests failed\n"},
			hint:       "checks: {test: skip}",
		},
		"stage that check and image share": {
			dockerfile: "FROM busybox AS builder\nRUN false\nFROM builder AS test\nRUN true\nFROM builder AS web\nRUN true\n",
			targets:    []string{"=web", "test"},
			kind:       release.KindBuild,
			message:    "stage builder: RUN false exited with code 1",
		},
		"program that is not there": {
			dockerfile: "FROM scratch AS web\nRUN [\"/nothing-here\"]\n",
			targets:    []string{"=web"},
			kind:       release.KindBuild,
			message:    `stage web: RUN ["/nothing-here"] could not be started: exec: "/nothing-here": stat /nothing-here: no such file or directory`,
			hint:       "see that the stage has the program",
		},
		"program that says what runc does": {
			dockerfile: "FROM busybox AS web\nRUN echo runc run failed: of my own >&2; false\n",
			targets:    []string{"=web"},
			kind:       release.KindBuild,
			message:    "exited with code 1",
			detail:     []string{"\nrunc run failed: of my own\n"},
		},
		"long RUN": {
			dockerfile: "FROM busybox AS web\nRUN --network=none : " + strings.Repeat("x", 100) + "; false\n",
			targets:    []string{"=web"},
			kind:       release.KindBuild,
			message:    "stage web: RUN : " + strings.Repeat("x", 66) + "… exited with code 1",
			detail:     []string{"x; false\n"},
		},
		"COPY of what is not there": {
			dockerfile: "FROM busybox AS web\nCOPY nowhere /\n",
			targets:    []string{"=web"},
			kind:       release.KindBuild,
			message:    `stage web: COPY nowhere /: "/nowhere": not found`,
			detail:     []string{">>> COPY nowhere /"},
		},
		"syntax": {
			dockerfile: "FROM busybox AS web\nRUM true\n",
			targets:    []string{"=web"},
			kind:       release.KindProject,
			message:    "Dockerfile: dockerfile parse error on line 2: unknown instruction: RUM (did you mean RUN?)",
			detail:     []string{"Dockerfile:2", ">>> RUM true"},
		},
		"unknown target": {
			dockerfile: "FROM busybox AS web\n",
			targets:    []string{"=api"},
			kind:       release.KindProject,
			message:    `Dockerfile: target stage "api" could not be found`,
		},
		"cycle": {
			dockerfile: "FROM busybox AS a\nCOPY --from=b /x /x\nFROM busybox AS b\nCOPY --from=a /x /x\n",
			targets:    []string{"=b"},
			kind:       release.KindProject,
			message:    "Dockerfile: ",
		},
		"network that is not allowed": {
			dockerfile: "FROM busybox AS web\nRUN --network=host true\n",
			targets:    []string{"=web"},
			kind:       release.KindBuild,
			message:    "network.host is not allowed",
		},
		"secret that is not there": {
			dockerfile: "FROM busybox AS web\nRUN --mount=type=secret,id=token,required=true true\n",
			targets:    []string{"=web"},
			kind:       release.KindBuild,
			message:    "secret token: not found",
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := project(t, map[string]string{"Dockerfile": tc.dockerfile})
			req := y.request(t, dir, tc.targets...)
			for i, s := range req.Stages {
				if slices.Contains(tc.targets, s.Name) {
					req.Stages[i].Skips = []string{s.Name}
				}
			}
			u, _ := y.fail(t, req)
			if u.Kind != tc.kind {
				t.Errorf("kind %q, want %q", u.Kind, tc.kind)
			}
			if !strings.Contains(u.Error(), tc.message) {
				t.Errorf("message %q, want %q", u.Error(), tc.message)
			}
			for _, part := range tc.detail {
				if !strings.Contains(u.Detail, part) {
					t.Errorf("detail has no %q:\n%s", part, u.Detail)
				}
			}
			if !strings.Contains(u.Hint, tc.hint) {
				t.Errorf("hint %q, want %q", u.Hint, tc.hint)
			}
		})
	}
}

func TestAFileOfTheContextThatCannotBeSentIsNamed(t *testing.T) {
	y := newYard(t)
	for name, tc := range map[string]struct {
		make    func(dir string) error
		message string
	}{
		"name": {func(dir string) error { return os.WriteFile(filepath.Join(dir, "caf\xe9"), nil, 0o644) }, `load build context: the name "caf\xe9" is not UTF-8`},
		"link": {func(dir string) error { return os.Symlink("caf\xe9", filepath.Join(dir, "link")) }, `link leads to "caf\xe9"`},
	} {
		t.Run(name, func(t *testing.T) {
			dir := project(t, map[string]string{"Dockerfile": "FROM busybox AS web\nCOPY . /\n"})
			if err := tc.make(dir); err != nil {
				t.Fatal(err)
			}
			if u, _ := y.fail(t, y.request(t, dir, "=web")); !strings.Contains(u.Error(), tc.message) {
				t.Errorf("message %q", u.Error())
			}
			write(t, filepath.Join(dir, ".dockerignore"), "caf*\nlink\n")
			y.build(t, y.request(t, dir, "=web"))
		})
	}
}

func TestAFileOfTheContextThatCannotBeReadEndsTheBuild(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("mounts need root")
	}
	y := newYard(t)
	dir := project(t, map[string]string{"Dockerfile": "FROM busybox AS web\nCOPY . /c/\n", "data": ""})
	broken := filepath.Join(dir, "data")
	if err := unix.Mount("/proc/self/mem", broken, "", unix.MS_BIND, ""); err != nil { // of which no byte can be read
		t.Fatal(err)
	}
	mend := func() { _ = unix.Unmount(broken, unix.MNT_DETACH) }
	t.Cleanup(mend)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, err := y.Build(ctx, y.request(t, dir, "=web"), nil)
	if u, ok := errors.AsType[*release.UserError](err); !ok || u.Kind != release.KindBuild ||
		!strings.Contains(u.Error(), "load build context: data cannot be read: input/output error") || u.Hint == "" {
		t.Errorf("error %v", err)
	}
	mend()
	write(t, broken, "whole\n")
	res, _ := y.build(t, y.request(t, dir, "=web"))
	if got := y.read(t, res.Images["stage:web"], "c/data"); got != "whole\n" {
		t.Errorf("the image has %q", got)
	}
}

func TestContextHasMoreThanFiles(t *testing.T) {
	y := newYard(t)
	dir := project(t, map[string]string{"Dockerfile": "FROM busybox AS web\nCOPY . /c/\nRUN cd /c; ls > /seen\n"})
	for name, mode := range map[string]uint32{"pipe": unix.S_IFIFO, "socket": unix.S_IFSOCK} {
		if err := unix.Mknod(filepath.Join(dir, name), mode|0o644, 0); err != nil {
			t.Fatal(err)
		}
	}
	res, _ := y.build(t, y.request(t, dir, "=web"))
	if got := y.read(t, res.Images["stage:web"], "seen"); got != "Dockerfile\npipe\nsocket\n" {
		t.Errorf("the image has %q", got)
	}
}

func TestIgnoreFileThatIsAPipe(t *testing.T) {
	dir := project(t, nil)
	if err := unix.Mkfifo(filepath.Join(dir, ".dockerignore"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := session.Ignore(dir, filepath.Join(dir, "Dockerfile")); release.KindOf(err) != release.KindProject {
		t.Errorf("error %v", err)
	}
}

func TestFailingStepIsToldAsFailed(t *testing.T) {
	y := newYard(t)
	dir := project(t, map[string]string{"Dockerfile": "FROM busybox AS web\nRUN true\nFROM web AS test\nRUN false\n"})
	_, rec := y.fail(t, y.request(t, dir, "=web", "test"))
	if got := rec.steps()["stage:test"]; got != event.Failed {
		t.Errorf("test is %s", got)
	}
	if got := rec.instructions("stage:test")["RUN false"]; got.State != event.Failed || got.Line != 4 {
		t.Errorf("instruction: %+v", got)
	}
}

// Git on Windows writes such files.
func TestFailureIsToldOfADockerfileWithItsLineEnds(t *testing.T) {
	y := newYard(t)
	dir := project(t, map[string]string{"Dockerfile": "FROM busybox AS web\r\nRUN echo more \\\r\n ; false\r\n"})
	u, rec := y.fail(t, y.request(t, dir, "=web"))
	if strings.Contains(u.Error(), "\r") || !strings.Contains(u.Error(), "RUN echo more") {
		t.Errorf("%q", u.Error())
	}
	for text := range rec.instructions("stage:web") {
		if strings.Contains(text, "\r") {
			t.Errorf("instruction %q", text)
		}
	}
}

func TestFailedCheckStopsTheImage(t *testing.T) {
	y := newYard(t)
	dir := project(t, map[string]string{"Dockerfile": "FROM busybox AS web\nRUN --mount=type=cache,target=/meet touch /meet/web && sleep 31340.25\n" +
		"FROM busybox AS test\nRUN --mount=type=cache,target=/meet until [ -e /meet/web ]; do usleep 1000; done; echo no good; exit 3\n"})
	u, rec := y.fail(t, y.request(t, dir, "=web", "test"))
	if u.Kind != release.KindCheck || !strings.Contains(u.Detail, "no good") {
		t.Errorf("kind %s: %v\n%s", u.Kind, u, u.Detail)
	}
	want := map[string]event.State{"stage:web": event.Stopped, "stage:test": event.Failed}
	if diff := cmp.Diff(want, rec.steps()); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
	eventually(t, "the image's RUN is gone", func() bool { return len(processes(t, "31340.25")) == 0 })
}

func TestAllChecksThatFailedAreReported(t *testing.T) {
	y := newYard(t)
	// Both fail at the same moment: when the file that each makes for the other is there.
	dir := project(t, map[string]string{"Dockerfile": "FROM busybox AS one\n" +
		"RUN --mount=type=cache,target=/meet touch /meet/one; until [ -e /meet/two ]; do usleep 1000; done; exit 3\n" +
		"FROM busybox AS two\n" +
		"RUN --mount=type=cache,target=/meet touch /meet/two; until [ -e /meet/one ]; do usleep 1000; done; exit 3\n"})
	req := y.request(t, dir, "one", "two")
	u, _ := y.fail(t, req)
	if u.Kind != release.KindCheck {
		t.Errorf("kind %q: %v", u.Kind, u)
	}
	if !strings.Contains(u.Error(), "one") {
		t.Errorf("message: %v", u)
	}
}

// They are one operation of the solver.
func TestEachOfTwoStagesThatFailAlikeIsNamed(t *testing.T) {
	y := newYard(t)
	req := y.request(t, project(t, map[string]string{"Dockerfile": "FROM busybox AS one\nRUN sleep 0.2; exit 3\nFROM busybox AS two\nRUN sleep 0.2; exit 3\n"}), "one", "two")
	for i, s := range req.Stages {
		req.Stages[i].Skips = []string{s.Name}
	}
	u, _ := y.fail(t, req)
	if want := "2 checks failed: one, two"; u.Error() != want {
		t.Errorf("%v, want %s", u, want)
	}
	if !strings.Contains(u.Hint, "checks: {one: skip, two: skip}") {
		t.Errorf("hint: %s", u.Hint)
	}
}

// The check and the image take different parts of the context, so that what fails is an operation of each.
func TestWhatSeveralTargetsShareFailsOnce(t *testing.T) {
	y := newYard(t)
	req := y.request(t, project(t, map[string]string{
		"Dockerfile": "FROM busybox AS lib\nCOPY a /a\nRUN echo broken; exit 7\nFROM lib AS test\nRUN true\nFROM lib AS web\nCOPY b /b\n",
		"a":          "a", "b": "b",
	}), "test", "=web")
	u, _ := y.fail(t, req)
	if u.Kind != release.KindBuild || u.Error() != "stage lib: RUN echo broken; exit 7 exited with code 7" {
		t.Errorf("%s: %v", u.Kind, u)
	}
	if !strings.Contains(u.Detail, ">>> RUN echo broken") || strings.Count(u.Detail, "broken\n") != 1 {
		t.Errorf("detail:\n%s", u.Detail)
	}
}

func TestAnInstructionOfManyLinesIsToldInPart(t *testing.T) {
	y := newYard(t)
	u, _ := y.fail(t, y.request(t, project(t, map[string]string{
		"Dockerfile": "FROM busybox AS web\nRUN <<END\n" + strings.Repeat("true\n", 1000) + "exit 7\nEND\nCMD [\"x\"]\n",
	}), "=web"))
	for _, part := range []string{">>> RUN <<END", "\n    … 969 lines\n", "1003 | >>> exit 7\n", "1005 |     CMD"} {
		if !strings.Contains(u.Detail, part) {
			t.Errorf("no %q", part)
		}
	}
	if lines := strings.Count(u.Detail, "\n"); lines > 45 {
		t.Errorf("%d lines:\n%s", lines, u.Detail)
	}
}

func TestBaseImageThatIsNotThere(t *testing.T) {
	y := newYard(t)
	dir := project(t, map[string]string{"Dockerfile": "FROM nowhere.invalid/nothing:1 AS web\n"})
	u, _ := y.fail(t, y.request(t, dir, "=web"))
	if !strings.Contains(u.Error(), "base image nowhere.invalid/nothing:1") || u.Hint == "" {
		t.Errorf("error %v, hint %q", u, u.Hint)
	}
	if !strings.Contains(u.Detail, ">>> FROM nowhere.invalid/nothing:1 AS web") {
		t.Errorf("detail:\n%s", u.Detail)
	}
}

// It takes some time to hear that a registry lacks an image, and none to hear that an instruction does not work.
func TestABaseThatIsMissingIsToldWhateverElseFails(t *testing.T) {
	s := storetest.Open(t)
	storetest.Busybox(t, s, storetest.Image{Ref: "docker.io/library/busybox:latest"})
	rec := &recorder{}
	y := &yard{store: s, root: t.TempDir()}
	y.Builder = openBuilder(t, build.Config{Root: y.root, Store: s, WhyNot: func(context.Context, string) error {
		for until := time.Now().Add(time.Second); rec.steps()["stage:bad"] != event.Failed && time.Now().Before(until); {
			time.Sleep(time.Millisecond)
		}
		return &release.UserError{Kind: release.KindNotFound, Err: errors.New("image nothing: it is not there")}
	}})
	dir := project(t, map[string]string{"Dockerfile": "FROM nowhere.invalid/a AS late\nRUN true\nFROM busybox AS bad\nRUN false\nFROM nowhere.invalid/b AS test\nRUN true\nFROM busybox AS web\nRUN true\n"})
	_, err := y.Build(t.Context(), y.request(t, dir, "=web", "bad", "test", "late"), rec)
	u, ok := errors.AsType[*release.UserError](err)
	if !ok || u.Kind != release.KindNotFound || !strings.HasPrefix(u.Error(), "2 failures: base image nowhere.invalid/a:latest, base image nowhere.invalid/b:latest") {
		t.Errorf("%v", err)
	}
	if first, second := strings.Index(u.Detail, "Dockerfile:1"), strings.Index(u.Detail, "Dockerfile:5"); first < 0 || second < first {
		t.Errorf("not in the order of the Dockerfile:\n%s", u.Detail)
	}
	for text, in := range rec.instructions("stage:test") {
		if in.State == event.Failed && (in.File != "Dockerfile" || len(in.Places) != 1 || in.Places[0].Line != 5) {
			t.Errorf("%s: %+v", text, in)
		}
	}
}

func TestACheckThatFailedIsToldAlsoWhereTheRestIsStopped(t *testing.T) {
	y := newYard(t)
	dir := project(t, map[string]string{"Dockerfile": "FROM busybox AS bad\nRUN --mount=type=cache,target=/meet until [ -e /meet/hangs ]; do usleep 1000; done; exit 3\n" +
		"FROM busybox AS hangs\nRUN --mount=type=cache,target=/meet touch /meet/hangs; sleep 31344.25\n"})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	rec, failed := &recorder{}, make(chan error, 1)
	req := y.request(t, dir, "bad", "hangs")
	go func() {
		_, err := y.Build(ctx, req, rec)
		failed <- err
	}()
	eventually(t, "bad has failed", func() bool { return rec.steps()["stage:bad"] == event.Failed })
	if step := rec.end(t, "stage:bad"); step.Error != "exit code 3" {
		t.Errorf("ended as %+v", step)
	}
	cancel()
	u, ok := errors.AsType[*release.UserError](<-failed)
	if !ok || u.Kind != release.KindCheck || !strings.HasPrefix(u.Error(), "check bad: ") || strings.Contains(u.Error(), "check hangs") {
		t.Errorf("%v", u)
	}
	eventually(t, "the process is gone", func() bool { return len(processes(t, "31344.25")) == 0 })
}

func TestWhatAFailedCheckStopsIsStoppedAtOnceWhateverElseGoesOn(t *testing.T) {
	y := newYard(t)
	meet := "RUN --mount=type=cache,target=/meet "
	dir := project(t, map[string]string{"Dockerfile": "FROM busybox AS builder\n" + meet + "touch /meet/builder; sleep 31350.25\nFROM builder AS web\nRUN true\n" +
		"FROM busybox AS hangs\n" + meet + "touch /meet/hangs; sleep 31351.25\n" +
		"FROM busybox AS bad\n" + meet + "until [ -e /meet/builder ] && [ -e /meet/hangs ]; do usleep 1000; done; false\n"})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	rec, ended := &recorder{}, make(chan error, 1)
	req := y.request(t, dir, "=web", "hangs", "bad")
	go func() {
		_, err := y.Build(ctx, req, rec)
		ended <- err
	}()
	want := map[string]event.State{"stage:builder": event.Stopped, "stage:web": event.Stopped, "stage:bad": event.Failed, "stage:hangs": event.Started}
	eventually(t, "the image is told as stopped", func() bool { return cmp.Equal(want, rec.steps()) })
	cancel()
	if err := <-ended; release.KindOf(err) != release.KindCheck {
		t.Errorf("%v", err)
	}
	for _, step := range []string{"stage:builder", "stage:web", "stage:bad", "stage:hangs"} {
		rec.end(t, step) // once
	}
	if log := rec.log("stage:builder"); log != "" {
		t.Errorf("of what was stopped there is a log: %s", log)
	}
}

func TestOfSeveralFailuresEachHasItsOwnAdvice(t *testing.T) {
	y := newYard(t)
	dir := project(t, map[string]string{
		"Dockerfile": "FROM busybox AS lint\nRUN exit 3\nFROM scratch AS bare\nCOPY Dockerfile /\nRUN [\"/nothing\"]\nFROM busybox AS test\nRUN false\n",
	})
	failures := func(targets ...string) *release.UserError {
		req := y.request(t, dir, targets...)
		for i, s := range req.Stages {
			req.Stages[i].Skips = []string{s.Name}
		}
		u, _ := y.fail(t, req)
		return u
	}
	// One build tells what failed at the same time, so the release joins them again.
	one := build.Joined([]*release.UserError{build.Joined([]*release.UserError{failures("lint"), failures("bare")}), failures("test")})
	if got, want := one.Error(), "3 checks failed: lint, bare, test"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if want := "correct what they found, then run the same command again, or leave them out: checks: {bare: skip, lint: skip, test: skip} in seaworthy.yaml"; one.Hint != want {
		t.Errorf("hint %q", one.Hint)
	}
	for _, part := range []string{
		"check lint: RUN exit 3 exited with code 3\nDockerfile:2\n", "\nhint: see that the stage has the program, and all that it needs to run\n\ncheck test: ",
	} {
		if !strings.Contains(one.Detail, part) {
			t.Errorf("no %q in\n%s", part, one.Detail)
		}
	}
	if text := build.InFull(one); !strings.HasPrefix(text, "3 failures: check lint: RUN exit 3 exited with code 3; check bare: ") {
		t.Errorf("in full it is %q", text)
	}
	if strings.Count(one.Detail, "hint:") != 1 {
		t.Errorf("advice that is for all is said again:\n%s", one.Detail)
	}
}

func TestManyFailuresAreOneLine(t *testing.T) {
	var all []*release.UserError
	for _, kind := range []release.Kind{release.KindCheck, release.KindNotFound, release.KindBuild, release.KindCheck, release.KindCheck, release.KindCheck, release.KindCheck} {
		all = append(all, &release.UserError{Kind: kind, Err: fmt.Errorf("failure %d", len(all)), Detail: "excerpt\n"})
	}
	u := build.Joined(all)
	if u.Kind != release.KindNotFound || u.Error() != "7 failures: failure 0, failure 1, failure 2, failure 3, failure 4 and 2 more" || strings.Count(u.Detail, "excerpt") != 7 {
		t.Errorf("%s: %v\n%s", u.Kind, u, u.Detail)
	}
	slices.Reverse(all)
	if u := build.Joined(all); u.Kind != release.KindNotFound {
		t.Errorf("in another order it is of kind %s", u.Kind)
	}
}

func TestCancelStopsRUN(t *testing.T) {
	y := newYard(t)
	mark := "31337.25"
	dir := project(t, map[string]string{"Dockerfile": "FROM busybox AS web\nRUN echo started && sleep " + mark + "\n"})
	req := y.request(t, dir, "=web")
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	rec := &recorder{}
	failed := make(chan error, 1)
	go func() {
		_, err := y.Build(ctx, req, rec)
		failed <- err
	}()
	eventually(t, "RUN has started", func() bool { return rec.log("stage:web") == "started\n" })

	why := errors.New("the client went away")
	cancel(why)

	if err := <-failed; release.KindOf(err) != release.KindInterrupted || !errors.Is(err, why) {
		t.Errorf("error %v of kind %s", err, release.KindOf(err))
	}
	eventually(t, "the process is gone", func() bool { return len(processes(t, mark)) == 0 })
	if got := rec.steps()["stage:web"]; got != event.Stopped {
		t.Errorf("web is %s", got)
	}
}

func TestCloseCancelsAndWaits(t *testing.T) {
	y := newYard(t)
	b := openBuilder(t, build.Config{Root: t.TempDir(), Store: y.store})
	second := &yard{Builder: b, store: y.store}
	mark := "31338.25"
	dir := project(t, map[string]string{"Dockerfile": "FROM busybox AS web\nRUN echo started && sleep " + mark + "\n"})
	req := second.request(t, dir, "=web")
	rec := &recorder{}
	failed := make(chan error, 1)
	go func() {
		_, err := second.Build(t.Context(), req, rec)
		failed <- err
	}()
	eventually(t, "RUN has started", func() bool { return rec.log("stage:web") == "started\n" })

	if err := b.Close(); err != nil {
		t.Errorf("close: %v", err)
	}

	if got := processes(t, mark); len(got) > 0 {
		t.Errorf("left behind: %v", got)
	}
	if err := <-failed; release.KindOf(err) != release.KindEngine {
		t.Errorf("error %v", err)
	}
}
