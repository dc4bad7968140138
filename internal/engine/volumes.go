package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/seaworthyhq/seaworthy/internal/api"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

func (e *Engine) exportVolume(w http.ResponseWriter, r *http.Request) {
	env, name := environmentOf(r), r.PathValue("name")
	err := env.Check()
	if err == nil {
		_, err = e.runtime.Volume(env, name)
	}
	if err != nil {
		api.WriteError(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/x-tar")
	if err := e.runtime.ExportVolume(r.Context(), env, name, w); err != nil {
		e.log.Error("export volume", "volume", name, "error", err)
		panic(http.ErrAbortHandler) // a cut connection is the only way left to say that the archive is not whole
	}
}

// importVolume fills a volume with what the caller sends, or from a folder of this machine.
func (e *Engine) importVolume(r *http.Request, env release.Environment) error {
	name := r.PathValue("name")
	if folder := r.FormValue(api.ParamFolder); folder != "" {
		return e.runtime.CopyVolume(r.Context(), env, name, folder)
	}
	return e.runtime.ImportVolume(r.Context(), env, name, r.Body)
}

func (e *Engine) removeVolume(ctx context.Context, env release.Environment, name string) error {
	if _, err := e.runtime.Volume(env, name); err != nil {
		return err
	}
	s, err := e.environment(env)
	if err != nil {
		return err
	}
	var users []string
	if s.Serving != nil {
		users = usersOf(s.Serving.Generation.Config, name)
	}
	for _, r := range e.runtime.VolumeUsers(env, name) {
		users = append(users, r.ID)
	}
	if len(users) > 0 {
		return &release.UserError{
			Kind: release.KindConflict, Err: fmt.Errorf("volume %s is used by %s", name, strings.Join(users, ", ")),
			Hint: env.Command("down --volumes") + " removes what runs, and all volumes",
		}
	}
	return e.runtime.RemoveVolume(ctx, env, name)
}

func isEmpty(dir string) bool {
	f, err := os.Open(dir)
	if err != nil {
		return false
	}
	defer f.Close()
	_, err = f.Readdirnames(1)
	return errors.Is(err, io.EOF)
}
