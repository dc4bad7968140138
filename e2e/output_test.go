package e2e

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
)

// TestMuchOutputCostsNoMemory has a stage write much, half of it text and half of it a program, with a person who watches. How
// much, in MB, says SEAWORTHY_MUCH: make much writes a gigabyte.
func TestMuchOutputCostsNoMemory(t *testing.T) {
	t.Parallel()
	much, err := strconv.Atoi(cmp.Or(os.Getenv("SEAWORTHY_MUCH"), "64"))
	if err != nil {
		t.Fatal(err)
	}
	s := newSite(t, map[string]string{"Dockerfile": "FROM busybox\nRUN true\n"})
	s.run(0, "build")
	engine := s.engine().PID
	before := mostMemory(engine)
	s.write("Dockerfile", fmt.Sprintf(`FROM busybox AS test
RUN yes "a line of 𝄞 text that goes on for a while, as lines of logs do, and says little" | head -c %d
RUN for i in $(seq %d); do head -c 1048576 /bin/busybox; head -c 1048576 /bin/busybox | tr -d '\n'; done; echo; echo the reason; exit 3

FROM busybox
`, much<<19, much/4))
	term := openScreen(t, s.command("up"), 24, 80)
	var most atomic.Int64
	s.eventually("it has ended", func() bool {
		most.Store(max(most.Load(), mostMemory(term.cmd.Process.Pid)))
		return term.hasEnded()
	})
	if code := term.ends(); code != 5 {
		t.Errorf("exit code %d", code)
	}
	grown := mostMemory(engine) - before
	t.Logf("of %d MB: the command took %d MB, the engine %d MB more than before", much, most.Load()>>20, grown>>20)
	if most.Load() > 128<<20 || grown > 192<<20 {
		t.Errorf("the command took %d MB, the engine %d MB more than the %d MB before", most.Load()>>20, grown>>20, before>>20)
	}
	if end := term.now(); !strings.Contains(end.String(), "\n  the reason\n") {
		t.Error("its end is not told")
	}
	term.usable()
}

// mostMemory is the most that a process ever had in memory, in bytes.
func mostMemory(pid int) int64 {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for line := range bytes.Lines(status) {
		if rest, found := bytes.CutPrefix(line, []byte("VmHWM:")); found {
			kilobytes, _ := strconv.ParseInt(string(bytes.Fields(rest)[0]), 10, 64)
			return kilobytes << 10
		}
	}
	return 0
}
