package git

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// unwatchedFiles are the files, as seen from dir, that git was told not to look at (git update-index --assume-unchanged and
// --skip-worktree). What a sparse checkout leaves out is none of them.
func unwatchedFiles(ctx context.Context, dir string, names ...string) []string {
	var all []string
	list := run(ctx, dir, append([]string{"ls-files", "-v", "-z", "--"}, names...)...)
	for line := range strings.SplitSeq(string(list), "\x00") {
		tag, path, _ := strings.Cut(line, " ")
		assumed := tag != strings.ToUpper(tag)
		if !assumed && tag != "S" {
			continue
		}
		if _, err := os.Lstat(filepath.Join(dir, path)); err == nil || tag == "h" {
			all = append(all, path)
		}
	}
	return all
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
