package build_test

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seaworthyhq/seaworthy/internal/build"
	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/store/storetest"
)

// A build with nothing changed, session included: what `seaworthy up` costs beyond its own process.
func BenchmarkCachedBuild(b *testing.B) {
	y := newYard(b)
	dir := project(b, map[string]string{"Dockerfile": pipeline, "main.txt": "hello\n"})
	y.build(b, y.request(b, dir, "=web", "test"))
	for b.Loop() {
		if _, err := y.Build(b.Context(), y.request(b, dir, "=web", "test"), event.Discard); err != nil {
			b.Fatal(err)
		}
	}
}

// Hundreds of stages with nothing changed: each a check of its own, and each from the one before.
func BenchmarkCachedBuildOfManyStages(b *testing.B) {
	const stages = 300
	var checks, chain strings.Builder
	checks.WriteString("FROM busybox AS builder\nCOPY main.txt /\nRUN cat /main.txt\n")
	chain.WriteString("FROM busybox AS s0\nCOPY main.txt /\n")
	targets, ofBuilder, ofLast := []string{"=web"}, [][]int{nil}, [][]int{nil}
	for i := range stages {
		fmt.Fprintf(&checks, "FROM builder AS check%d\nRUN echo %d\n", i, i)
		fmt.Fprintf(&chain, "FROM s%d AS s%d\nCOPY main.txt /%d\n", i, i+1, i)
		targets = append(targets, fmt.Sprint("check", i))
		ofBuilder, ofLast = append(ofBuilder, []int{0}), append(ofLast, []int{i})
	}
	checks.WriteString("FROM builder AS web\nRUN touch /web\n")
	for name, tc := range map[string]struct {
		dockerfile string
		targets    []string
		takes      [][]int
	}{
		"checks": {checks.String(), targets, append(ofBuilder, []int{0})},
		"chain":  {chain.String(), []string{fmt.Sprint("=s", stages)}, ofLast},
	} {
		b.Run(name, func(b *testing.B) {
			y := newYard(b)
			dir := project(b, map[string]string{"Dockerfile": tc.dockerfile, "main.txt": "hello\n"})
			build := func() {
				req := y.request(b, dir, tc.targets...)
				req.Takes = tc.takes
				if _, err := y.Build(b.Context(), req, event.Discard); err != nil {
					b.Fatal(err)
				}
			}
			build()
			for b.Loop() {
				build()
			}
		})
	}
}

// One changed line: the steps that depend on it run again, the image is written and unpacked.
func BenchmarkOneLineEdit(b *testing.B) {
	y := newYard(b)
	dir := project(b, map[string]string{"Dockerfile": pipeline, "main.txt": "hello\n"})
	y.build(b, y.request(b, dir, "=web", "test"))
	n := 0
	for b.Loop() {
		n++
		write(b, filepath.Join(dir, "main.txt"), fmt.Sprintf("hello %d\n", n))
		if _, err := y.Build(b.Context(), y.request(b, dir, "=web", "test"), event.Discard); err != nil {
			b.Fatal(err)
		}
	}
}

// The worked example: `make bases` has to have made golang:1.26, and the first build fetches a Go module.
func BenchmarkHrefcounter(b *testing.B) {
	y, dir := harbourYard(b)
	req := func() build.Request { return y.request(b, dir, "=2", "test") }
	y.build(b, req())
	b.Run("cached", func(b *testing.B) {
		for b.Loop() {
			if _, err := y.Build(b.Context(), req(), event.Discard); err != nil {
				b.Fatal(err)
			}
		}
	})
	n := 0
	edit := func() {
		n++
		write(b, filepath.Join(dir, "line.go"), fmt.Sprintf("package main\n\nvar line = %d\n", n))
	}
	b.Run("edit", func(b *testing.B) {
		for b.Loop() {
			edit()
			if _, err := y.Build(b.Context(), req(), event.Discard); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("edit without its test", func(b *testing.B) {
		for b.Loop() {
			edit()
			if _, err := y.Build(b.Context(), y.request(b, dir, "=2"), event.Discard); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// harbourYard has the base images that `make bases` made, and a copy of the example.
func harbourYard(b *testing.B) (*yard, string) {
	b.Helper()
	layout := "../../.cache/bases"
	if _, err := os.Stat(filepath.Join(layout, "index.json")); errors.Is(err, fs.ErrNotExist) {
		b.Skip("no base images: make bases")
	}
	s := storetest.Open(b)
	archive, layoutEnd := io.Pipe()
	go func() {
		w := tar.NewWriter(layoutEnd)
		layoutEnd.CloseWithError(errors.Join(w.AddFS(os.DirFS(layout)), w.Close()))
	}()
	if _, err := s.Client().Import(s.Context(b.Context()), archive); err != nil {
		b.Fatal(err)
	}
	dir := b.TempDir()
	if err := os.CopyFS(dir, os.DirFS("../../examples/hrefcounter")); err != nil {
		b.Fatal(err)
	}
	return &yard{store: s, Builder: openBuilder(b, build.Config{Root: b.TempDir(), Store: s})}, dir
}

// samplesFile names the file that BenchmarkVisibility writes its samples to, in milliseconds, round by round.
const samplesFile = "VISIBILITY_SAMPLES"

// What it costs to see a build of which all comes from cache: BuildKit's frontend alone, on the same worker and cache, and the same
// with stages, lines, reasons and times told, and each event written as --json writes it. Both only build; no image is written.
func BenchmarkVisibility(b *testing.B) {
	y, dir := harbourYard(b)
	req := func() build.Request { return y.request(b, dir, "2", "test") }
	y.build(b, req())
	bare := build.OpenBare(b, y.Builder)
	lines := json.NewEncoder(io.Discard)
	sink := event.SinkFunc(func(e event.Event) {
		if err := lines.Encode(e); err != nil {
			b.Error(err)
		}
	})
	ways := []struct {
		name  string
		build func(build.Request) error
	}{
		{"bare", func(r build.Request) error { return bare.Build(b.Context(), r) }},
		{"seen", func(r build.Request) error { _, err := y.Build(b.Context(), r, sink); return err }},
	}
	samples := map[string][]float64{}
	for round := 0; b.Loop(); round++ {
		for i := range ways {
			way := ways[(i+round)%len(ways)] // each round begins with the other one
			r := req()
			begin := time.Now()
			if err := way.build(r); err != nil {
				b.Fatal(err)
			}
			samples[way.name] = append(samples[way.name], float64(time.Since(begin))/float64(time.Millisecond))
		}
	}
	for name, all := range samples {
		b.ReportMetric(slices.Sorted(slices.Values(all))[len(all)/2], name+"-ms")
	}
	if file := os.Getenv(samplesFile); file != "" {
		out, err := json.Marshal(samples)
		if err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(file, out, 0o644); err != nil {
			b.Fatal(err)
		}
	}
}
