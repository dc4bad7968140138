package engine

import (
	"context"
	"fmt"
	"net/http"

	"github.com/seaworthyhq/seaworthy/internal/api"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

func (e *Engine) exportVolume(w http.ResponseWriter, r *http.Request) {
	env, name := environmentOf(r), r.PathValue("name")
	if _, err := e.runtime.Volume(env, name); err != nil {
		api.WriteError(w, &release.UserError{Kind: release.KindNotFound, Err: err, Hint: "seaworthy volume list"})
		return
	}
	w.Header().Set("Content-Type", "application/x-tar")
	if err := e.runtime.ExportVolume(r.Context(), env, name, w); err != nil {
		e.log.Error("export volume", "volume", name, "error", err)
		panic(http.ErrAbortHandler) // a cut connection is the only way left to say that the archive is not whole
	}
}

func (e *Engine) removeVolume(ctx context.Context, env release.Environment, name string) error {
	s, err := e.environment(env)
	if err != nil {
		return err
	}
	if s.Serving != nil {
		if users := usersOf(s.Serving.Generation.Config, name); len(users) > 0 {
			return &release.UserError{
				Kind: release.KindConflict, Err: fmt.Errorf("volume %s is used by %v", name, users),
				Hint: "seaworthy down --volumes removes both",
			}
		}
	}
	if err := e.runtime.RemoveVolume(ctx, env, name); err != nil {
		return err
	}
	return e.recordGone(env, api.Caller(ctx), []string{name})
}
