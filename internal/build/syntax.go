package build

import (
	"fmt"
	"strings"

	"github.com/distribution/reference"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// warnOfSyntax decides who reads the Dockerfile. A "# syntax=" line asks for a frontend from a registry; the one in this
// process is at least as new as any docker/dockerfile of version 1, so it takes those. Another language than the
// Dockerfile's is fetched, as asked for.
func (r *running) warnOfSyntax() {
	asked, _, _, ok := parser.DetectSyntax(r.req.Dockerfile)
	if !ok {
		return
	}
	named, err := reference.ParseNormalizedNamed(asked)
	if err != nil {
		return // the parser will say so
	}
	switch reference.FamiliarName(named) {
	case "docker/dockerfile":
		if tag := tagOf(named); strings.HasSuffix(tag, "-labs") || tag == "labs" {
			r.progress.warn(fmt.Sprintf("%s is read by the Dockerfile frontend in the engine, which has no labs features", asked), "")
		}
	case "docker/dockerfile-upstream":
		r.progress.warn(fmt.Sprintf("%s is read by the Dockerfile frontend in the engine", asked), "")
	default:
		r.foreignSyntax = true
		r.progress.warn(fmt.Sprintf("%s is fetched to read the Dockerfile; progress will not know its stages", asked), "")
	}
}

func tagOf(named reference.Named) string {
	if tagged, ok := named.(reference.NamedTagged); ok {
		return tagged.Tag()
	}
	return ""
}
