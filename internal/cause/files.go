package cause

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

// Files are what an operation takes from folders of the user: what each file is, by path. Nil: that is not known.
type Files map[string]string

// named is how many names a reason has.
const named = 5

// Differ says how files are others than before.
func (f Files) Differ(before Files) (r release.Reason) {
	var added, modified, removed []string
	for _, path := range slices.Sorted(maps.Keys(f)) {
		switch was, known := before[path]; {
		case !known:
			added = append(added, "+"+path)
		case was != f[path]:
			modified = append(modified, "~"+path)
		}
	}
	for _, path := range slices.Sorted(maps.Keys(before)) {
		if _, still := f[path]; !still {
			removed = append(removed, "-"+path)
		}
	}
	r.Kind = release.ReasonFiles
	r.Added, r.Modified, r.Removed = len(added), len(modified), len(removed)
	all := slices.Concat(modified, added, removed)
	r.Names = all[:min(len(all), named)]
	r.Text = strings.Join(r.Names, " ")
	if more := len(all) - len(r.Names); more > 0 {
		r.Text += fmt.Sprintf(" and %d more", more)
	}
	return r
}
