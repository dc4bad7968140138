package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

type load struct {
	name    string
	closing bool // a connection for each request
}

// sample is one measurement of one proxy.
type sample struct {
	perSecond float64
	cpu       time.Duration // per request, of all the proxy's processes
}

var (
	requestsIn = regexp.MustCompile(`(\d+) requests in`)
	perSecond  = regexp.MustCompile(`Requests/sec:\s+([\d.]+)`)
	failed     = regexp.MustCompile(`(?m)^\s*(Socket errors|Non-2xx).*$`)
)

func (p *proxy) measure(ctx context.Context, o options, l load) (sample, error) {
	args := []string{"-t2", fmt.Sprintf("-c%d", o.connections), fmt.Sprintf("-d%ds", int(o.duration.Seconds()))}
	if l.closing {
		args = append(args, "-H", "Connection: close")
	}
	before := cpu(p.pid)
	out, err := exec.CommandContext(ctx, "wrk", append(args, fmt.Sprintf("http://127.0.0.1:%d/", p.port))...).Output()
	used := cpu(p.pid) - before
	if err != nil {
		return sample{}, fmt.Errorf("wrk: %w", err)
	}
	if errs := failed.Find(out); errs != nil && p.name == "edge" {
		return sample{}, fmt.Errorf("requests failed: %s", errs)
	}
	n, rate := requestsIn.FindSubmatch(out), perSecond.FindSubmatch(out)
	if n == nil || rate == nil {
		return sample{}, fmt.Errorf("wrk says: %s", out)
	}
	count, _ := strconv.ParseFloat(string(n[1]), 64)
	r, _ := strconv.ParseFloat(string(rate[1]), 64)
	return sample{r, time.Duration(float64(used) / count)}, nil
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

// resident memory of a process in bytes.
func resident(pid int) int {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	fields := strings.Fields(string(b))
	if len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.Atoi(fields[1])
	return pages * os.Getpagesize()
}

func report(l load, proxies []*proxy, results map[string][]sample) {
	fmt.Printf("\n%s\n%-8s %22s %10s %26s %10s\n", l.name, "", "requests/s", "of nginx", "CPU µs/request", "of nginx")
	rate := func(s sample) float64 { return s.perSecond }
	cost := func(s sample) float64 { return float64(s.cpu.Nanoseconds()) / 1000 }
	baseRate, _, _ := spread(results["nginx"], rate)
	baseCost, _, _ := spread(results["nginx"], cost)
	for _, p := range proxies {
		r, rLow, rHigh := spread(results[p.name], rate)
		c, cLow, cHigh := spread(results[p.name], cost)
		fmt.Printf("%-8s %8.0f (%.0f–%.0f) %9.2f× %12.1f (%.1f–%.1f) %9.2f×\n",
			p.name, r, rLow, rHigh, r/baseRate, c, cLow, cHigh, c/baseCost)
	}
}

// spread is the median, the least and the most.
func spread(all []sample, of func(sample) float64) (median, low, high float64) {
	var v []float64
	for _, s := range all {
		v = append(v, of(s))
	}
	slices.Sort(v)
	return v[len(v)/2], v[0], v[len(v)-1]
}
