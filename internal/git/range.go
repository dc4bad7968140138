package git

import (
	"context"
	"strconv"
	"strings"
)

// Range is how two commits lie to each other, as far as commits touch a directory.
type Range struct {
	Commits []Commit // that lead from the first to the second, the newest first; at most as many as were asked for
	More    int      // further ones
	Behind  int      // commits of the first that the second does not have
	Paths   []string // that differ between the first and the work tree, from the directory's point of view; of those that git knows
}

// Commit is one commit.
type Commit struct {
	Hash    string // abbreviated
	Subject string
}

// Between says how to comes to lie after from, of the commits that touch dir. Where one of them is not known there is nothing
// to say.
func Between(ctx context.Context, dir, from, to string, limit int) Range {
	var r Range
	counts := strings.Fields(string(run(ctx, dir, "rev-list", "--left-right", "--count", from+"..."+to, "--", ".")))
	if len(counts) != 2 {
		return r
	}
	for path := range strings.SplitSeq(string(run(ctx, dir, "diff", "--name-only", "--relative", "-z", from, "--", ".")), "\x00") {
		if path != "" {
			r.Paths = append(r.Paths, path)
		}
	}
	r.Behind, _ = strconv.Atoi(counts[0])
	ahead, _ := strconv.Atoi(counts[1])
	if ahead == 0 {
		return r
	}
	out := run(ctx, dir, "log", "--format=%h %s", "--max-count="+strconv.Itoa(limit), from+".."+to, "--", ".")
	for line := range strings.Lines(string(out)) {
		hash, subject, _ := strings.Cut(strings.TrimRight(line, "\n"), " ")
		r.Commits = append(r.Commits, Commit{hash, subject})
	}
	r.More = ahead - len(r.Commits)
	return r
}
