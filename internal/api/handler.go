package api

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// Call serves a function that takes a request and returns a value.
func Call[Request, Response any](f func(context.Context, Request) (Response, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var req Request
		if err := Decode(w, r, &req); err != nil {
			WriteError(w, err)
			return
		}
		resp, err := f(r.Context(), req)
		if err != nil {
			WriteError(w, err)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(resp) // the caller is gone: nobody to tell
	})
}

// Stream serves a function that emits events. The answer is one event a line; the last is the end, with the error if there
// was one. The context ends when the caller is gone.
func Stream[Request any](f func(context.Context, Request, event.Sink) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var req Request
		if err := Decode(w, r, &req); err != nil {
			WriteError(w, err)
			return
		}
		defer giveBack(r)
		w.Header().Set("Content-Type", "application/x-ndjson")
		out := newEventWriter(w, http.NewResponseController(w).Flush)
		defer out.end()
		err := f(r.Context(), req, out)
		out.Emit(event.Event{Type: event.TypeEnd, End: &event.End{Error: event.NewError(err)}})
	})
}

// WithVersion has each answer of a handler say which version of the engine it is from.
func WithVersion(version string, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(versionHeader, version)
		h.ServeHTTP(w, r)
	})
}

// WriteError answers with an error in the form that Client reads.
func WriteError(w http.ResponseWriter, err error) {
	status := http.StatusInternalServerError
	switch release.KindOf(err) {
	case release.KindUsage, release.KindProject:
		status = http.StatusBadRequest
	case release.KindNotFound:
		status = http.StatusNotFound
	case release.KindConflict:
		status = http.StatusConflict
	case release.KindDenied:
		status = http.StatusForbidden
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(event.NewError(err)) // the caller is gone: nobody to tell
}
