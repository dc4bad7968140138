package shim

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"time"

	taskapi "github.com/containerd/containerd/api/runtime/task/v3"
	"github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2/task"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/containerd/v2/pkg/shutdown"
	"github.com/containerd/containerd/v2/pkg/sys/reaper"
	"github.com/containerd/log"
	"github.com/containerd/ttrpc"
	"golang.org/x/sys/unix"
)

const (
	// Namespace is that of every request to a shim.
	Namespace = "seaworthy"
	// listenerFD is the listening socket that the engine passes on, so that it can connect before the shim is up.
	listenerFD = 3
	// unused is how long a shim waits for its replica. An engine that was killed in between leaves no shim behind.
	unused = time.Minute
)

// serve runs containerd's task service for one replica, in the replica's directory, until the engine has taken the exit.
func serve() error {
	dir, err := os.Getwd()
	if err != nil {
		return err
	}
	if err := reaper.SetSubreaper(1); err != nil {
		return fmt.Errorf("become subreaper: %w", err)
	}
	go reapChildren()
	_ = log.SetLevel("error")
	ctx, sd := shutdown.WithShutdown(namespaces.WithNamespace(context.Background(), Namespace))
	defer sd.Shutdown()
	rec := newRecorder(dir)
	inner, err := task.NewTaskService(ctx, rec, sd)
	if err != nil {
		return err
	}
	listener, err := net.FileListener(os.NewFile(listenerFD, "listener"))
	if err != nil {
		return fmt.Errorf("take over listener: %w", err)
	}
	server, err := ttrpc.NewServer(ttrpc.WithServerHandshaker(ttrpc.UnixSocketRequireSameUser()))
	if err != nil {
		return err
	}
	svc := &service{TTRPCTaskService: inner, recorder: rec, used: make(chan struct{})}
	taskapi.RegisterTTRPCTaskService(server, svc)
	served := make(chan error, 1)
	go func() { served <- server.Serve(ctx, listener) }()
	go svc.giveUpUnused(sd)

	select {
	case err := <-served:
		if !errors.Is(err, ttrpc.ErrServerClosed) {
			return fmt.Errorf("serve: %w", err)
		}
	case <-sd.Done():
	}
	<-rec.closed
	return nil
}

// stayLean trades speed, of which a shim needs little once its replica runs, for memory, of which there are many.
func stayLean() {
	debug.SetGCPercent(40)
	runtime.GOMAXPROCS(2)
}

// reapChildren also keeps the shim alive: whatever stops the engine, a shim ends only with its replica.
func reapChildren() {
	signals := make(chan os.Signal, 32)
	signal.Notify(signals, unix.SIGCHLD, unix.SIGTERM, unix.SIGINT, unix.SIGHUP, unix.SIGPIPE)
	for s := range signals {
		if s != unix.SIGCHLD {
			continue
		}
		if err := reaper.Reap(); err != nil {
			log.L.WithError(err).Error("reap children")
		}
	}
}
