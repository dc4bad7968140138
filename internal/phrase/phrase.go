// Package phrase is what texts for people say alike wherever they are made: how many there are of something, and the first of
// many names. It knows nothing of what they are names of.
package phrase

import (
	"strconv"
	"strings"
)

// Count is a number with its noun: "1 replica", "2 replicas".
func Count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

// First are names, at most so many of them, and how many there are besides: "a, b, c and 4 more".
func First(names []string, most int) string {
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return More(names[:most], len(names)-most)
}

// More are names, and that there are more of them: "a, b, c and 4 more". Of none more, nothing is said.
func More(names []string, more int) string {
	text := strings.Join(names, ", ")
	if more > 0 {
		text += " and " + strconv.Itoa(more) + " more"
	}
	return text
}

// And are names as a sentence has them, and that there are more of them: "a", "a and b", "a, b and c", "a, b and 3 more".
func And(names []string, more int) string {
	last := len(names) - 1
	if more > 0 || last < 1 {
		return More(names, more)
	}
	return strings.Join(names[:last], ", ") + " and " + names[last]
}
