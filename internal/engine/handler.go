package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
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
	mux.Handle("GET "+api.PathHistory, about(func(r *http.Request, env release.Environment) ([]api.HistoryEntry, error) {
		limit, err := limitIn(r)
		if err != nil {
			return nil, err
		}
		return e.history(env, limit)
	}))
	mux.Handle("GET "+api.PathReleases, about(func(r *http.Request, env release.Environment) (api.ReleaseInfo, error) {
		return e.show(env, r.FormValue("name"))
	}))
	mux.Handle("GET "+api.PathReleases+"/all", look(func(r *http.Request) ([]api.ReleaseSummary, error) {
		return e.releases(environmentOf(r).Project)
	}))
	mux.Handle("GET "+api.PathSteps, about(func(r *http.Request, env release.Environment) ([]api.StepInfo, error) {
		return e.why(env, r.FormValue("name"))
	}))
	mux.Handle("GET "+api.PathLedger, look(func(r *http.Request) ([]api.LedgerEntry, error) {
		limit, err := limitIn(r)
		if err != nil {
			return nil, err
		}
		return e.ledger(environmentOf(r), limit)
	}))
	mux.Handle("GET "+api.PathLedger+"/state", look(func(*http.Request) (api.LedgerState, error) { return e.verifyLedger() }))
	mux.Handle("GET "+api.PathExport, about(func(r *http.Request, env release.Environment) (api.ExportInfo, error) {
		return e.export(env, r.FormValue("name"))
	}))
	mux.HandleFunc("GET "+api.PathFiles+"/{digest}", e.exportFile)
	mux.HandleFunc("GET "+api.PathImages, e.exportImages)
	mux.Handle("GET "+api.PathVolumes, about(func(_ *http.Request, env release.Environment) ([]api.VolumeInfo, error) { return e.volumes(env) }))
	mux.HandleFunc("GET "+api.PathVolumes+"/{name}", e.exportVolume)
	mux.Handle("PUT "+api.PathVolumes+"/{name}", about(func(r *http.Request, env release.Environment) (struct{}, error) {
		return struct{}{}, e.importVolume(r, env)
	}))
	mux.Handle("DELETE "+api.PathVolumes+"/{name}", about(func(r *http.Request, env release.Environment) (struct{}, error) {
		return struct{}{}, e.removeVolume(r, env)
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

// about serves a function of the environment that the request names.
func about[Response any](f func(*http.Request, release.Environment) (Response, error)) http.Handler {
	return look(func(r *http.Request) (none Response, err error) {
		env := environmentOf(r)
		if err := env.Check(); err != nil {
			return none, err
		}
		return f(r, env)
	})
}

// limitIn is how many entries are asked for; 0: all.
func limitIn(r *http.Request) (int, error) {
	text := cmp.Or(r.FormValue("limit"), "0")
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0, &release.UserError{Kind: release.KindUsage, Err: fmt.Errorf("limit %q is not a number of 0 or more", text)}
	}
	return n, nil
}

// environmentOf is the environment in the request's query. Of a call that only selects, either name may be missing.
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
