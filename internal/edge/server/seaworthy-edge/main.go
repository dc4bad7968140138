// Command seaworthy-edge is the edge as a small program of its own. It is part of Seaworthy and of no use without it.
package main

import (
	"os"

	"github.com/seaworthyhq/seaworthy/internal/edge/server"
)

func main() { os.Exit(server.Main(os.Args[1:])) }
