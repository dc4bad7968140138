package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seaworthyhq/seaworthy/internal/edge"
	"github.com/seaworthyhq/seaworthy/internal/event"
)

// listenControl makes the unix socket that orders come in at, for us alone.
func listenControl(path string) (*net.UnixListener, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("make control socket: %w", err)
	}
	// Made under another name, so that nobody meets it with other rights than its last.
	fresh := path + ".new"
	os.Remove(fresh)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: fresh, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("make control socket: %w", err)
	}
	l.SetUnlinkOnClose(false)
	if err := errors.Join(os.Chmod(fresh, 0o600), os.Rename(fresh, path)); err != nil {
		l.Close()
		return nil, fmt.Errorf("make control socket: %w", err)
	}
	return l, nil
}

// ownSocket is where a retired edge takes orders, from its successor.
func ownSocket(dir string) string {
	return filepath.Join(dir, fmt.Sprintf("edge-%d.sock", os.Getpid()))
}

// handler is the edge's API: HTTP and JSON.
func (s *server) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("PUT /routes", s.putRoutes)
	mux.HandleFunc("GET /routes", s.getRoutes)
	mux.HandleFunc("GET /status", s.getStatus)
	mux.HandleFunc("POST /drain", s.postDrain)
	mux.HandleFunc("POST /close", s.postClose)
	mux.HandleFunc("POST /handover", s.handOver)
	mux.HandleFunc("POST /stop", s.postStop)
	return s.inOffice(mux)
}

// inOffice refuses orders that were meant for the successor: whoever gave them gives them again, to the right one.
func (s *server) inOffice(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.isRetired() {
			answer(w, nil, errRetired)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// retiredHandler is the API of an edge that has handed over, for its successor: no sockets and no file, only the
// connections that were accepted before.
func (s *server) retiredHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("PUT /routes", func(w http.ResponseWriter, r *http.Request) {
		routes, err := decodeRoutes(r)
		if err == nil {
			s.proxy.Apply(routes)
		}
		answer(w, struct{}{}, err)
	})
	mux.HandleFunc("GET /status", s.getStatus)
	mux.HandleFunc("POST /drain", s.postDrain)
	mux.HandleFunc("POST /close", s.postClose)
	mux.HandleFunc("POST /stop", s.postStop)
	return mux
}

func (s *server) isRetired() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.retired
}

func decodeRoutes(r *http.Request) (edge.Routes, error) {
	var routes edge.Routes
	if err := json.NewDecoder(r.Body).Decode(&routes); err != nil {
		return routes, fmt.Errorf("read routes: %w", err)
	}
	return routes, routes.Validate()
}

func (s *server) putRoutes(w http.ResponseWriter, r *http.Request) {
	routes, err := decodeRoutes(r)
	if err == nil {
		err = s.apply(routes)
	}
	if err == nil {
		s.forwardPromptly(r.Context(), func(ctx context.Context, c *edge.Client) error { return c.Apply(ctx, routes) })
	}
	answer(w, struct{}{}, err)
}

func (s *server) postStop(w http.ResponseWriter, r *http.Request) {
	s.forwardPromptly(r.Context(), func(ctx context.Context, c *edge.Client) error { return c.Stop(ctx) })
	answer(w, struct{}{}, nil)
	s.end()
}

func (s *server) getRoutes(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	routes := s.routes
	s.mu.Unlock()
	answer(w, routes, nil)
}

func (s *server) getStatus(w http.ResponseWriter, r *http.Request) {
	st := s.status()
	var mu sync.Mutex
	s.forwardPromptly(r.Context(), func(ctx context.Context, c *edge.Client) error {
		prior, err := c.Status(ctx)
		if err == nil {
			mu.Lock()
			st.Predecessors = append(st.Predecessors, prior)
			mu.Unlock()
		}
		return err
	})
	answer(w, st, nil)
}

func (s *server) postDrain(w http.ResponseWriter, r *http.Request) {
	var order edge.DrainOrder
	if err := json.NewDecoder(r.Body).Decode(&order); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), order.Timeout)
	defer cancel()
	left := s.count(r.Context(), func() int64 { return s.proxy.Drain(ctx, order.Upstream) },
		func(ctx context.Context, c *edge.Client) (int64, error) { return c.DrainFor(ctx, order) })
	answer(w, edge.Count{Connections: left}, nil)
}

func (s *server) postClose(w http.ResponseWriter, r *http.Request) {
	upstream := r.URL.Query().Get("upstream")
	ended := s.count(r.Context(), func() int64 { return s.proxy.CloseNow(upstream) },
		func(ctx context.Context, c *edge.Client) (int64, error) { return c.CloseNow(ctx, upstream) })
	answer(w, edge.Count{Connections: ended}, nil)
}

// count adds up ours and that of the predecessors, all at the same time.
func (s *server) count(ctx context.Context, ours func() int64, theirs func(context.Context, *edge.Client) (int64, error)) int64 {
	var mu sync.Mutex
	var sum int64
	add := func(n int64) {
		mu.Lock()
		sum += n
		mu.Unlock()
	}
	var own sync.WaitGroup
	own.Go(func() { add(ours()) })
	s.forward(ctx, func(ctx context.Context, c *edge.Client) error {
		n, err := theirs(ctx, c)
		add(n)
		return err
	})
	own.Wait()
	return sum
}

// promptly is how long a predecessor has for an order that takes no time: one that hangs must not keep us from answering.
const promptly = 3 * time.Second

// forwardPromptly is forward for orders that take no time.
func (s *server) forwardPromptly(ctx context.Context, order func(context.Context, *edge.Client) error) {
	ctx, cancel := context.WithTimeout(ctx, promptly)
	defer cancel()
	s.forward(ctx, order)
}

// forward passes an order to the predecessors that still serve connections, and forgets those that have gone.
func (s *server) forward(ctx context.Context, order func(context.Context, *edge.Client) error) {
	if s.isRetired() { // its predecessors hear it from the one in office
		return
	}
	paths, _ := filepath.Glob(filepath.Join(s.dir, "edge-*.sock"))
	var all sync.WaitGroup
	for _, path := range paths {
		if path == ownSocket(s.dir) {
			continue
		}
		all.Go(func() {
			err := order(ctx, edge.NewClientAt(path))
			switch {
			case errors.Is(err, unix.ECONNREFUSED):
				os.Remove(path)
			case err != nil && !errors.Is(err, os.ErrNotExist):
				s.log.Printf("pass an order on to %s: %v", filepath.Base(path), err)
			}
		})
	}
	all.Wait()
}

func answer(w http.ResponseWriter, v any, err error) {
	w.Header().Set("Content-Type", "application/json")
	switch {
	case errors.Is(err, errRetired):
		w.WriteHeader(http.StatusServiceUnavailable)
		v = event.NewError(err)
	case err != nil:
		w.WriteHeader(http.StatusConflict)
		v = event.NewError(err)
	}
	json.NewEncoder(w).Encode(v) //nolint:errcheck // who asked has gone
}

// serveControl answers orders until the listener is closed.
func serveControl(l *net.UnixListener, h http.Handler) *http.Server {
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	go srv.Serve(l) //nolint:errcheck // it ends when the listener is closed
	return srv
}
