package runtime

import (
	"path/filepath"

	"github.com/seaworthyhq/seaworthy/internal/program"
	"github.com/seaworthyhq/seaworthy/internal/runtime/aide"
	"github.com/seaworthyhq/seaworthy/internal/runtime/shim"
)

// programs are the paths of what stands beside replicas.
type programs struct {
	shim, log, init, runc, crun string
}

// installPrograms lays the programs out below root.
func installPrograms(root, self string) (programs, error) {
	besides, err := program.Install(root, self, shim.Name, shim.Name)
	if err != nil {
		return programs{}, err
	}
	aides, err := program.Install(root, self, aide.Program, aide.LogName, aide.InitName, aide.RuncName, aide.CrunName)
	if err != nil {
		return programs{}, err
	}
	return programs{
		shim: filepath.Join(besides.Dir, shim.Name),
		log:  filepath.Join(aides.Dir, aide.LogName),
		init: filepath.Join(aides.Dir, aide.InitName),
		runc: filepath.Join(aides.Dir, aide.RuncName),
		crun: filepath.Join(aides.Dir, aide.CrunName),
	}, nil
}
