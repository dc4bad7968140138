package engine

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/seaworthyhq/seaworthy/internal/api"
	"github.com/seaworthyhq/seaworthy/internal/cause"
	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/phrase"
	"github.com/seaworthyhq/seaworthy/internal/pipeline"
	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/state"
)

// steps are what is recorded of the steps of projects. They are read once, and written where something is new: a build that came
// from cache as a whole writes nothing of its own.
type steps struct {
	mu  sync.Mutex // guards all
	all map[string]*projectSteps
}

// projectSteps are those of one project.
type projectSteps struct {
	known          map[string]state.Step
	cached         map[string]time.Time
	changed        map[string]int // of known, to the number of the change that has yet to be written
	changes        int
	cachings, kept int         // how often cached was changed, and when it was written
	work, written  *state.Work // written is what is recorded
	workOf         release.ID  // the release with which the times of work are kept, as far as is remembered
}

// of returns the steps of a project, read if need be. The lock is held.
func (s *steps) of(db *state.DB, project string) (*projectSteps, error) {
	if p := s.all[project]; p != nil {
		return p, nil
	}
	p := &projectSteps{changed: map[string]int{}}
	err := db.View(func(tx state.Tx) (err error) {
		if p.known, err = tx.Steps(project); err != nil {
			return err
		}
		if p.cached, err = tx.StepsCached(project); err != nil {
			return err
		}
		work, err := tx.Work(project)
		p.work, p.written = &work, &work
		return err
	})
	if err != nil {
		return nil, err
	}
	if s.all == nil {
		s.all = map[string]*projectSteps{}
	}
	s.all[project] = p
	return p, nil
}

// before is what the steps of a project were made of the last time.
func (s *steps) before(db *state.DB, project string) (map[string]cause.Made, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.of(db, project)
	if err != nil {
		return nil, err
	}
	made := map[string]cause.Made{}
	for key, step := range p.known {
		made[key] = step.Made
	}
	return made, nil
}

// note takes in what came out of a pipeline, whether it ended well or not. It reports whether there is anything new to record.
func (s *steps) note(db *state.DB, project string, out *pipeline.Output) (news bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.of(db, project)
	if err != nil {
		return false, err
	}
	p.compare(out.Stages)
	p.missing(out)
	for _, run := range out.Steps {
		step := p.known[run.Key]
		if run.Empty {
			if before := step.Run; !before.Empty || before.Name != run.Name || !slices.Equal(before.After, run.After) {
				p.put(run.Key, state.Step{Run: run})
			}
			continue
		}
		made, built := out.Made[run.Key]
		if !built {
			continue
		}
		if step.Run.Empty { // it no longer is
			step.Run, step.Ran = release.StepRun{}, ""
		}
		made = made.After(step.Made)
		switch {
		case run.State != string(event.Cached):
			step.Run, step.Ran = run, made.Digest()
		case made.Same(step.Made):
			p.fromCache(run.Key)
			continue
		default:
			p.fromCache(run.Key)
		}
		step.Made = made
		p.put(run.Key, step)
	}
	if out.Release.Project != "" && ran(out.Steps) { // and it ended well
		p.work, p.workOf = workOf(out), ""
	}
	return p.news(), nil
}

// compare takes in which stages the project has, if that is known, and which of them are not built.
func (p *projectSteps) compare(stages []event.Node) {
	if len(stages) == 0 {
		return
	}
	has := map[string]bool{}
	for _, n := range stages {
		has[n.Key] = true
		step, known := p.known[n.Key]
		why := ""
		if n.Skip {
			why = n.Why
		}
		if (known || n.Skip) && (step.Gone || step.Skipped != why) {
			step.Gone, step.Skipped, step.Run.Name = false, why, n.Name
			p.put(n.Key, step)
		}
	}
	for key, step := range p.known {
		if strings.HasPrefix(key, "stage:") && !has[key] && !step.Gone {
			step.Gone = true
			p.put(key, step)
		}
	}
}

// missing takes in which stages a build that did not end well has not come to.
func (p *projectSteps) missing(out *pipeline.Output) {
	came := map[string]bool{}
	var failed []string
	for _, run := range out.Steps {
		_, built := out.Made[run.Key]
		came[run.Key] = built || run.State != string(event.Stopped)
		if run.State == string(event.Failed) {
			failed = append(failed, run.Name)
		}
	}
	why := "it was stopped"
	if len(failed) > 0 {
		why = phrase.First(failed, 3) + " failed"
	}
	for _, n := range out.Stages {
		step, missed := p.known[n.Key], why
		if came[n.Key] || n.Skip || out.Release.Project != "" {
			missed = ""
		}
		if step.Missed == missed {
			continue
		}
		if step.Missed = missed; step.Run.Empty { // that may no longer be
			step.Run = release.StepRun{}
		}
		step.Run.Name = n.Name
		p.put(n.Key, step)
	}
}

