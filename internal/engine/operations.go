package engine

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/seaworthyhq/seaworthy/internal/build"
	"github.com/seaworthyhq/seaworthy/internal/event"
)

const imageSource = "docker-image://"

// operationReasons say where what made two images begins to differ, in each branch: what follows differs because of that. What
// ran although nothing of it differs ran because the cache was not used or has lost it; that can make another image as well,
// since files that are made anew have new times.
func (r imageReasons) operationReasons(known between, moved []string) []string {
	if known.was == nil || known.is == nil {
		return nil
	}
	was, is := keysOf(known.was), keysOf(known.is)
	var reasons []string
	for _, op := range roots(known.is, func(op build.Operation) bool { return !was[op.Key] }) {
		if !isBase(op, moved) {
			reasons = append(reasons, r.written(op))
		}
	}
	again := roots(known.is, func(op build.Operation) bool { return was[op.Key] && ranIn(known.ran, op) })
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
	for _, op := range roots(known.was, func(op build.Operation) bool { return !is[op.Key] }) {
		reasons = append(reasons, "no longer there: "+r.written(op))
	}
	return reasons
}

func keysOf(ops []build.Operation) map[digest.Digest]bool {
	keys := map[digest.Digest]bool{}
	for _, op := range ops {
		keys[op.Key] = true
	}
	return keys
}

// roots are the operations for which something holds that holds for none of those that go into them.
func roots(ops []build.Operation, holds func(build.Operation) bool) []build.Operation {
	found := map[digest.Digest]bool{}
	var first []build.Operation
	for _, op := range ops { // inputs come first
		within := slices.ContainsFunc(op.Inputs, func(in digest.Digest) bool { return found[in] })
		switch {
		case within:
			found[op.Key] = true
		case holds(op):
			found[op.Key] = true
			first = append(first, op)
		}
	}
	slices.SortStableFunc(first, func(a, b build.Operation) int { return cmp.Compare(a.Line, b.Line) })
	return first
}

// isBase reports whether the operation brings in one of these base images.
func isBase(op build.Operation, refs []string) bool {
	ref, is := strings.CutPrefix(op.Source, imageSource)
	ref, _, _ = strings.Cut(ref, "@")
	return is && slices.Contains(refs, familiar(ref))
}

// fetchesAnew reports whether the operation takes something from elsewhere, which may have changed there.
func fetchesAnew(ops []build.Operation, op build.Operation) bool {
	return slices.ContainsFunc(ops, func(in build.Operation) bool {
		return slices.Contains(op.Inputs, in.Key) && in.Source != "" && !strings.HasPrefix(in.Source, imageSource)
	})
}

func ranIn(ran []event.Instruction, op build.Operation) bool {
	return op.Line > 0 && slices.ContainsFunc(ran, func(in event.Instruction) bool {
		return in.Line == op.Line && in.Text == op.Text && in.File == op.File
	})
}

// written is the operation as the Dockerfile has it, and where: "builder: COPY . . (Dockerfile:3)".
func (r imageReasons) written(op build.Operation) string {
	text := firstLine(op.Text)
	if len(op.Stages) > 0 {
		if s := r.project.Stage(op.Stages[0]); s != nil {
			text = s.Name + ": " + text
		}
	}
	if op.Line > 0 {
		text += fmt.Sprintf(" (%s:%d)", op.File, op.Line)
	}
	return text
}

// firstLine is what a list shows of an instruction.
func firstLine(text string) string {
	const limit = 80
	line, _, more := strings.Cut(text, "\n")
	line = strings.TrimSuffix(line, " \\")
	if len(line) > limit {
		line, more = strings.ToValidUTF8(line[:limit], ""), true
	}
	if more {
		line += " …"
	}
	return line
}
