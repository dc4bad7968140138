// Seaworthy runs a multi-stage Dockerfile's whole life. One binary plays all parts; which one is told by how it is called.
package main

import (
	"context"
	"os"

	"github.com/seaworthyhq/seaworthy/internal/cli"
	"github.com/seaworthyhq/seaworthy/internal/coldstart"
	"github.com/seaworthyhq/seaworthy/internal/edge/server"
	"github.com/seaworthyhq/seaworthy/internal/engine"
	"github.com/seaworthyhq/seaworthy/internal/runtime/shim"
)

var version = "unversioned" // set by the linker

func main() {
	coldstart.Brief()
	if shim.Invoked() {
		shim.Main()
		return
	}
	if len(os.Args) > 1 && os.Args[1] == "edge" {
		os.Exit(server.Main(os.Args[2:]))
	}
	os.Exit(cli.Main(version, os.Args[1:], cli.Engine{
		Run: runEngine, WriteUnit: engine.WriteUnit, UnitName: engine.UnitName, Installed: engine.Installed,
		InstalledWith: engine.InstalledWith,
		SystemdRuns:   engine.SystemdRuns, SettingsPath: engine.SettingsPath,
	}))
}

func runEngine(ctx context.Context, root, config string, onDemand bool) error {
	coldstart.Lasting()
	settings, err := engine.LoadSettings(config)
	if err != nil {
		return err
	}
	binary, err := os.Executable()
	if err != nil {
		return err
	}
	return engine.Run(ctx, engine.Config{Root: root, Binary: binary, Version: version, Settings: settings, File: config, OnDemand: onDemand})
}
