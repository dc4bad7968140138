package server

import "runtime/debug"

// ballast is counted as alive but never touched, and thus is no memory. The heap is small and most of it lives briefly: collecting
// whenever 4 MB have become 8 would be most of the work. With it a small heap may grow to a multiple before that, and a large one to
// its double only, which a high GC percentage would not give.
const ballast = 12 << 20

// boundMemory has the heap collected accordingly, and more often before it passes the limit. The ballast is to be kept.
func boundMemory(limit int64) []byte {
	debug.SetGCPercent(100)
	debug.SetMemoryLimit(limit)
	return make([]byte, ballast)
}
