package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// measureVisibility sets a build of which all comes from cache, with everything told of it, beside BuildKit's frontend on the same
// worker and cache, of which nobody is told anything. Only within the engine's own process can the one be had without the other.
func measureVisibility(ctx context.Context, l *lab) ([]table, error) {
	dir, err := l.folder("v")
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "samples.json")
	rounds := strconv.Itoa(l.rounds(100)) + "x"
	cmd := exec.CommandContext(ctx, "go", "test", "./internal/build", "-run", "^$", "-bench", "^BenchmarkVisibility$", "-benchtime", rounds)
	cmd.Dir, cmd.Env = l.repo, append(os.Environ(), "CGO_ENABLED=0", "VISIBILITY_SAMPLES="+file)
	if _, err := output(cmd); err != nil {
		return nil, err
	}
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var samples struct{ Bare, Seen []float64 }
	if err := json.Unmarshal(content, &samples); err != nil {
		return nil, fmt.Errorf("read samples: %w", err)
	}
	seen := series{"stages, lines, reasons and times told", samples.Seen}
	return []table{{
		Title: "a build of which all comes from cache, in the engine's process", Unit: "ms",
		Lines: []line{own(seen), beside(seen, series{"BuildKit's frontend, and nobody looks", samples.Bare}).most(1.05)},
	}}, nil
}

// measureThousand draws a Dockerfile of a thousand stages, and plans with it when all of it comes from cache.
func measureThousand(ctx context.Context, l *lab) ([]table, error) {
	s, err := l.site(ctx)
	if err != nil {
		return nil, err
	}
	dir, err := l.folder("t")
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(thousandStages()), 0o644); err != nil {
		return nil, err
	}
	if _, err := output(s.command(ctx, "-C", dir, "build")); err != nil {
		return nil, err
	}
	verb := func(args ...string) func(context.Context) (float64, error) {
		return func(ctx context.Context) (float64, error) {
			return timed(func() error {
				_, err := output(s.command(ctx, append([]string{"-C", dir}, args...)...))
				return err
			})
		}
	}
	got, err := interleave(ctx, l.rounds(10), subject{"seaworthy plan --graph json", verb("plan", "--graph", "json")}, subject{"seaworthy plan", verb("plan")})
	if err != nil {
		return nil, err
	}
	return []table{
		{Title: "a Dockerfile of 1,000 stages read, checked and drawn, whole process", Unit: "ms", Lines: []line{own(got[0]).most(300)}},
		{Title: "the same planned, which builds it: all comes from cache", Unit: "ms", Lines: []line{own(got[1]).most(300)}},
	}, nil
}

// thousandStages is a Dockerfile in which every tenth stage copies from the nine before it, and the last from each of those.
func thousandStages() string {
	var b strings.Builder
	for i := range 999 {
		fmt.Fprintf(&b, "FROM busybox AS s%d\n", i)
		if i%10 == 9 {
			for j := i - 9; j < i; j++ {
				fmt.Fprintf(&b, "COPY --from=s%d /f%d /f%d\n", j, j, j)
			}
		}
		fmt.Fprintf(&b, "COPY Dockerfile /f%d\n", i)
	}
	b.WriteString("FROM scratch\n")
	for i := 9; i < 999; i += 10 {
		fmt.Fprintf(&b, "COPY --from=s%d /f%d /f%d\n", i, i, i)
	}
	return b.String()
}
