package engine

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/seaworthyhq/seaworthy/internal/edge"
	"github.com/seaworthyhq/seaworthy/internal/program"
)

// edgeProgram is the name of the edge's own program, and of the folders that its copies are in.
const edgeProgram = "seaworthy-edge"

// installEdge lays the edge's program out in a place of its own, so that the edge goes on when Seaworthy is replaced. Its version
// is its content: a newer Seaworthy with the same edge in it has nothing to hand over.
func (e *Engine) installEdge() (edge.Launch, error) {
	installed, err := program.Install(e.binaries(), e.cfg.Binary, edgeProgram, edgeProgram)
	if err != nil {
		return edge.Launch{}, fmt.Errorf("install edge: %w", err)
	}
	launch := edge.Launch{
		Binary: filepath.Join(installed.Dir, edgeProgram), Dir: filepath.Join(e.cfg.Root, "edge"), Version: filepath.Base(installed.Dir),
	}
	if installed.Self {
		launch.Args = []string{"edge"} // what makes Seaworthy an edge
	}
	return launch, nil
}

func (e *Engine) binaries() string { return filepath.Join(e.cfg.Root, "bin") }

// dropEdges removes the copies that no edge is started from any more. One that still hands over runs on without its file.
func (e *Engine) dropEdges(kept edge.Launch) error {
	all, err := filepath.Glob(filepath.Join(e.binaries(), edgeProgram+"-*"))
	if err != nil {
		return err
	}
	for _, dir := range all {
		if dir == filepath.Dir(kept.Binary) {
			continue
		}
		if err := os.RemoveAll(dir); err != nil {
			return fmt.Errorf("remove edge of an earlier version: %w", err)
		}
	}
	return nil
}
