// Command bench measures Seaworthy beside what people would otherwise use: the same work, in turns, on this machine and in
// one run. It prints ratios with their spread and asserts nothing. docs/bench.md says what is measured how.
//
//	go run ./bench [-run NAME,…] [-rounds N] [-json]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
)

// measure is one row of what is to be reached.
type measure struct {
	name  string
	title string
	run   func(ctx context.Context, l *lab) ([]table, error)
}

// measures are in the order in which they disturb each other least: memory of idle processes before anything has been built.
var measures = []measure{
	{"engine", "start until it can build, and memory when idle", measureEngine},
	{"unchanged", "up with nothing changed", measureUnchanged},
	{"status", "status", measureStatus},
	{"start", "one replica: start to first answer", measureStart},
	{"change", "one line changed: until the new version answers", measureChange},
	{"visibility", "what it costs to see a cached build", measureVisibility},
	{"thousand", "plan of a thousand stages", measureThousand},
	{"memory", "memory when idle, after builds", measureMemory},
	{"ten", "ten replicas updated", measureTen},
	{"load", "requests that fail in updates under load", measureLoad},
	{"edge", "the edge beside nginx and haproxy", measureEdge},
}

type options struct {
	seaworthy string
	only      string
	rounds    int
	json      bool
	keep      bool
}

func main() {
	if len(os.Args) == 3 && os.Args[1] == "replica" {
		os.Exit(replica(os.Args[2]))
	}
	var o options
	flag.StringVar(&o.seaworthy, "seaworthy", "bin/seaworthy", "the binary to measure")
	flag.StringVar(&o.only, "run", "", "measures to take, by name and with commas between them: "+strings.Join(names(), ", "))
	flag.IntVar(&o.rounds, "rounds", 0, "how often each is measured, instead of each measure's own number")
	flag.BoolVar(&o.json, "json", false, "print JSON, with every sample")
	flag.BoolVar(&o.keep, "keep", false, "keep the folder with all state and logs")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func names() []string {
	var all []string
	for _, m := range measures {
		all = append(all, m.name)
	}
	return all
}

func chosen(only string) ([]measure, error) {
	if only == "" {
		return measures, nil
	}
	var out []measure
	for name := range strings.SplitSeq(only, ",") {
		i := slices.IndexFunc(measures, func(m measure) bool { return m.name == name })
		if i < 0 {
			return nil, fmt.Errorf("no measure %q: there are %s", name, strings.Join(names(), ", "))
		}
		out = append(out, measures[i])
	}
	return out, nil
}

func run(ctx context.Context, o options) (err error) {
	all, err := chosen(o.only)
	if err != nil {
		return err
	}
	l, err := newLab(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.close()) }()
	var tables []table
	for _, m := range all {
		l.say("%s …", m.title)
		got, err := m.run(ctx, l)
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		if !o.json {
			printTables(os.Stdout, got)
		}
		tables = append(tables, got...)
	}
	if o.json {
		return writeJSON(os.Stdout, tables)
	}
	return nil
}
