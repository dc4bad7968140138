package engine

import (
	"slices"
	"strings"

	"github.com/seaworthyhq/seaworthy/internal/cause"
	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// operationReasons say where what made two images differs, by what is another thing there; what follows differs because of that.
func (r imageReasons) operationReasons(known between, moved []string) []string {
	then := r.aligned(known.was, known.is)
	was, is := then.operations, known.is.operations
	if len(was) == 0 || len(is) == 0 {
		return nil
	}
	reasons := r.differences(cause.Between{From: then.step, To: known.is.step, Was: was, Is: is, Files: r.files, Name: r.nameOf}, moved)
	if reasons = append(reasons, r.again(known)...); len(reasons) > 0 || len(moved) > 0 {
		return reasons
	}
	has := cause.Keys(is)
	for _, op := range cause.Roots(was, func(op cause.Operation) bool { return !has[op.Key] }) {
		reasons = append(reasons, "no longer there: "+r.written(op))
	}
	return reasons
}

// again is what ran although nothing of it differs, because the cache was not used or has lost it. That can make another image as
// well, since files that are made anew have new times.
func (r imageReasons) again(known between) (reasons []string) {
	had := cause.Keys(known.was.operations)
	for _, op := range cause.Roots(known.is.operations, func(op cause.Operation) bool { return had[op.Key] && ranIn(known.ran, op) }) {
		if fetchesAnew(known.is.operations, op) {
			reasons = append(reasons, "fetched again: "+r.written(op))
			continue
		}
		reasons = append(reasons, "ran again without cache: "+r.written(op))
	}
	return reasons
}

// differences are those for which there is no other line: another base has one.
func (r imageReasons) differences(b cause.Between, moved []string) (reasons []string) {
	for _, d := range b.Differences() {
		texts := []string{}
		for _, because := range d.Reasons {
			switch {
			case because.Kind == release.ReasonBase && slices.Contains(moved, familiar(because.Names[0])):
			case d.Step == "":
				texts = append(texts, because.Text)
			default:
				texts = append(texts, r.nameOf(d.Step)+": "+because.Text)
			}
		}
		if len(d.Reasons) == 0 && !takesBase(b.Is, d.Op, moved) {
			texts = append(texts, r.written(d.Op))
		}
		for _, text := range texts {
			if !slices.Contains(reasons, text) {
				reasons = append(reasons, text)
			}
		}
	}
	return reasons
}

// aligned is what made the first image, with its stages by the keys that these have now: other services and other stages before
// them change those.
func (r imageReasons) aligned(was, is made) made {
	now, then := map[string]string{stageOf(is.step): is.step}, map[string]bool{was.step: true} // now: by the name of the stage
	for _, op := range is.operations {
		for _, step := range op.Stages {
			now[stageOf(step)] = step
		}
	}
	for _, op := range was.operations {
		for _, step := range op.Stages {
			then[step] = true
		}
	}
	all, from := cause.Made{Operations: was.operations}, was.step
	for step := range then {
		key, known := now[stageOf(step)]
		if !known && step == was.step && r.project.Stage(step) == nil { // it has another name, or another number
			key, known = is.step, !then[is.step]
		}
		if known && key != step {
			all = all.As(key, step)
		}
		if known && step == was.step {
			from = key
		}
	}
	return made{from, all.Operations}
}

// stageOf is the name of a step's stage, without the services that it is for.
func stageOf(step string) string {
	return step[max(strings.LastIndexAny(step, "/:")+1, 0):]
}

// takesBase reports whether one of these base images goes into an operation.
func takesBase(ops []cause.Operation, op cause.Operation, refs []string) bool {
	return slices.ContainsFunc(ops, func(in cause.Operation) bool {
		ref, is := strings.CutPrefix(in.Source, cause.ImageSource)
		ref, _, _ = strings.Cut(ref, "@")
		return is && slices.Contains(op.Inputs, in.Key) && slices.Contains(refs, familiar(ref))
	})
}

// fetchesAnew reports whether the operation takes something from elsewhere, which may have changed there.
func fetchesAnew(ops []cause.Operation, op cause.Operation) bool {
	return slices.ContainsFunc(ops, func(in cause.Operation) bool {
		return slices.Contains(op.Inputs, in.Key) && in.Source != "" && !strings.HasPrefix(in.Source, cause.ImageSource)
	})
}

func ranIn(ran []event.Instruction, op cause.Operation) bool {
	return op.Line > 0 && slices.ContainsFunc(ran, func(in event.Instruction) bool {
		return in.Line == op.Line && in.Text == op.Text && in.File == op.File
	})
}

// written is the operation as the Dockerfile has it, and where: "builder: COPY . . (Dockerfile:3)".
func (r imageReasons) written(op cause.Operation) string {
	if len(op.Stages) == 0 {
		return op.Written()
	}
	return r.nameOf(op.Stages[0]) + ": " + op.Written()
}

// nameOf is a stage for people.
func (r imageReasons) nameOf(step string) string {
	if s := r.project.Stage(step); s != nil {
		return s.FullName()
	}
	return strings.TrimPrefix(step, "stage:")
}
