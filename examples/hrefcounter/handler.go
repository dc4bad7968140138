package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// maxPage is the most of a page that is read, in bytes.
const maxPage = 16 << 20

// NewHandler answers the requests that the package comment lists.
func NewHandler(counts *Counts) http.Handler {
	s := service{counts: counts, client: &http.Client{Timeout: 20 * time.Second}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.countURL)
	mux.HandleFunc("POST /{$}", s.countBody)
	mux.HandleFunc("GET /counts", s.total)
	mux.HandleFunc("GET /healthz", s.health)
	mux.HandleFunc("GET /version", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, version) })
	return mux
}

type service struct {
	counts *Counts
	client *http.Client
}

func (s service) countURL(w http.ResponseWriter, r *http.Request) {
	page, err := url.Parse(r.FormValue("url"))
	if err != nil || page.Host == "" || page.Scheme != "http" && page.Scheme != "https" {
		http.Error(w, "usage: /?url=https://example.com, or POST a page", http.StatusBadRequest)
		return
	}
	request, err := http.NewRequestWithContext(r.Context(), http.MethodGet, page.String(), nil)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	answer, err := s.client.Do(request)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer answer.Body.Close()
	s.count(w, io.LimitReader(answer.Body, maxPage), http.StatusBadGateway)
}

func (s service) countBody(w http.ResponseWriter, r *http.Request) {
	s.count(w, http.MaxBytesReader(w, r.Body, maxPage), http.StatusBadRequest)
}

// count answers with the links of the page; a page that cannot be read is answered with the status given.
func (s service) count(w http.ResponseWriter, page io.Reader, unreadable int) {
	links, err := CountLinks(page)
	if err != nil {
		http.Error(w, err.Error(), unreadable)
		return
	}
	if err := s.counts.Add(links); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	writeJSON(w, map[string]int{"links": links})
}

func (s service) total(w http.ResponseWriter, _ *http.Request) {
	totals, err := s.counts.Totals()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	writeJSON(w, totals)
}

func (s service) health(w http.ResponseWriter, _ *http.Request) {
	if _, err := s.counts.Totals(); err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ok")
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the client has gone, if anything
}
