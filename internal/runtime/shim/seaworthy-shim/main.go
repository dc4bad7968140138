// Command seaworthy-shim stands beside a replica; see package shim.
package main

import "github.com/seaworthyhq/seaworthy/internal/runtime/shim"

func main() { shim.Main() }
