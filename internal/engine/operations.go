package engine

import (
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/seaworthyhq/seaworthy/internal/cause"
	"github.com/seaworthyhq/seaworthy/internal/event"
)

// operationReasons say where what made two images begins to differ, in each branch: what follows differs because of that. What
// ran although nothing of it differs ran because the cache was not used or has lost it; that can make another image as well,
// since files that are made anew have new times.
func (r imageReasons) operationReasons(known between, moved []string) []string {
	if known.was == nil || known.is == nil {
		return nil
	}
	was, is := cause.Keys(known.was), cause.Keys(known.is)
	var reasons []string
	for _, op := range cause.Roots(known.is, func(op cause.Operation) bool { return !was[op.Key] }) {
		if !isBase(op, moved) {
			reasons = append(reasons, r.changed(known, op)...)
		}
	}
	again := cause.Roots(known.is, func(op cause.Operation) bool { return was[op.Key] && ranIn(known.ran, op) })
	for _, op := range again {
		if fetchesAnew(known.is, op) {
			reasons = append(reasons, "fetched again: "+r.written(op))
			continue
		}
		reasons = append(reasons, "ran again without cache: "+r.written(op))
	}
	if len(reasons) > 0 || len(moved) > 0 {
		return reasons
	}
	for _, op := range cause.Roots(known.was, func(op cause.Operation) bool { return !is[op.Key] }) {
		reasons = append(reasons, "no longer there: "+r.written(op))
	}
	return reasons
}

// changed says what of an operation is another thing, as far as that is known.
func (r imageReasons) changed(known between, op cause.Operation) (reasons []string) {
	if len(op.Stages) > 0 && op.Source == "" {
		step := op.Stages[0]
		c := cause.Case{
			Op: op.In(step), Step: step, Now: cause.Of(step, known.is), Before: cause.Of(step, known.was),
			Ran: func(digest.Digest) bool { return false }, Files: r.files, Name: r.nameOf,
		}
		for _, because := range c.Changes() {
			reasons = append(reasons, r.nameOf(step)+": "+because.Text)
		}
	}
	if len(reasons) == 0 {
		return []string{r.written(op)}
	}
	return reasons
}

// isBase reports whether the operation brings in one of these base images.
func isBase(op cause.Operation, refs []string) bool {
	ref, is := strings.CutPrefix(op.Source, cause.ImageSource)
	ref, _, _ = strings.Cut(ref, "@")
	return is && slices.Contains(refs, familiar(ref))
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
