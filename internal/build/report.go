package build

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/containerd/log"
	"github.com/moby/buildkit/cache"
	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/snapshot"
	"github.com/moby/buildkit/solver"
	"github.com/moby/buildkit/solver/errdefs"
	llberrdefs "github.com/moby/buildkit/solver/llbsolver/errdefs"
	"github.com/moby/buildkit/solver/pb"
	bkworker "github.com/moby/buildkit/worker"
	"github.com/opencontainers/go-digest"

	usersession "github.com/seaworthyhq/seaworthy/internal/build/session"
	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/report"
)

// collect keeps the reports of a check that has ended, and sums up its tests. What goes wrong with that is told, and changes
// nothing about how the check ended.
func (s *targetSolve) collect(built solver.CachedResult, failed error) {
	if s.target.Image {
		return
	}
	if !s.hasEnded(failed) {
		s.tellOfStopped()
		return
	}
	ref := s.left(built, failed)
	tests := s.progress.tests(s.target.Key)
	if failed == nil {
		tests = s.remembered(ref, tests)
	}
	if len(s.target.Reports) > 0 {
		found, err := s.keepReports(ref)
		if err != nil && s.life.Err() == nil {
			s.progress.warn(s.ofReports(fmt.Sprintf("none are kept: %v; what %s has is of an earlier run", err, s.target.ReportsDir)), "")
		}
		if found.Total > 0 {
			tests = found
		}
	}
	if failed == nil {
		s.tellOfPassed(tests)
	}
	s.progress.testsOf(s.target.Key, tests)
}

// hasEnded reports whether it was the check itself that ended, well or not: neither something that it needs, nor whoever waits for it.
func (s *targetSolve) hasEnded(failed error) bool {
	if failed == nil || isTimeLimit(failed) {
		return true
	}
	vertex, ok := errors.AsType[*errdefs.VertexError](failed)
	return ok && s.life.Err() == nil && !errors.Is(failed, context.Canceled) && s.progress.isOf(digest.Digest(vertex.Digest), s.target.Key)
}

// left is the file system that the check left: its result, or that of the instruction that failed. It is nil where there is none.
func (s *targetSolve) left(built solver.CachedResult, failed error) cache.ImmutableRef {
	if failed == nil {
		return refOf(built)
	}
	exec, ended := errors.AsType[*llberrdefs.ExecError](failed)
	op, known := errors.AsType[*errdefs.OpError](failed)
	if !ended || !known {
		return nil
	}
	for i, m := range op.Op.GetExec().GetMounts() {
		if m.Dest == pb.RootMount && i < len(exec.Mounts) {
			return refOf(exec.Mounts[i])
		}
	}
	return nil
}

func refOf(result solver.Result) cache.ImmutableRef {
	if result == nil {
		return nil
	}
	if ref, ok := result.Sys().(*bkworker.WorkerRef); ok {
		return ref.ImmutableRef
	}
	return nil
}

// keepReports has the user keep what the check left of its reports, in place of what was kept of it before.
func (s *targetSolve) keepReports(ref cache.ImmutableRef) (tests report.Summary, err error) {
	root, done, err := s.mounted(ref)
	if err != nil {
		return tests, err
	}
	defer done()
	files, err := findReports(s.life, root, s.target.Reports)
	if err != nil {
		return tests, err
	}
	tests = files.sumUp(s.tellOfReport).Clean(s.progress.hide.Text)
	if more := s.unread - filesNamed; more > 0 {
		s.progress.warn(s.ofReports(fmt.Sprintf("more files that could not be read whole: %d", more)), "")
	}
	s.tellOf(files)
	user, err := s.builder.user(s.life, s.req)
	if err != nil {
		return tests, err
	}
	if err := usersession.SendReports(s.life, user, s.target.Key, files); err != nil {
		return tests, err
	}
	s.progress.reported(event.Report{
		Step: s.target.Key, Path: s.target.ReportsDir, Files: len(files.files), Bytes: files.bytes, Missing: files.missed(),
		Tests: tests.Tests, Failures: tests.Failures,
	})
	return tests, nil
}

