package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// daemon is a process that was started here and is ended here, by its id.
type daemon struct {
	name  string
	cmd   *exec.Cmd
	ended chan struct{}
	err   error // how it ended; after ended
	log   string
}

// startDaemon starts a process that writes to a log in dir.
func startDaemon(dir, name string, command ...string) (*daemon, error) {
	d := &daemon{name: name, ended: make(chan struct{}), log: filepath.Join(dir, name+".log")}
	log, err := os.Create(d.log)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	d.cmd = exec.Command(command[0], command[1:]...)
	d.cmd.Dir, d.cmd.Stdout, d.cmd.Stderr = dir, log, log
	// An interrupt of the terminal is ours: we end it in order.
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := d.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() { d.err = d.cmd.Wait(); close(d.ended) }()
	return d, nil
}

func (d *daemon) pid() int { return d.cmd.Process.Pid }

// stop asks the process to end, and ends it if it does not.
func (d *daemon) stop() error {
	d.cmd.Process.Signal(syscall.SIGTERM) //nolint:errcheck // it has ended
	select {
	case <-d.ended:
		return nil
	case <-time.After(20 * time.Second):
	}
	d.cmd.Process.Kill() //nolint:errcheck // it has ended
	<-d.ended
	return fmt.Errorf("stop %s: it had to be killed", d.name)
}

// ready waits until check finds nothing wrong, or the process has ended.
func (d *daemon) ready(ctx context.Context, check func() error) error {
	if d == nil {
		return poll(ctx, check)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-d.ended:
			cancel(fmt.Errorf("%s ended: %w; see %s", d.name, d.err, d.log))
		case <-ctx.Done():
		}
	}()
	return poll(ctx, check)
}

// patience is how long something that starts is waited for.
const patience = 30 * time.Second

// poll asks every half millisecond until check finds nothing wrong.
func poll(ctx context.Context, check func() error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		err := check()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), err)
		case <-time.After(500 * time.Microsecond):
		}
	}
}

// output runs a command to its end and returns what it wrote to its standard output; the error has the rest.
func output(cmd *exec.Cmd) (string, error) {
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w\n%s%s", strings.Join(cmd.Args, " "), err, out, errs.String())
	}
	return string(out), nil
}

// megabytes of a process: resident, and with what it shares with others counted in proportion.
func megabytes(pid int) (rss, pss float64, err error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0, 0, err
	}
	for l := range strings.Lines(string(b)) {
		fields := strings.Fields(l)
		if len(fields) < 2 {
			continue
		}
		kb, _ := strconv.ParseFloat(fields[1], 64)
		switch fields[0] {
		case "Rss:":
			rss = kb / 1024
		case "Pss:":
			pss = kb / 1024
		}
	}
	return rss, pss, nil
}

// processesWith are the ids of processes whose command line has all of these words.
func processesWith(words ...string) []int {
	var found []int
	lines, _ := filepath.Glob("/proc/[0-9]*/cmdline")
next:
	for _, path := range lines {
		b, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		for _, w := range words {
			if !strings.Contains(string(b), w) {
				continue next
			}
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path))); err == nil {
			found = append(found, pid)
		}
	}
	return found
}
