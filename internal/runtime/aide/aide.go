// Package aide is what small help a replica has at its side: the process that writes its log, the init that may run inside it,
// what keeps its standard input open, and runc and crun where they need a hand. They are one program, told apart by the name it
// is run as.
//
// There are as many as there are replicas, and each start waits for one: nothing here may import more than it needs.
package aide

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
)

// Names of the program, and the names that it is run as.
const (
	Program   = "seaworthy-aide"
	LogName   = "seaworthy-log"
	InitName  = "seaworthy-init"
	StdinName = "seaworthy-stdin"
	RuncName  = "seaworthy-runc"
	CrunName  = "seaworthy-crun"
)

// Invoked reports whether this process has been started to play one of the parts.
func Invoked() bool {
	name := filepath.Base(os.Args[0])
	return name == LogName || name == InitName || name == StdinName || name == RuncName || name == CrunName
}

// Main plays the part and exits the process.
func Main() {
	var code int
	var err error
	switch filepath.Base(os.Args[0]) {
	case InitName:
		code, err = runInit(os.Args[1:])
	case StdinName:
		code, err = keepStdinOpen(os.Args[1:])
	case RuncName:
		err = runRunc(os.Args[1:])
	case CrunName:
		err = runCrun(os.Args[1:])
	default:
		err = writeLog(os.Args[1:])
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", filepath.Base(os.Args[0]), err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// stayLean trades speed, of which little is needed, for memory.
func stayLean() {
	debug.SetGCPercent(40)
	runtime.GOMAXPROCS(2)
}
