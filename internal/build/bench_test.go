package build_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/seaworthyhq/seaworthy/internal/event"
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
