package build_test

import (
	"path/filepath"
	"testing"

	"github.com/containerd/containerd/v2/pkg/kernelversion"

	"github.com/seaworthyhq/seaworthy/internal/build"
)

// A layer that a step writes into does not wait for the disk, and the mark that the kernel leaves in it keeps nobody from mounting it
// again: a cache that starts as an image is one layer that step after step writes into, here also after the engine was replaced.
func TestLayersDoNotWaitForTheDisk(t *testing.T) {
	if ok, err := kernelversion.GreaterEqualThan(kernelversion.KernelVersion{Kernel: 5, Major: 10}); err != nil || !ok {
		t.Skip("the kernel has no volatile mounts")
	}
	const mounts = `FROM busybox AS start
RUN echo begun > /log
FROM busybox AS web
COPY main.txt /main.txt
RUN --mount=type=cache,target=/cache,from=start grep -q '^overlay / .*volatile' /proc/mounts && grep -q '^overlay /cache .*volatile' /proc/mounts
RUN --mount=type=cache,target=/cache,from=start cat /main.txt >> /cache/log
RUN --mount=type=cache,target=/cache,from=start cp /cache/log /log
`
	y := newYard(t)
	dir := project(t, map[string]string{"Dockerfile": mounts, "main.txt": "one\n"})
	first, _ := y.build(t, y.request(t, dir, "=web"))
	if got, want := y.read(t, first.Images["stage:web"], "log"), "begun\none\n"; got != want {
		t.Errorf("the cache holds %q, want %q", got, want)
	}
	if err := y.Close(); err != nil {
		t.Fatal(err)
	}
	y.Builder = openBuilder(t, build.Config{Root: y.root, Store: y.store})
	write(t, filepath.Join(dir, "main.txt"), "two\n")

	again, _ := y.build(t, y.request(t, dir, "=web"))

	if got, want := y.read(t, again.Images["stage:web"], "log"), "begun\none\ntwo\n"; got != want {
		t.Errorf("the cache holds %q, want %q", got, want)
	}
}
