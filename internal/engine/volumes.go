package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/dustin/go-humanize"

	"github.com/seaworthyhq/seaworthy/internal/api"
	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/ledger"
	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/state"
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
	if r.FormValue(api.ParamPlan) != "" {
		return e.runtime.CheckUnused(env, name)
	}
	before, err := e.runtime.Volume(env, name)
	done := ledger.Volumes{Names: []string{name}, Cause: "volume import", Replaced: err == nil && !isEmpty(before.Path)}
	if folder := r.FormValue(api.ParamFolder); folder != "" {
		err = e.runtime.CopyVolume(r.Context(), env, name, folder)
	} else {
		err = e.runtime.ImportVolume(r.Context(), env, name, r.Body)
	}
	if err != nil {
		return err
	}
	return e.recordVolumes(ledger.VolumeImported, env, r.FormValue(api.ParamActor), done)
}

func (e *Engine) removeVolume(r *http.Request, env release.Environment) error {
	name := r.PathValue("name")
	if err := e.checkUnneeded(env, name); err != nil || r.FormValue(api.ParamPlan) != "" {
		return err
	}
	if err := e.runtime.RemoveVolume(r.Context(), env, name); err != nil {
		return err
	}
	return e.recordVolumes(ledger.VolumesRemoved, env, r.FormValue(api.ParamActor), ledger.Volumes{Names: []string{name}, Cause: "volume remove"})
}

func (e *Engine) recordVolumes(kind ledger.Kind, env release.Environment, actor string, done ledger.Volumes) error {
	return e.db.Update(func(tx state.Tx) error { return tx.Record(kind, env, env.String(), actor, done) })
}

// checkUnneeded refuses to have a volume removed that is not there, that a service uses, or a replica.
func (e *Engine) checkUnneeded(env release.Environment, name string) error {
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
	return nil
}

// planVolumes says which data would go.
func (e *Engine) planVolumes(env release.Environment, sink event.Sink) error {
	volumes, err := e.runtime.Volumes(env)
	if err != nil {
		return err
	}
	for _, v := range volumes {
		sink.Emit(event.Event{Type: event.TypeMessage, Message: &event.Message{
			Level: event.Warn, Text: fmt.Sprintf("volume %s and all data in it would be removed, %s", v.Name, humanize.Bytes(uint64(diskUsed(v.Path)))),
			Hint: env.Command("volume export "+v.Name) + " writes it to a file",
		}})
	}
	return nil
}

// removeVolumes removes all volumes of an environment, says which, and records it.
func (e *Engine) removeVolumes(env release.Environment, actor string, sink event.Sink) error {
	volumes, err := e.runtime.Volumes(env)
	if err != nil {
		return err
	}
	var errs []error
	gone := ledger.Volumes{Cause: "down"}
	for _, v := range volumes {
		if err := e.runtime.RemoveVolume(context.Background(), env, v.Name); err != nil {
			errs = append(errs, err)
			continue
		}
		gone.Names = append(gone.Names, v.Name)
		say(sink, fmt.Sprintf("%s: volume %s and all data in it is removed", env, v.Name))
	}
	if len(gone.Names) > 0 {
		errs = append(errs, e.recordVolumes(ledger.VolumesRemoved, env, actor, gone))
	}
	return errors.Join(errs...)
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
