package engine

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/seaworthyhq/seaworthy/internal/build"
)

func TestBuildsNeverTakeAllThereIsUnlessTheyMay(t *testing.T) {
	var machine unix.Sysinfo_t
	if err := unix.Sysinfo(&machine); err != nil {
		t.Fatal(err)
	}
	all := int64(machine.Totalram) * int64(machine.Unit)
	for _, c := range []struct {
		settings BuildSettings
		want     build.Limits
	}{
		{BuildSettings{}, build.Limits{MemoryBytes: all / 4 * 3, PIDs: 4096}},
		{BuildSettings{MemoryBytes: 1 << 30, CPUs: 1.5, PIDs: 100}, build.Limits{MemoryBytes: 1 << 30, CPUs: 1.5, PIDs: 100}},
		{BuildSettings{MemoryBytes: -1, PIDs: -1}, build.Limits{}},
	} {
		got, err := c.settings.limits()
		if err != nil || got != c.want {
			t.Errorf("%+v gives %+v (%v), want %+v", c.settings, got, err, c.want)
		}
	}
}
