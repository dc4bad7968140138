// Package git says what commit a directory is at and what differs from it, by asking the git command. A directory outside of
// git, or a machine without git, is no error: there is just nothing to say. A repository that git will not read is one: what is
// not known to be committed must not count as committed.
package git

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

// Source is the commit that a directory is at. The zero value means that it is under no version control.
type Source struct {
	Commit string
	Tag    string // of the commit; the last one by name where there are several
	Branch string // empty where HEAD is detached
	Remote string // URL of origin, without credentials
	Dirty  []string
	Prefix string // the place of the directory in its work tree, with a slash at its end; empty at the top
	// Ignored are the paths that .gitignore and the like hide, from the directory's point of view. A folder that is hidden
	// as a whole ends in a slash and stands for all in it.
	Ignored []string
	// Err is why git would not say what differs, such as that the repository belongs to another user (a *release.UserError).
	Err error
}

// Look asks git about dir. Paths below apart (relative to dir, such as ".seaworthy/") are of no concern.
func Look(ctx context.Context, dir string, apart ...string) Source {
	var src Source
	var wait sync.WaitGroup
	wait.Go(func() { src.lookFor(ctx, dir, ".") })
	wait.Go(func() {
		tags := strings.Fields(string(run(ctx, dir, "tag", "--points-at", "HEAD", "--sort=version:refname")))
		if len(tags) > 0 {
			src.Tag = tags[len(tags)-1]
		}
	})
	wait.Go(func() {
		src.Remote = withoutCredentials(strings.TrimSpace(string(run(ctx, dir, "config", "--get", "remote.origin.url"))))
	})
	wait.Wait()
	isApart := func(path string) bool {
		return slices.ContainsFunc(apart, func(a string) bool { return strings.HasPrefix(path, a) })
	}
	for i, path := range src.Ignored {
		src.Ignored[i] = strings.TrimPrefix(path, src.Prefix)
	}
	src.Ignored = slices.DeleteFunc(src.Ignored, isApart)
	src.Dirty = slices.DeleteFunc(src.Dirty, func(path string) bool { return isApart(strings.TrimPrefix(path, src.Prefix)) })
	return src
}

// Changes are the paths of what is named in a directory, "." for all in it, that differ from the commit that it is at, and those
// that are hidden, as in Source. All are absolute. An error is that of Source.
func Changes(ctx context.Context, dir string, names ...string) (dirty, ignored []string, err error) {
	var src Source
	src.lookFor(ctx, dir, names...)
	absolute := func(paths []string) []string {
		for i, path := range paths {
			paths[i] = filepath.Join(dir, strings.TrimPrefix(path, src.Prefix))
		}
		return paths
	}
	return absolute(src.Dirty), absolute(src.Ignored), src.Err
}

// lookFor asks for the status of what is named in a directory, and where that lies: git's paths are relative to the top of the
// work tree.
func (src *Source) lookFor(ctx context.Context, dir string, names ...string) {
	var wait sync.WaitGroup
	var unwatched, submodules []string
	wait.Go(func() { src.askStatus(ctx, dir, nil, names...) })
	wait.Go(func() { unwatched, submodules = unseen(ctx, dir, names...) })
	wait.Go(func() {
		src.Prefix = strings.TrimSpace(string(run(ctx, dir, "rev-parse", "--show-prefix")))
	})
	wait.Wait()
	if src.Err == nil && src.Commit != "" && len(unwatched) > 0 {
		src.watch(ctx, dir, unwatched)
	}
	for _, submodule := range submodules {
		src.lookInto(ctx, dir, submodule)
	}
}

func (src *Source) askStatus(ctx context.Context, dir string, env []string, names ...string) {
	status := []string{
		"status", "--porcelain=v2", "--branch", "-z", "--untracked-files=all", "--ignored=matching",
		"--ignore-submodules=none", "--", // whatever is configured
	}
	out, err := ask(ctx, dir, env, append(status, names...)...)
	src.parseStatus(out)
	src.Err = refusal(dir, err)
}

// run returns what git prints, nothing where it fails.
func run(ctx context.Context, dir string, args ...string) []byte {
	out, err := ask(ctx, dir, nil, args...)
	if err != nil {
		return nil
	}
	return out
}

// ask returns what git prints, with further variables in its environment.
func ask(ctx context.Context, dir string, env []string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = dir
	// A status must not take the index's lock from the user who is at work in the tree; what git says is read in English.
	cmd.Env = append(append(cmd.Environ(), env...), "GIT_OPTIONAL_LOCKS=0", "GIT_LITERAL_PATHSPECS=1", "LC_ALL=C")
	out, err := cmd.Output()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return out, err
}

// refusal is the error that a status of dir failed with, as a person is shown it; none where there is no git or no work tree.
func refusal(dir string, err error) error {
	if err == nil || errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok {
		return fmt.Errorf("ask git about %s: %w", dir, err)
	}
	said := string(exit.Stderr)
	if strings.Contains(said, "not a git repository") || strings.Contains(said, "must be run in a work tree") {
		return nil
	}
	refused := &release.UserError{
		Kind: release.KindDenied, Err: fmt.Errorf("ask git about %s: %w", dir, err), Hint: "git -C " + dir + " status says more",
	}
	for line := range strings.Lines(said) {
		line = strings.TrimSpace(line)
		if fatal, ok := strings.CutPrefix(line, "fatal: "); ok {
			refused.Err = fmt.Errorf("ask git about %s: %s", dir, fatal)
		}
		if strings.HasPrefix(line, "git config ") { // git's own advice, of a repository that belongs to another user
			refused.Hint = line
		}
	}
	return refused
}

// parseStatus reads `git status --porcelain=v2 --branch -z` (git-status(1), "Porcelain Format Version 2").
func (src *Source) parseStatus(out []byte) {
	fields := bytes.Split(out, []byte{0})
	for i := 0; i < len(fields); i++ {
		line := string(fields[i])
		switch {
		case strings.HasPrefix(line, "# branch.oid "):
			if oid := strings.TrimPrefix(line, "# branch.oid "); oid != "(initial)" {
				src.Commit = oid
			}
		case strings.HasPrefix(line, "# branch.head "):
			if head := strings.TrimPrefix(line, "# branch.head "); head != "(detached)" {
				src.Branch = head
			}
		case strings.HasPrefix(line, "1 "): // changed: 8 fields before the path
			src.Dirty = append(src.Dirty, after(line, 8))
		case strings.HasPrefix(line, "2 "): // renamed: 9 fields before the path, and the old path follows
			src.Dirty = append(src.Dirty, after(line, 9))
			i++
		case strings.HasPrefix(line, "u "): // unmerged: 10 fields before the path
			src.Dirty = append(src.Dirty, after(line, 10))
		case strings.HasPrefix(line, "? "):
			src.Dirty = append(src.Dirty, line[2:])
		case strings.HasPrefix(line, "! "):
			src.Ignored = append(src.Ignored, line[2:])
		}
	}
	slices.Sort(src.Dirty)
}

func after(line string, fields int) string {
	for range fields {
		_, rest, ok := strings.Cut(line, " ")
		if !ok {
			return line
		}
		line = rest
	}
	return line
}

// withoutCredentials takes user:password@ out of a URL: a remote's address is recorded with releases.
func withoutCredentials(remote string) string {
	scheme, rest, ok := strings.Cut(remote, "://")
	if !ok {
		return remote
	}
	host, path, _ := strings.Cut(rest, "/")
	if i := strings.LastIndexByte(host, '@'); i >= 0 {
		host = host[i+1:]
	}
	return scheme + "://" + host + "/" + path
}
