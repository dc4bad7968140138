package runtime_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/seaworthyhq/seaworthy/internal/runtime"
)

// BenchmarkStart is from nothing to a process that runs; beside it, runc by hand.
func BenchmarkStart(b *testing.B) {
	e := start(b)
	svc := e.service("sleep", "600")
	i := 0
	for b.Loop() {
		i++
		id := fmt.Sprintf("web-%d", i)
		e.run(id, svc)
		b.StopTimer()
		if err := e.Remove(context.WithoutCancel(b.Context()), id); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}

func BenchmarkStartTen(b *testing.B) {
	e := start(b)
	svc := e.service("sleep", "600")
	i := 0
	for b.Loop() {
		i++
		var wg sync.WaitGroup
		for j := range 10 {
			wg.Go(func() { e.run(fmt.Sprintf("web-%d-%d", i, j), svc) })
		}
		wg.Wait()
		b.StopTimer()
		for _, rep := range e.Replicas(env) {
			if err := e.Remove(context.WithoutCancel(b.Context()), rep.ID); err != nil {
				b.Fatal(err)
			}
		}
		b.StartTimer()
	}
}

func BenchmarkExec(b *testing.B) {
	e := start(b)
	e.run("web-1", e.service("sleep", "600"))
	for b.Loop() {
		if _, err := e.Exec(b.Context(), "web-1", runtime.ExecSpec{Args: []string{"true"}}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRuncRunByHand(b *testing.B) {
	e := start(b)
	e.run("web-1", e.service("true"))
	e.ended("web-1")
	bundle := filepath.Join(e.root, "containers", "web-1", "bundle")
	for b.Loop() {
		cmd := exec.Command("runc", "--root", b.TempDir(), "run", "--bundle", bundle, "by-hand")
		cmd.Stderr = os.Stderr
		if err := cmd.Run(); err != nil {
			b.Fatal(err)
		}
	}
}
