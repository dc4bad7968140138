package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"syscall"
	"time"
)

const updatesUnderLoad = 20

// measureLoad updates under wrk at full speed and counts all that failed, socket errors included.
func measureLoad(ctx context.Context, l *lab) ([]table, error) {
	if err := need("wrk"); err != nil {
		return nil, err
	}
	a, err := l.serveOurs(ctx, "plain", withoutCheck)
	if err != nil {
		return nil, err
	}
	turn := 0
	for range 2 { // both versions are built
		if err := l.flip(ctx, a, &turn); err != nil {
			return nil, err
		}
	}
	t := table{Title: fmt.Sprintf("requests that fail in %d updates under wrk, 64 connections", updatesUnderLoad), Unit: "failed"}
	for _, closing := range []bool{false, true} {
		w, err := l.underLoad(ctx, a, closing, &turn)
		if err != nil {
			return nil, err
		}
		t.Lines = append(t.Lines, own(series{w.name(closing), []float64{float64(w.failed)}}).most(0))
	}
	return []table{t}, nil
}

func (l *lab) underLoad(ctx context.Context, a *app, closing bool, turn *int) (w wrkSummary, err error) {
	args := []string{"-t2", "-c64", "-d1h"}
	if closing {
		args = append(args, "-H", "Connection: close")
	}
	cmd := exec.CommandContext(ctx, "wrk", append(args, a.url("healthz"))...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		return w, err
	}
	time.Sleep(time.Second) // of load before the first update
	var errs []error
	for range updatesUnderLoad {
		if err := l.flip(ctx, a, turn); err != nil {
			errs = append(errs, err)
			break
		}
	}
	time.Sleep(time.Second)            // and after the last
	cmd.Process.Signal(syscall.SIGINT) //nolint:errcheck // it has ended, and says so below
	errs = append(errs, cmd.Wait())
	w, err = readWrk(out.Bytes())
	return w, errors.Join(append(errs, err)...)
}

// wrkSummary is what wrk says at its end.
type wrkSummary struct {
	requests  int
	perSecond float64
	failed    int // socket errors and answers that are no success
}

func (w wrkSummary) name(closing bool) string {
	kind := "keep-alive"
	if closing {
		kind = "a connection per request"
	}
	return fmt.Sprintf("%s: %d requests, %.0f/s", kind, w.requests, w.perSecond)
}

var (
	requestsIn   = regexp.MustCompile(`(\d+) requests in`)
	ratePattern  = regexp.MustCompile(`Requests/sec:\s+([\d.]+)`)
	socketErrors = regexp.MustCompile(`Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)`)
	refused      = regexp.MustCompile(`Non-2xx or 3xx responses: (\d+)`)
)

func readWrk(out []byte) (wrkSummary, error) {
	n, rate := requestsIn.FindSubmatch(out), ratePattern.FindSubmatch(out)
	if n == nil || rate == nil {
		return wrkSummary{}, fmt.Errorf("wrk says: %s", out)
	}
	var w wrkSummary
	w.requests, _ = strconv.Atoi(string(n[1]))
	w.perSecond, _ = strconv.ParseFloat(string(rate[1]), 64)
	for _, pattern := range []*regexp.Regexp{socketErrors, refused} {
		if found := pattern.FindSubmatch(out); found != nil {
			for _, count := range found[1:] {
				n, _ := strconv.Atoi(string(count))
				w.failed += n
			}
		}
	}
	return w, nil
}
