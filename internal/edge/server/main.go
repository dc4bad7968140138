package server

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"github.com/seaworthyhq/seaworthy/internal/edge"
)

type options struct {
	dir        string
	version    string
	resolvConf string
	linger     time.Duration
}

func parse(args []string) (options, error) {
	var o options
	flags := flag.NewFlagSet("edge", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&o.dir, "dir", "", "folder of routes and sockets")
	flags.StringVar(&o.version, "version", "", "what status says")
	flags.StringVar(&o.resolvConf, "resolv-conf", "/etc/resolv.conf", "names the resolvers of the host")
	flags.DurationVar(&o.linger, "linger", time.Hour, "for how long connections are served on after a handover")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if o.dir == "" || flags.NArg() > 0 {
		return o, errors.New("usage: edge --dir DIR [--version V]")
	}
	return o, nil
}

// Main is the edge's process. It takes over from an edge that runs in the same folder, and serves until it is told to stop
// or has handed over itself and its last connection has ended. The result is an exit code.
func Main(args []string) int {
	logger := log.New(os.Stderr, "edge: ", log.LstdFlags|log.Lmicroseconds)
	o, err := parse(args)
	if err != nil {
		fmt.Fprintln(os.Stderr, "edge:", err)
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := run(ctx, o, logger); err != nil {
		logger.Print(err)
		return 1
	}
	return 0
}

func run(ctx context.Context, o options, logger *log.Logger) error {
	if err := os.MkdirAll(o.dir, 0o700); err != nil {
		return fmt.Errorf("start edge: %w", err)
	}
	s := newServer(o, logger)
	defer runtime.KeepAlive(boundMemory(s.proxy.Memory()))
	ctx, s.end = context.WithCancel(ctx)
	defer s.end()
	office, leave := context.WithCancel(ctx)
	s.leave = leave
	defer leave()
	if err := s.start(ctx); err != nil {
		return err
	}
	go s.keepBinding(office)
	control := serveControl(s.control, s.handler())
	<-office.Done()
	return s.finish(ctx, control, o.linger)
}

// start takes over from a running edge, or begins with the routes on disk.
func (s *server) start(ctx context.Context) error {
	in, err := takeOver(ctx, s.dir)
	if err != nil {
		return err
	}
	if in != nil {
		return s.succeed(in)
	}
	if s.lock, err = lock(s.dir); err != nil {
		return err
	}
	routes, err := readRoutes(s.dir)
	if err != nil {
		// Better to come up with nothing and be told everything than not at all.
		s.log.Printf("%v; starting without", err)
		routes = edge.Routes{}
	}
	s.resume(routes, nil)
	if s.control, err = listenControl(edge.SocketPath(s.dir)); err != nil {
		return err
	}
	s.log.Printf("pid %d, version %q serves %d sockets", os.Getpid(), s.version, len(s.sockets))
	return nil
}

func (s *server) succeed(in *inheritance) error {
	s.lock, s.control = in.lock, in.control
	s.resume(in.Routes, in.sockets)
	if err := in.assume(); err != nil {
		return err
	}
	if err := writeHolder(s.lock); err != nil {
		s.log.Printf("note the holder of the lock: %v", err)
	}
	s.log.Printf("pid %d, version %q took over %d sockets from pid %d, version %q",
		os.Getpid(), s.version, len(in.sockets), in.PID, in.Version)
	return nil
}

// finish ends the process: at once when it was told to stop, with its last connection when it has handed over.
func (s *server) finish(ctx context.Context, control *http.Server, limit time.Duration) error {
	if !s.isRetired() {
		s.close()
		os.Remove(edge.SocketPath(s.dir))
		return endControl(control)
	}
	defer os.Remove(ownSocket(s.dir))
	if err := s.linger(ctx, limit); err != nil {
		s.log.Printf("leave: %v", err)
	}
	s.proxy.Close()
	s.serving.Wait()
	return endControl(control)
}

// endControl leaves orders under way, the one to stop among them, the time to be answered.
func endControl(control *http.Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := control.Shutdown(ctx); err != nil && !errors.Is(err, net.ErrClosed) {
		return control.Close()
	}
	return nil
}
