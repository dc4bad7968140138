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

// named are the places where stages name an image.
func (l stageLines) named(image string) []event.Place {
	var all []event.Place
	for _, s := range l {
		for _, use := range s.Images {
			if imageName(use.Ref) == image {
				all = append(all, event.Place{Step: s.Key, Line: use.Line, EndLine: use.Line})
			}
		}
	}
	return inOrder(all)
}

// naming replaces the places of those that use an image by those that name it, where their stages do: a FROM that names it by
// another word, as a context, has no place of its own.
func (l stageLines) naming(image string, users []event.Place) []event.Place {
	named := l.named(image)
	steps := stepsOf(users)
	named = slices.DeleteFunc(named, func(at event.Place) bool { return !slices.Contains(steps, at.Step) })
	rest := slices.DeleteFunc(users, func(user event.Place) bool {
		return slices.ContainsFunc(named, func(at event.Place) bool { return at.Step == user.Step })
	})
	return inOrder(append(rest, named...))
}

// inOrder sorts places as they are in the Dockerfile, each once.
func inOrder(places []event.Place) []event.Place {
	slices.SortFunc(places, func(a, b event.Place) int { return cmp.Or(comparePlaces(a, b), cmp.Compare(a.EndLine, b.EndLine)) })
	return slices.Compact(places)
}

func comparePlaces(a, b event.Place) int {
	return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Step, b.Step))
}

// stepsOf are the stages of places that are in order, each once.
func stepsOf(places []event.Place) []string {
	var all []string
	beside := false // lines are of several variants of a stage; otherwise a stage's lines follow each other
	for i, at := range places {
		beside = beside || i > 0 && at.Line == places[i-1].Line
		if i > 0 && at.Step == all[len(all)-1] || beside && slices.Contains(all, at.Step) {
			continue
		}
		all = append(all, at.Step)
	}
	return all
}
