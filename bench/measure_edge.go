package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// proxyLoad is how long each proxy is asked, and by how many connections.
const (
	proxyLoad        = 3 * time.Second
	proxyConnections = 64
)

// measureEdge asks each proxy for the same page of the same replicas.
func measureEdge(ctx context.Context, l *lab) ([]table, error) {
	b, err := l.proxyBench(ctx)
	if err != nil {
		return nil, err
	}
	var tables []table
	for _, closing := range []bool{false, true} {
		kind := "keep-alive"
		if closing {
			kind = "a connection per request"
		}
		rate, cost := b.results()
		for round := range l.rounds(3) {
			for i := range b.proxies {
				at := (i + round) % len(b.proxies)
				s, err := b.proxies[at].measure(ctx, closing)
				if err != nil {
					return nil, fmt.Errorf("%s: %w", b.proxies[at].name, err)
				}
				rate[at].Samples = append(rate[at].Samples, s.perSecond)
				cost[at].Samples = append(cost[at].Samples, float64(s.cpu)/float64(time.Microsecond))
			}
		}
		tables = append(tables,
			table{Title: "edge, " + kind + ": CPU per request", Unit: "µs", Lines: []line{
				own(cost[0]), beside(cost[0], cost[1]).most(3), beside(cost[0], cost[2]),
			}},
			table{Title: "edge, " + kind + ": requests per second", Unit: "/s", Lines: []line{
				own(rate[0]), beside(rate[0], rate[1]), beside(rate[0], rate[2]),
			}},
		)
	}
	return tables, nil
}

// results are empty series of all proxies, in their order.
func (b *proxyBench) results() (rate, cost []series) {
	for _, p := range b.proxies {
		rate = append(rate, series{Name: p.name})
		cost = append(cost, series{Name: p.name})
	}
	return rate, cost
}

// proxySample is one measurement of one proxy.
type proxySample struct {
	perSecond float64
	cpu       time.Duration // per request, of all the proxy's processes
}

func (p *proxy) measure(ctx context.Context, closing bool) (proxySample, error) {
	args := []string{"-t2", fmt.Sprintf("-c%d", proxyConnections), fmt.Sprintf("-d%ds", int(proxyLoad.Seconds()))}
	if closing {
		args = append(args, "-H", "Connection: close")
	}
	before := cpu(p.pid)
	out, err := output(exec.CommandContext(ctx, "wrk", append(args, fmt.Sprintf("http://127.0.0.1:%d/", p.port))...))
	used := cpu(p.pid) - before
	if err != nil {
		return proxySample{}, err
	}
	w, err := readWrk([]byte(out))
	if err != nil {
		return proxySample{}, err
	}
	if w.failed > 0 && p.name == "edge" {
		return proxySample{}, fmt.Errorf("%d requests failed:\n%s", w.failed, out)
	}
	return proxySample{w.perSecond, used / time.Duration(w.requests)}, nil
}

// tick is how the kernel counts CPU time in /proc (USER_HZ).
const tick = 10 * time.Millisecond

// cpu is what a process and its children have used.
func cpu(pid int) time.Duration {
	var sum time.Duration
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		b, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		_, rest, _ := strings.Cut(string(b), ") ")
		fields := strings.Fields(rest) // from the third of proc(5): state, ppid, …
		id, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		parent, _ := strconv.Atoi(fields[1])
		if id != pid && parent != pid {
			continue
		}
		user, _ := strconv.Atoi(fields[11])
		system, _ := strconv.Atoi(fields[12])
		sum += time.Duration(user+system) * tick
	}
	return sum
}