// news reports whether there is anything to write at once.
func (p *projectSteps) news() bool { return len(p.changed) > 0 || p.work != p.written }

func (p *projectSteps) put(key string, step state.Step) {
	p.known[key] = step
	p.changes++
	p.changed[key] = p.changes
}

func (p *projectSteps) fromCache(key string) {
	p.cached[key] = time.Now()
	p.cachings++
}

// save writes what is new of a project. What it returns is to be called when that is kept.
func (s *steps) save(tx state.Tx, project string) (kept func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.all[project]
	if p == nil {
		return func() {}, nil
	}
	for key := range p.changed {
		if err := tx.PutStep(project, key, p.known[key]); err != nil {
			return nil, err
		}
	}
	if p.cachings != p.kept {
		if err := tx.PutStepsCached(project, p.cached); err != nil {
			return nil, err
		}
	}
	if p.work != p.written {
		if err := tx.PutWork(project, *p.work); err != nil {
			return nil, err
		}
	}
	written, cachings, work := maps.Clone(p.changed), p.cachings, p.work
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		for key, change := range written {
			if p.changed[key] == change {
				delete(p.changed, key)
			}
		}
		p.kept, p.written = cachings, work
	}, nil
}

// stepsBefore is what a project's steps were made of the last time. Nothing fails for want of that.
func (e *Engine) stepsBefore(project string) map[string]cause.Made {
	before, err := e.steps.before(e.db, project)
	if err != nil {
		e.log.Error("read steps", "project", project, "error", err)
	}
	return before
}

// noteSteps takes in what became of the steps of a build. Those of one of which no release is recorded are recorded by
// themselves, if anything of them is new.
func (e *Engine) noteSteps(req api.UpRequest, out *pipeline.Output, failed bool) {
	if out == nil {
		return
	}
	news, err := e.steps.note(e.db, req.Project.Name, out)
	if err != nil {
		e.log.Error("note steps", "project", req.Project.Name, "error", err)
	}
	if news && (failed || !isRecorded(req)) {
		e.keepSteps(req.Project.Name)
	}
}

// keepSteps writes what is new of a project's steps, on their own.
func (e *Engine) keepSteps(project string) {
	kept := func() {}
	err := e.db.Update(func(tx state.Tx) (err error) { kept, err = e.steps.save(tx, project); return err })
	if err != nil {
		e.log.Error("record steps", "project", project, "error", err)
		return
	}
	kept()
}

// keepAllSteps writes, when the engine ends, what it has kept in mind: when steps came from cache.
func (e *Engine) keepAllSteps() {
	e.steps.mu.Lock()
	var unwritten []string
	for project, p := range e.steps.all {
		if p.cachings != p.kept || p.news() {
			unwritten = append(unwritten, project)
		}
	}
	e.steps.mu.Unlock()
	for _, project := range unwritten {
		e.keepSteps(project)
	}
}

func (s *steps) forget(project string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, project)
}

// recorded are what is known of a project's steps, and when they came from cache last.
func (s *steps) recorded(db *state.DB, project string) (map[string]state.Step, map[string]time.Time, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.of(db, project)
	if err != nil {
		return nil, nil, err
	}
	return maps.Clone(p.known), maps.Clone(p.cached), nil
}

// forgetSteps forgets the steps of projects of which nothing else is known, unless they were built lately.
func (e *Engine) forgetSteps(now time.Time) error {
	e.keepAllSteps()
	return e.db.Update(func(tx state.Tx) error {
		environments, err := tx.Environments()
		if err != nil {
			return err
		}
		for _, project := range tx.StepProjects() {
			releases, err := tx.Releases(project)
			if err != nil {
				return err
			}
			lately, err := builtSince(tx, project, now.Add(-youth))
			if err != nil {
				return err
			}
			deployed := slices.ContainsFunc(environments, func(s state.Environment) bool { return s.Environment.Project == project })
			if deployed || lately || len(releases) > 0 {
				continue
			}
			if err := tx.RemoveSteps(project); err != nil {
				return err
			}
			e.steps.forget(project)
		}
		return nil
	})
}

func builtSince(tx state.Tx, project string, since time.Time) (bool, error) {
	known, err := tx.Steps(project)
	if err != nil {
		return false, err
	}
	cached, err := tx.StepsCached(project)
	for _, step := range known {
		if step.Run.Ended.After(since) {
			return true, err
		}
	}
	for _, at := range cached {
		if at.After(since) {
			return true, err
		}
	}
	return false, err
}
