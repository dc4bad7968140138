package build

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	cerrdefs "github.com/containerd/errdefs"
	gatewaypb "github.com/moby/buildkit/frontend/gateway/pb"
	"github.com/moby/buildkit/solver/errdefs"
	"github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"

	"github.com/seaworthyhq/seaworthy/internal/build/worker"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// failure is why a target was not built.
type failure struct {
	target  Target
	solving bool // false: the Dockerfile was not understood
	stopped bool // the build was, before it failed
	err     error
}

// report is the error that a build ends with, for people: what failed, where in the Dockerfile, and what it wrote last.
func (r *running) report(ctx context.Context, err error) error {
	r.mu.Lock()
	failures := slices.Clone(r.failures)
	r.mu.Unlock()
	slices.SortStableFunc(failures, func(a, b failure) int { return cmp.Compare(r.lineOf(a), r.lineOf(b)) })
	var told []*release.UserError
	at := map[subject]int{} // in told
	for _, f := range failures {
		if f.stopped || errors.Is(f.err, context.Canceled) || errors.Is(f.err, ErrOther) {
			continue // stopped because of another one
		}
		u := r.explain(f)
		about := r.subject(f, u)
		i, again := at[about]
		switch {
		case !again:
			at[about] = len(told)
			told = append(told, u)
		case len(u.Detail) > len(told[i].Detail):
			told[i] = u
		}
	}
	switch {
	case len(told) > 0: // also where the rest was stopped
		return Joined(told)
	case ctx.Err() != nil:
		return r.stopped(ctx)
	}
	return fmt.Errorf("build: %w", err)
}

// lineOf is where in the Dockerfile something failed.
func (r *running) lineOf(f failure) int {
	for _, src := range errdefs.Sources(f.err) {
		for _, lines := range src.Ranges {
			return int(lines.Start.GetLine())
		}
	}
	for _, s := range r.req.Stages {
		if s.Key == f.target.Key {
			return s.Line
		}
	}
	return 0
}

func (r *running) stopped(ctx context.Context) error {
	cause := context.Cause(ctx)
	if errors.Is(cause, errClosed) {
		return &release.UserError{Kind: release.KindEngine, Err: fmt.Errorf("build stopped: %w", cause), Hint: "run it again when the engine is up: seaworthy engine status"}
	}
	stopped := &release.UserError{Kind: release.KindInterrupted, Err: fmt.Errorf("build stopped: %w", cause)}
	if user, ok := errors.AsType[*release.UserError](cause); ok { // the engine ends, not the caller
		stopped.Kind, stopped.Hint = user.Kind, user.Hint
	}
	return stopped
}

// explain is a failure for people.
func (r *running) explain(f failure) *release.UserError {
	detail := r.excerpt(f.err)
	if base, ok := errors.AsType[*baseError](f.err); ok {
		u := r.explainBase(base, detail)
		u.Err = &failureOf{u.Err, "base image " + familiar(base.ref), r.skipsAt(f)}
		return u
	}
	if u, ok := errors.AsType[*release.UserError](f.err); ok && u.Kind == release.KindProject {
		return &release.UserError{Kind: u.Kind, Err: u.Err, Hint: u.Hint, Detail: detail}
	}
	vertex, failed := errors.AsType[*errdefs.VertexError](f.err)
	if !failed && !f.solving {
		return &release.UserError{
			Kind:   release.KindProject,
			Err:    fmt.Errorf("%s: %w", r.req.filename(), plainly(f.err)),
			Hint:   "correct the Dockerfile; seaworthy config shows its stages",
			Detail: detail,
		}
	}
	u := &release.UserError{Kind: release.KindBuild, Detail: detail, Hint: correctBuild}
	if !f.target.Image {
		u.Kind, u.Hint = release.KindCheck, correctCheck
	}
	switch limit, reached := errors.AsType[*timeLimitError](f.err); {
	case failed:
		r.explainVertex(u, f, digest.Digest(vertex.Digest))
	case reached:
		what := "check " + limit.stage
		u.Err, u.Hint = &failureOf{fmt.Errorf("%s %w", what, limit), what, r.skips(f.target.Key)}, limit.Hint()
	default:
		what := "stage " + f.target.Stage
		u.Err = &failureOf{fmt.Errorf("%s: %w", what, plainly(f.err)), what, r.skips(f.target.Key)}
	}
	return u
}

// skips are the checks that have to be skipped for a stage not to be built.
func (r *running) skips(stage string) []string {
	for _, s := range r.progress.all {
		if s.Key == stage {
			return s.Skips
		}
	}
	return nil
}

// skipsAt are those for the stage that has the line which an error is about.
func (r *running) skipsAt(f failure) []string {
	for _, src := range errdefs.Sources(f.err) {
		for _, lines := range src.Ranges {
			if stage := r.progress.written[f.target.Variant].at(int(lines.Start.GetLine())); stage != nil {
				return stage.Skips
			}
		}
	}
	if f.target.Image {
		return nil
	}
	return r.skips(f.target.Key)
}

