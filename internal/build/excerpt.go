package build

import (
	"fmt"
	"strings"

	"github.com/moby/buildkit/solver/errdefs"
)

// longestExcerpt is how many lines of a Dockerfile stand in an error; of an instruction that has more, its beginning and its end.
const longestExcerpt = 40

// excerpt shows the lines of the Dockerfile that an error is about, as they were given to us.
func (r *running) excerpt(err error) string {
	var b strings.Builder
	seen := map[string]bool{}
	for _, src := range errdefs.Sources(err) {
		if src.Info != nil && r.req.Dockerfile != nil && src.Info.Filename == r.req.filename() {
			src.Info.Data = r.req.Dockerfile
		}
		var one strings.Builder
		if src.Print(&one) == nil && !seen[one.String()] {
			seen[one.String()] = true
			b.WriteString(shortened(one.String()))
		}
	}
	return b.String()
}

// shortened leaves out the middle of an excerpt that is too long.
func shortened(text string) string {
	lines := strings.SplitAfter(text, "\n")
	left := len(lines) - longestExcerpt
	if left <= 1 {
		return text
	}
	const end = 10
	begin := longestExcerpt - end
	return strings.Join(lines[:begin], "") + fmt.Sprintf("    … %d lines\n", left) + strings.Join(lines[begin+left:], "")
}
