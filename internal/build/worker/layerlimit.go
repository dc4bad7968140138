package worker

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/containerd/containerd/v2/core/mount"
)

// maxStack is how many layers the kernel lays over each other: OVL_MAX_STACK of fs/overlayfs/params.h.
const maxStack = 500

// layersError is a layer that cannot be mounted, for there are too many below it.
type layersError struct{ below int }

func (e *layersError) Error() string {
	return fmt.Sprintf("is on top of %d layers, which is more than the kernel mounts at once", e.below)
}

// Hint says what to do.
func (e *layersError) Hint() string {
	return fmt.Sprintf("each RUN, COPY and ADD is a layer, those of the base included, and the kernel takes %d at most, and names of %d bytes: make "+
		"fewer of them (RUN a && b), or take the result over into a new stage (COPY --from)", maxStack, os.Getpagesize())
}

// checkLayers is an error where the kernel would refuse a mount for its number of layers, or containerd for what it takes to name
// them: a page, beside the other options.
func checkLayers(m mount.Mount) error {
	const prefix = "lowerdir="
	lower := option(m, prefix)
	if m.Type != "overlay" || lower == "" {
		return nil
	}
	dirs := strings.Split(lower, ":")
	named := 0
	for _, dir := range dirs { // from the folder that all are in: "123/fs:"
		named += len(filepath.Base(filepath.Dir(dir))) + len("/") + len(filepath.Base(dir)) + len(":")
	}
	others := len(strings.Join(m.Options, ",")) - len(lower)
	if len(dirs) > maxStack || named-len(":")+others > os.Getpagesize() {
		return &layersError{below: len(dirs)}
	}
	return nil
}