// mounted shows a file system until done is called; one that is not there is empty.
func (s *targetSolve) mounted(ref cache.ImmutableRef) (root *os.Root, done func(), err error) {
	if ref == nil {
		return nil, func() {}, nil
	}
	mountable, err := ref.Mount(s.life, true, session.NewGroup(s.sid))
	if err != nil {
		return nil, nil, fmt.Errorf("mount what the check left: %w", err)
	}
	mounter := snapshot.LocalMounter(mountable)
	dir, err := mounter.Mount()
	if err == nil {
		root, err = os.OpenRoot(dir)
	}
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("mount what the check left: %w", err), mounter.Unmount())
	}
	return root, func() {
		_ = root.Close() // nothing was written
		if err := mounter.Unmount(); err != nil {
			log.G(s.life).WithError(err).Warn("unmount what a check left") // the next start does
		}
	}, nil
}

// testsKey is where a result of the build cache has the tests that a check told of on its standard output: one that comes from
// the cache writes nothing.
const testsKey = "seaworthy.tests"

// remembered are the tests that a check which passed told of on its standard output, also where that was in an earlier build. One
// that adds nothing to the stage that it is FROM has that one's result, and told nothing.
func (s *targetSolve) remembered(ref cache.ImmutableRef, tests report.Summary) report.Summary {
	if ref == nil || !s.progress.makesResult(s.target.Key) {
		return tests
	}
	if tests.Total > 0 {
		value, err := json.Marshal(tests.Tests)
		if err == nil {
			err = ref.SetExternal(testsKey, value)
		}
		if err != nil {
			log.G(s.life).WithError(err).Warn("remember the tests of a check") // nothing but the sum is lost
		}
		return tests
	}
	if value, err := ref.GetExternal(testsKey); err == nil {
		_ = json.Unmarshal(value, &tests.Tests) // of an older version it may be something else
	}
	return tests
}

// tested adds up what an instruction told of tests on its standard output.
func (p *progress) tested(dgst digest.Digest, tests report.Summary) {
	tests = tests.Clean(p.hide.Text)
	p.mu.Lock()
	defer p.mu.Unlock()
	v := p.known(dgst)
	if v == nil || v.of == nil || tests.Total == 0 {
		return
	}
	for _, key := range v.of.steps {
		run := &p.stage(key).run
		sum := report.Summary{Tests: run.Tests, Failures: run.Failures}
		sum.Add(tests)
		run.Tests, run.Failures = sum.Tests, sum.Failures
	}
}

func (p *progress) tests(key string) report.Summary {
	p.mu.Lock()
	defer p.mu.Unlock()
	run := p.stage(key).run
	return report.Summary{Tests: run.Tests, Failures: run.Failures}
}

func (p *progress) testsOf(key string, tests report.Summary) {
	p.mu.Lock()
	defer p.mu.Unlock()
	run := &p.stage(key).run
	run.Tests, run.Failures = tests.Tests, tests.Failures
}

// reported tells of the files of a check that were kept.
func (p *progress) reported(r event.Report) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if r.Files > 0 {
		p.stage(r.Step).run.Reports = r.Path
	}
	p.sink.Emit(event.Event{Type: event.TypeReport, Report: &r})
}

// collected lets a stage end that had to wait for its reports. One whose time was over while no process of it ran has nothing else
// that failed.
func (p *progress) collected(key string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.stage(key)
	s.uncollected = false
	_, ofVertex := errors.AsType[*errdefs.VertexError](err)
	if p.advance(s); isTimeLimit(err) && !ofVertex && !s.state.Ended() {
		p.emitStep(s, event.Failed, err.Error())
	}
}

// makesResult reports whether what a target comes to is made by an instruction of its own.
func (p *progress) makesResult(key string) bool {
	p.mu.Lock()
	result := p.results[key]
	p.mu.Unlock()
	return p.isOf(result, key)
}

// isOf reports whether a vertex is an instruction of a stage.
func (p *progress) isOf(dgst digest.Digest, key string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	v := p.known(dgst)
	if v == nil || v.of == nil {
		return false
	}
	return slices.Contains(v.of.steps, key)
}

// testsText is what is said of a step's tests beside how it ended.
func testsText(run release.StepRun) string {
	return report.Summary{Tests: run.Tests, Failures: run.Failures}.String()
}
