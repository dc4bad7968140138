// Package shim is the process that stands beside a replica and outlives the engine: it starts it, waits for it and writes down
// how it ended.
//
// The program is small and separate from Seaworthy (seaworthy-shim, and package aide's seaworthy-aide); where they have not
// been built, a copy of Seaworthy itself plays all parts. So nothing here may import what is large, and main must ask Invoked
// before it does anything.
package shim

import (
	"fmt"
	"os"
	"path/filepath"

	_ "github.com/seaworthyhq/seaworthy/internal/coldstart" // until stayLean
	"github.com/seaworthyhq/seaworthy/internal/runtime/aide"
)

// Name is that of the program, and the one it is run as.
const Name = "seaworthy-shim"

// Invoked reports whether this process has been started as a shim or an aide.
func Invoked() bool { return filepath.Base(os.Args[0]) == Name || aide.Invoked() }

// Main plays the part and exits the process.
func Main() {
	if aide.Invoked() {
		aide.Main()
	}
	if err := serve(); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", Name, err)
		os.Exit(1)
	}
	os.Exit(0)
}
