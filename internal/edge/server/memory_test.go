package server

import (
	"io"
	"log"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
)

// heapGoal is how large the heap may get before it is collected, with so much alive.
func heapGoal(alive int) uint64 {
	held := make([]byte, alive)
	runtime.GC()
	goal := []metrics.Sample{{Name: "/gc/heap/goal:bytes"}}
	metrics.Read(goal)
	runtime.KeepAlive(held)
	return goal[0].Value.Uint64()
}

func TestHeapMayGrowByMuchOnlyWhileItIsSmall(t *testing.T) {
	s := newServer(options{dir: t.TempDir()}, log.New(io.Discard, "", 0))
	defer s.proxy.Close()
	percent, limit := debug.SetGCPercent(100), debug.SetMemoryLimit(-1)
	defer debug.SetGCPercent(percent)
	defer debug.SetMemoryLimit(limit)
	kept := boundMemory(s.proxy.Memory())
	const mb = 1 << 20
	if small := heapGoal(1 * mb); small < 16*mb {
		t.Errorf("a small heap is collected at %d MB", small/mb)
	}
	if large := heapGoal(200 * mb); large > 500*mb {
		t.Errorf("a heap of 200 MB is collected at %d MB", large/mb)
	}
	if got := debug.SetMemoryLimit(-1); got != s.proxy.Memory() {
		t.Errorf("the limit is %d, want %d", got, s.proxy.Memory())
	}
	runtime.KeepAlive(kept)
}
