package git

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// unseen finds what a status does not look into, as seen from dir: files that git was told not to look at (git update-index
// --assume-unchanged and --skip-worktree), but for what a sparse checkout leaves out, and submodules that are checked out.
func unseen(ctx context.Context, dir string, names ...string) (unwatched, submodules []string) {
	list := run(ctx, dir, append([]string{"ls-files", "-v", "--stage", "-z", "--"}, names...)...)
	for line := range strings.SplitSeq(string(list), "\x00") {
		about, path, _ := strings.Cut(line, "\t")
		tag, about, _ := strings.Cut(about, " ")
		there := func(path string) bool { _, err := os.Lstat(filepath.Join(dir, path)); return err == nil }
		switch {
		case strings.HasPrefix(about, "160000 "):
			if there(filepath.Join(path, ".git")) {
				submodules = append(submodules, path)
			}
		case tag == "h", (tag == "S" || tag != strings.ToUpper(tag)) && there(path):
			unwatched = append(unwatched, path)
		}
	}
	return unwatched, submodules
}

// lookInto adds what a submodule hides, and the submodule itself where it differs in what git was told not to look at there.
func (src *Source) lookInto(ctx context.Context, dir, submodule string) {
	var sub Source
	sub.lookFor(ctx, filepath.Join(dir, submodule), ".")
	place := src.Prefix + submodule
	for _, path := range sub.Ignored {
		src.Ignored = append(src.Ignored, place+"/"+path)
	}
	if len(sub.Dirty) > 0 && !slices.Contains(src.Dirty, place) {
		src.Dirty = append(src.Dirty, place)
		slices.Sort(src.Dirty)
	}
	if src.Err == nil {
		src.Err = sub.Err
	}
}

// watch adds those of the files that differ from the commit: a fresh index knows of no file that is not to be looked at.
func (src *Source) watch(ctx context.Context, dir string, files []string) {
	scratch, err := os.MkdirTemp("", "seaworthy-index-")
	if err != nil {
		src.Err = err
		return
	}
	defer os.RemoveAll(scratch)
	fresh := []string{"GIT_INDEX_FILE=" + filepath.Join(scratch, "index")}
	if _, err := ask(ctx, dir, fresh, "read-tree", src.Commit); err != nil {
		src.Err = refusal(dir, err)
		return
	}
	var seen Source
	seen.askStatus(ctx, dir, fresh, files...)
	src.Dirty, src.Err = append(src.Dirty, seen.Dirty...), seen.Err
	slices.Sort(src.Dirty)
	src.Dirty = slices.Compact(src.Dirty)
}
