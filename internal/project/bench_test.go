package project_test

import (
	"os"
	"testing"

	"github.com/seaworthyhq/seaworthy/internal/project"
)

func BenchmarkLoad(b *testing.B) {
	for name, archive := range map[string]string{
		"dockerfile":   "-- Dockerfile --\nFROM golang AS builder\nRUN go build\nFROM builder AS test\nRUN go test\nFROM scratch\nCOPY --from=builder /x /x\nEXPOSE 8080\n",
		"compose":      fixture(`{environment: {A: b}, ports: ["80:80"], volumes: ["data:/data"], healthcheck: {test: "true"}}`),
		"environments": threeEnvironments,
	} {
		b.Run(name, func(b *testing.B) {
			dir := unpackText(b, archive)
			for b.Loop() {
				if _, err := project.Load(b.Context(), project.Options{Dir: dir, Variables: map[string]string{"SHELL_HAS": "it"}}); err != nil {
					b.Fatal(explain(err))
				}
			}
		})
	}
}

// The first Load of a process also reads the specification's schema. Run it with -benchtime=1x in a fresh process.
func BenchmarkFirstLoad(b *testing.B) {
	dir := unpackText(b, threeEnvironments)
	if root := os.Getenv("PROJECT"); root != "" {
		dir = root
	}
	for b.Loop() {
		if _, err := project.Load(b.Context(), project.Options{Dir: dir}); err != nil {
			b.Fatal(explain(err))
		}
	}
}
