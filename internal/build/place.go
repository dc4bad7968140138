package build

import (
	"cmp"
	"slices"

	"github.com/seaworthyhq/seaworthy/internal/event"
)

// stageLines are stages in the order of their lines.
type stageLines []Stage

func linesOf(all []Stage) stageLines {
	return slices.SortedFunc(slices.Values(all), func(a, b Stage) int { return cmp.Compare(a.Line, b.Line) })
}

// at is the stage that has a line, or nil.
func (l stageLines) at(line int) *Stage {
	i, found := slices.BinarySearchFunc(l, line, func(s Stage, line int) int { return cmp.Compare(s.Line, line) })
	if !found {
		i-- // the last one that begins before it
	}
	if i < 0 || line > l[i].EndLine {
		return nil
	}
	return &l[i]
}

// places are those of lines that stages have.
func (l stageLines) places(lines []place) []event.Place {
	var all []event.Place
	for _, at := range lines {
		if s := l.at(at.first); s != nil {
			all = append(all, event.Place{Step: s.Key, Line: at.first, EndLine: at.last})
		}
	}
	return inOrder(all)
}

// inOrder sorts places as they are in the Dockerfile, each once.
func inOrder(places []event.Place) []event.Place {
	slices.SortFunc(places, comparePlaces)
	return slices.Compact(places)
}

func comparePlaces(a, b event.Place) int {
	return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.EndLine, b.EndLine), cmp.Compare(a.Step, b.Step))
}

// stepsOf are the stages of places that are in order, each once.
func stepsOf(places []event.Place) []string {
	var all []string
	for _, at := range places { // a stage's lines follow each other
		if len(all) == 0 || all[len(all)-1] != at.Step {
			all = append(all, at.Step)
		}
	}
	return all
}
