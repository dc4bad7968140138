package cli

import (
	"context"
	"fmt"
	"os"
	"os/user"
	"strings"
	"time"

	"github.com/seaworthyhq/seaworthy/internal/build/session"
	"github.com/seaworthyhq/seaworthy/internal/git"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// originIn says where a release of the directory comes from.
func originIn(ctx context.Context, dir string) release.Origin {
	src := git.Look(ctx, dir, session.State+"/")
	return release.Origin{
		Commit: src.Commit, Tag: src.Tag, Branch: src.Branch, Remote: src.Remote, Dirty: src.Dirty,
		Actor: actor(), Time: time.Now().UTC(),
	}
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

func dirtyError(env string, dirty []string) error {
	shown := dirty
	if len(shown) > 10 {
		shown = append(append([]string(nil), shown[:10]...), fmt.Sprintf("and %d more", len(dirty)-10))
	}
	return &release.UserError{
		Kind:   release.KindConflict,
		Err:    fmt.Errorf("%s takes only what is committed, and %d paths are not", env, len(dirty)),
		Detail: "  " + strings.Join(shown, "\n  "),
		Hint:   "git commit them, or say --dirty",
	}
}
