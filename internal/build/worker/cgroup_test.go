package worker

import (
	"math"
	"testing"
)

func TestNoLimitIsOneThatCgroupV2Takes(t *testing.T) {
	none, some := Limits{}.unified(), Limits{MemoryBytes: 1 << 30, CPUs: 1.5}.unified()
	if *none.Memory.Max != math.MaxInt64 || none.CPU.Max != "max 100000" {
		t.Errorf("no limit: memory.max %d, cpu.max %q", *none.Memory.Max, none.CPU.Max)
	}
	if *some.Memory.Max != 1<<30 || some.CPU.Max != "150000 100000" {
		t.Errorf("limits: memory.max %d, cpu.max %q", *some.Memory.Max, some.CPU.Max)
	}
}
