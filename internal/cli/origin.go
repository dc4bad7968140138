package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/seaworthyhq/seaworthy/internal/git"
	"github.com/seaworthyhq/seaworthy/internal/phrase"
	"github.com/seaworthyhq/seaworthy/internal/project"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// originOfProject says where a release of the project comes from. Where git refuses to say that, local takes what is there as it
// takes what is in no repository; every other environment needs to know.
func originOfProject(ctx context.Context, p *project.Project, src git.Source) (release.Origin, error) {
	o, err := committedOrigin(ctx, p, src)
	if refused, ok := errors.AsType[*release.UserError](err); ok && refused.Kind == release.KindDenied && p.Environment.Name == project.Local {
		p.Warnings = append(p.Warnings, project.Problem{
			Severity: project.Warning, Message: "no commit is recorded: " + refused.Err.Error(), Hint: refused.Hint,
		})
		return release.Origin{Actor: actor(), Time: time.Now().UTC()}, nil
	}
	return o, err
}

// committedOrigin compares what ships with what is committed. What git ignores and ships all the same differs from the commit,
// too, and so does what ships from beyond the project's directory and is not committed there.
func committedOrigin(ctx context.Context, p *project.Project, src git.Source) (release.Origin, error) {
	if src.Err != nil {
		return release.Origin{}, src.Err
	}
	contexts, err := contextsOf(p)
	if err != nil {
		return release.Origin{}, err
	}
	ignored := shipped(p, contexts, src.Ignored)
	dirtyBeyond, ignoredBeyond, err := beyond(ctx, p, contexts)
	if err != nil {
		return release.Origin{}, err
	}
	o := release.Origin{
		Commit: src.Commit, Tag: src.Tag, Branch: src.Branch, Remote: src.Remote, Dirty: src.Dirty,
		Ignored: len(ignored) + len(ignoredBeyond), Actor: actor(), Time: time.Now().UTC(),
	}
	for _, place := range ignored {
		o.Dirty = append(o.Dirty, src.Prefix+place)
	}
	for _, place := range append(dirtyBeyond, ignoredBeyond...) {
		o.Dirty = append(o.Dirty, path.Join(src.Prefix, place))
	}
	slices.Sort(o.Dirty)
	return o, nil
}

// actor is who runs the command, as user@host; behind sudo, who called it.
func actor() string {
	name := os.Getenv("SUDO_USER")
	if name == "" {
		if u, err := user.Current(); err == nil {
			name = u.Username
		}
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return name + "@" + host
}

// maxDirtyShown is how many paths an error lists.
const maxDirtyShown = 10

func dirtyError(env string, o release.Origin) error {
	shown := o.Dirty
	if more := len(shown) - maxDirtyShown; more > 0 {
		shown = append(slices.Clone(shown[:maxDirtyShown]), fmt.Sprintf("and %d more", more))
	}
	said, hint := uncommitted(o)
	return &release.UserError{
		Kind:   release.KindConflict,
		Err:    fmt.Errorf("%s takes only what is committed: %s", env, said),
		Detail: "  " + strings.Join(shown, "\n  "),
		Hint:   hint + ", or say --dirty",
	}
}

// uncommitted says how much of what ships is in no commit, and what to do about it.
func uncommitted(o release.Origin) (said, hint string) {
	commit, keepOut := "git commit them", "keep what git ignores out of the build with .dockerignore"
	count := func(n int, what string) string { return phrase.Count(n, "path") + " " + what }
	changed := len(o.Dirty) - o.Ignored
	switch {
	case o.Ignored == 0:
		return count(changed, "not committed"), commit
	case changed == 0:
		return count(o.Ignored, "that git ignores"), keepOut
	}
	return count(changed, "not committed") + ", " + count(o.Ignored, "that git ignores"), commit + ", " + keepOut
}
