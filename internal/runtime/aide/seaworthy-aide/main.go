// Command seaworthy-aide writes a replica's log, or is its init; see package aide.
package main

import "github.com/seaworthyhq/seaworthy/internal/runtime/aide"

func main() { aide.Main() }