// explainVertex says which instruction failed. One that the image needs too is no mere check, whoever met it first.
func (r *running) explainVertex(u *release.UserError, f failure, dgst digest.Digest) {
	p := r.progress
	p.mu.Lock()
	defer p.mu.Unlock()
	v := p.heard(dgst)
	if v.forImage() {
		u.Kind, u.Hint = release.KindBuild, correctBuild
	}
	key := f.target.Key
	if steps := v.of.steps; len(steps) > 0 && !slices.Contains(steps, key) { // of those that share it, one that the target needs
		key = steps[max(0, slices.IndexFunc(steps, func(step string) bool { return p.edges.needs(f.target.Key, step) }))]
	}
	what, skips := "stage "+p.stageName(key), []string(nil)
	if u.Kind == release.KindCheck {
		what = "check " + p.stageName(key)
		skips = r.skips(key)
	}
	text := named(v.of.text)
	if own, ok := errors.AsType[advising](f.err); ok {
		u.Err, u.Hint = fmt.Errorf("%s: %s %w", what, text, own), own.Hint()
	} else if exit, ok := errors.AsType[*gatewaypb.ExitError](f.err); ok {
		u.Err = exitError(what, text, exit)
	} else {
		u.Err = fmt.Errorf("%s: %s: %w", what, text, plainly(f.err))
	}
	if limit, ok := errors.AsType[*worker.LimitError](f.err); ok {
		u.Err = fmt.Errorf("%w: %s", u.Err, limit.Reached)
		u.Hint = fmt.Sprintf("let it do less at once, or raise %s in %s, then: seaworthy engine restart", limit.Setting, r.builder.cfg.settings())
	}
	_, unstarted := errors.AsType[*worker.StartError](f.err)
	if run := p.stage(key).run; run.Tests.Total > 0 && !unstarted { // else others ran them
		u.Err = fmt.Errorf("%w: %s", u.Err, testsText(run))
	}
	if len(v.tail) > 0 {
		u.Detail += strings.Join(v.tail, "\n") + "\n"
	}
	u.Err = &failureOf{u.Err, what, skips}
}

// advising is an error of our own about an instruction: what became of that, and what to do.
type advising interface {
	error
	Hint() string
}

func exitError(what, text string, exit *gatewaypb.ExitError) error {
	switch {
	case exit.ExitCode == gatewaypb.UnknownExitStatus:
		return fmt.Errorf("%s: %s did not run: %w", what, text, exit)
	case errors.Is(exit, unix.ENOMEM):
		return fmt.Errorf("%s: %s ran out of memory and exited with code %d", what, text, exit.ExitCode)
	default:
		return fmt.Errorf("%s: %s exited with code %d", what, text, exit.ExitCode)
	}
}

func (r *running) explainBase(base *baseError, detail string) *release.UserError {
	if why, ok := errors.AsType[*release.UserError](base.err); ok {
		return &release.UserError{Kind: why.Kind, Err: fmt.Errorf("base %w", why.Err), Detail: detail + why.Detail + "\n", Hint: why.Hint}
	}
	u := &release.UserError{Kind: release.KindBuild, Err: base, Detail: detail}
	name, mirror := familiar(base.ref), "name a mirror in "+r.builder.cfg.settings()
	switch {
	case cerrdefs.IsNotFound(base.err), strings.Contains(base.err.Error(), "insufficient_scope"):
		u.Kind = release.KindNotFound
		u.Hint = "check the name and tag of " + name + "; if the image is private, log in with docker login; if registries are out of reach, " + mirror
	default:
		u.Hint = "see that the registry of " + name + " can be reached from the engine, or " + mirror
	}
	return u
}

// layers are what BuildKit puts before a cause that says enough alone.
var layers = regexp.MustCompile(`^((failed to (solve|compute cache key|load cache key|calculate checksum of ref [^:]+::[^:]+)|error from sender): )+`)

// process is what BuildKit puts before how a process ended: the instruction, which is told beside it.
var process = regexp.MustCompile(`^process "(?:[^"\\]|\\.)*" did not complete successfully: (exit code: )?`)

// shortly is why an instruction failed, to be told beside it: "exit code 1".
func shortly(text string) string {
	text = layers.ReplaceAllString(text, "")
	at := process.FindStringSubmatchIndex(text)
	switch {
	case at == nil:
		return text
	case at[2] >= 0:
		return "exit code " + text[at[1]:]
	}
	return text[at[1]:]
}

// longestName is how many characters of an instruction stand in an error; the excerpt has all of it.
const longestName = 72

var options = regexp.MustCompile(`^(RUN )(--\S+ )+`)

// named is an instruction in one line; where that is long, without its options.
func named(text string) string {
	text, _, more := strings.Cut(text, "\n")
	if more {
		text = strings.TrimRight(text, " \\") + " …"
	}
	if len(text) > longestName {
		text = options.ReplaceAllString(text, "$1")
	}
	if letters := []rune(text); len(letters) > longestName {
		text = strings.TrimRight(string(letters[:longestName]), " ") + "…"
	}
	return text
}

// plainly is err without BuildKit's layers.
func plainly(err error) error {
	return &plainError{text: layers.ReplaceAllString(err.Error(), ""), err: err}
}

type plainError struct {
	text string
	err  error
}

func (e *plainError) Error() string { return e.text }
func (e *plainError) Unwrap() error { return e.err }

func (p *progress) stageName(key string) string {
	for _, s := range p.all {
		if s.Key == key {
			if s.Name != "" {
				return s.Name
			}
			return fmt.Sprint(s.Index)
		}
	}
	return key
}
