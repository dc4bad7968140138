// Command edge measures the edge beside nginx and haproxy: the same replicas, the same load, one proxy after the other in
// turns, on this machine and in one run. It prints requests per second and CPU per request, and the ratios to nginx, with
// the spread over the rounds. It needs nginx, haproxy and wrk.
//
//	go run ./bench/edge [-rounds 3] [-duration 4s] [-connections 64]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"

	"github.com/seaworthyhq/seaworthy/internal/edge/server"
)

type options struct {
	rounds      int
	duration    time.Duration
	connections int
}

func main() {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "edge":
			os.Exit(server.Main(os.Args[2:]))
		case "replica":
			os.Exit(replica(os.Args[2]))
		}
	}
	var o options
	flag.IntVar(&o.rounds, "rounds", 3, "how often each proxy is measured")
	flag.DurationVar(&o.duration, "duration", 4*time.Second, "of each measurement")
	flag.IntVar(&o.connections, "connections", 64, "of wrk")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) (err error) {
	b, err := newBench(ctx)
	defer func() { err = errors.Join(err, b.close()) }()
	if err != nil {
		return err
	}
	for _, load := range []load{{name: "keep-alive"}, {name: "a connection for each request", closing: true}} {
		results := map[string][]sample{}
		for range o.rounds {
			for _, p := range b.proxies {
				s, err := p.measure(ctx, o, load)
				if err != nil {
					return fmt.Errorf("measure %s: %w", p.name, err)
				}
				results[p.name] = append(results[p.name], s)
			}
		}
		report(load, b.proxies, results)
	}
	return nil
}
