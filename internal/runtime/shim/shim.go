// Package shim is the processes that stand beside a replica and outlive the engine: the one that starts it and waits for
// it, the one that writes its log, and the init that may run inside it. One program plays all three, told apart by the
// name it is run as.
//
// The program is small and separate from Seaworthy (seaworthy-shim); where it has not been built, a copy of Seaworthy
// itself plays the parts. So nothing here may import what is large, and main must ask Invoked before it does anything.
package shim

import (
	"fmt"
	"os"
	"path/filepath"
)

// The names that the program is run as.
const (
	ShimName = "seaworthy-shim"
	LogName  = "seaworthy-log"
	InitName = "seaworthy-init"
)

// Invoked reports whether this process has been started to play one of the parts.
func Invoked() bool {
	switch filepath.Base(os.Args[0]) {
	case ShimName, LogName, InitName:
		return true
	}
	return false
}

// Main plays the part and exits the process.
func Main() {
	var code int
	var err error
	switch filepath.Base(os.Args[0]) {
	case LogName:
		err = writeLog(os.Args[1:])
	case InitName:
		code, err = runInit(os.Args[1:])
	default:
		err = serve()
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", filepath.Base(os.Args[0]), err)
		os.Exit(1)
	}
	os.Exit(code)
}
