package engine

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/seaworthyhq/seaworthy/internal/api"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// handler is the API: one line a call.
func (e *Engine) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("POST "+api.PathUp, api.Stream(onDisk(e, e.up)))
	mux.Handle("POST "+api.PathDeploy, api.Stream(onDisk(e, e.deployRelease)))
	mux.Handle("POST "+api.PathScale, api.Stream(onDisk(e, e.scale)))
	mux.Handle("POST "+api.PathRestart, api.Stream(onDisk(e, e.restart)))
	mux.Handle("POST "+api.PathDown, api.Stream(onDisk(e, e.down)))
	mux.Handle("POST "+api.PathLogs, api.Stream(e.logs))
	mux.Handle("POST "+api.PathResume, api.Call(e.resume))
	mux.Handle("POST "+api.PathGC, api.Call(e.gc))
	mux.HandleFunc("POST "+api.PathSession, e.session)
	mux.HandleFunc("POST "+api.PathExec, e.exec)
	mux.Handle("GET "+api.PathStatus, look(func(r *http.Request) ([]api.EnvironmentStatus, error) { return e.status(environmentOf(r)) }))
	mux.Handle("GET "+api.PathHistory, look(func(r *http.Request) ([]api.HistoryEntry, error) {
		limit, _ := strconv.Atoi(r.FormValue("limit")) // none: all
		return e.history(environmentOf(r), limit)
	}))
	mux.Handle("GET "+api.PathReleases, look(func(r *http.Request) (api.ReleaseInfo, error) {
		return e.show(environmentOf(r), r.FormValue("name"))
	}))
	mux.Handle("GET "+api.PathLedger, look(func(r *http.Request) ([]api.LedgerEntry, error) {
		limit, _ := strconv.Atoi(r.FormValue("limit")) // none: all
		return e.ledger(environmentOf(r), limit)
	}))
	mux.Handle("GET "+api.PathLedger+"/state", look(func(*http.Request) (api.LedgerState, error) { return e.verifyLedger() }))
	mux.Handle("GET "+api.PathExport, look(func(r *http.Request) (api.ExportInfo, error) {
		return e.export(environmentOf(r), r.FormValue("name"))
	}))
	mux.HandleFunc("GET "+api.PathFiles+"/{digest}", e.exportFile)
	mux.HandleFunc("GET "+api.PathImages, e.exportImages)
	mux.Handle("GET "+api.PathVolumes, look(func(r *http.Request) ([]api.VolumeInfo, error) { return e.volumes(environmentOf(r)) }))
	mux.HandleFunc("GET "+api.PathVolumes+"/{name}", e.exportVolume)
	mux.Handle("PUT "+api.PathVolumes+"/{name}", look(func(r *http.Request) (struct{}, error) {
		return struct{}{}, e.importVolume(r)
	}))
	mux.Handle("DELETE "+api.PathVolumes+"/{name}", look(func(r *http.Request) (struct{}, error) {
		return struct{}{}, e.removeVolume(r.Context(), environmentOf(r), r.PathValue("name"))
	}))
	mux.Handle("GET "+api.PathEngine, look(func(r *http.Request) (api.EngineInfo, error) { return e.info(r.Context()) }))
	mux.HandleFunc("DELETE "+api.PathEngine, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNoContent)
		e.stop()
	})
	return mux
}

// look serves a function of the request itself.
func look[Response any](f func(*http.Request) (Response, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		resp, err := f(r)
		if err != nil {
			api.WriteError(w, err)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(resp) // the caller is gone: nobody to tell
	})
}

func environmentOf(r *http.Request) release.Environment {
	return release.Environment{Project: r.FormValue("project"), Name: r.FormValue("environment")}
}

// session hands the connection of a build session to the builder, for as long as it lasts.
func (e *Engine) session(w http.ResponseWriter, r *http.Request) {
	conn, err := api.Hijack(w, r.Header.Get("Upgrade"))
	if err != nil {
		api.WriteError(w, err)
		return
	}
	defer conn.Close()
	if err := e.builder.HandleSession(context.WithoutCancel(r.Context()), conn, r.Header); err != nil {
		e.log.Debug("build session", "error", err)
	}
}
