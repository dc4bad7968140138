package program

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// forgetBinary takes the constants of our own binary out of memory, what is embedded in it among them: it has been read once,
// as a whole, and would count as ours for as long as the engine runs. Pages that are needed come back from the file when they are
// touched. That it fails would only cost memory.
func forgetBinary() {
	self, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return
	}
	for line := range strings.Lines(string(maps)) {
		fields := strings.Fields(line)
		if len(fields) < 6 || fields[1] != "r--p" || fields[5] != self { // constants are private, mapped and only read
			continue
		}
		var from, to uintptr
		if _, err := fmt.Sscanf(fields[0], "%x-%x", &from, &to); err == nil {
			_, _, _ = unix.Syscall(unix.SYS_MADVISE, from, to-from, unix.MADV_DONTNEED)
		}
	}
}
