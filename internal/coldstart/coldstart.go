// Package coldstart holds the garbage collector back while a process comes up. Initializing some 900 packages allocates just enough
// for one collection, and that takes a command 4 of its 19 ms, most of it for the threads that collect. Go initializes packages in the
// order of their paths as soon as those that they import are, so that this one, which imports next to nothing, comes early.
package coldstart

import "runtime/debug"

// usual is what the environment says (GOGC), or Go itself.
var usual = debug.SetGCPercent(-1)

// Brief ends it for a process that will not live long: it collects when it holds much more than it needs.
func Brief() { debug.SetGCPercent(4 * usual) }

// Lasting ends it for a process that stays.
func Lasting() { debug.SetGCPercent(usual) }
