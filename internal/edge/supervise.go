package edge

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Watch returns nil when the process has ended, whoever's child it is, or an error when ctx has.
func Watch(ctx context.Context, pid int) error {
	fd, err := unix.PidfdOpen(pid, unix.PIDFD_NONBLOCK)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("watch process %d: %w", pid, err)
	}
	f := os.NewFile(uintptr(fd), "pidfd")
	defer f.Close()
	stop := context.AfterFunc(ctx, func() { f.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	raw, err := f.SyscallConn()
	if err != nil {
		return fmt.Errorf("watch process %d: %w", pid, err)
	}
	err = raw.Read(func(fd uintptr) bool {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
		return err == nil && n > 0
	})
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// Supervise keeps an edge of the wanted version running until ctx ends, which leaves it running. It tells changed, when
// given, of each edge that comes into office, the first included, and of errors.
func (l Launch) Supervise(ctx context.Context, changed func(Status, error)) error {
	if changed == nil {
		changed = func(Status, error) {}
	}
	pause := time.Duration(0)
	for {
		began := time.Now()
		_, s, err := l.Ensure(ctx)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		changed(s, err)
		if err == nil {
			err = Watch(ctx, s.PID)
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		pause = nextPause(pause, err == nil && time.Since(began) > settled)
		if err := sleep(ctx, pause); err != nil {
			return err
		}
	}
}

// settled is how long an edge runs until its end is no longer taken for a failure to start.
const settled = 2 * time.Second

// nextPause before a start: none for an edge that had settled, longer and longer for one that had not.
func nextPause(last time.Duration, settled bool) time.Duration {
	if settled {
		return 0
	}
	return min(max(2*last, 20*time.Millisecond), 2*time.Second)
}
