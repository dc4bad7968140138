package shim

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2/process"
	"github.com/containerd/containerd/v2/pkg/sys/reaper"
	"github.com/containerd/go-runc"
	"github.com/containerd/log"

	"github.com/seaworthyhq/seaworthy/internal/runtime/aide"
)

// respawnPause is what passes before a log writer that has died is replaced, so that one that dies at once costs little.
const respawnPause = 100 * time.Millisecond

// output is what a replica writes, on its way to the log writer. The shim holds the reading ends of the pipes too: a replica
// whose log writer was killed would write to nobody otherwise, and most programs end of that.
type output struct {
	program *url.URL
	id      string
	writer  int        // pid
	pipes   []*os.File // stdout, stderr
	exits   chan runc.Exit
}

// holdOutput finds the log writer among the shim's children. Output that goes elsewhere is none to hold: nil.
func holdOutput(id, uri string) (_ *output, err error) {
	program, err := url.Parse(uri)
	if err != nil || program.Scheme != "binary" {
		return nil, err
	}
	o := &output{program: program, id: id, exits: reaper.Default.Subscribe()}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("hold output of %s: %w", id, err), o.letGo())
		}
	}()
	if o.writer, err = childOf(program.Path); err != nil {
		return nil, err
	}
	for _, fd := range []int{aide.StdoutFD, aide.StderrFD} {
		pipe, err := os.Open(fmt.Sprintf("/proc/%d/fd/%d", o.writer, fd)) // another reading end of the same pipe
		if err != nil {
			return nil, err
		}
		o.pipes = append(o.pipes, pipe)
	}
	return o, nil
}

// childOf is the shim's child that runs the program under that name: other parts of the same file come and go beside it.
func childOf(program string) (pid int, err error) {
	want, err := os.Stat(program)
	if err != nil {
		return 0, err
	}
	threads, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil {
		return 0, err
	}
	for _, path := range threads {
		children, _ := os.ReadFile(path) // a thread that has ended has none
		for field := range strings.FieldsSeq(string(children)) {
			exe, err := os.Stat("/proc/" + field + "/exe")
			line, _ := os.ReadFile("/proc/" + field + "/cmdline") // what has ended has none
			if err == nil && os.SameFile(want, exe) && bytes.HasPrefix(line, []byte(program+"\x00")) {
				_, err := fmt.Sscan(field, &pid)
				return pid, err
			}
		}
	}
	return 0, fmt.Errorf("find process of %s: %w", program, fs.ErrNotExist)
}

// keepWriter replaces the log writer whenever it dies, until the replica has ended.
func (o *output) keepWriter(ended <-chan struct{}) {
	defer func() { _ = o.letGo() }() // pipes that were only read
	for {
		select {
		case <-ended:
			return
		case e := <-o.exits:
			if e.Pid == o.writer {
				o.replaceWriter(ended)
			}
		}
	}
}

func (o *output) replaceWriter(ended <-chan struct{}) {
	for {
		select {
		case <-ended: // it has written all there was
			return
		case <-time.After(respawnPause):
		}
		err := o.respawn()
		if err == nil {
			return
		}
		log.L.WithError(err).Error("replace log writer")
	}
}

func (o *output) respawn() error {
	ready, tell, err := os.Pipe() // nobody waits for it to be ready: the pipes keep what is written until then
	if err != nil {
		return err
	}
	defer ready.Close()
	defer tell.Close()
	cmd := process.NewBinaryCmd(o.program, o.id, Namespace)
	cmd.ExtraFiles = []*os.File{o.pipes[0], o.pipes[1], tell}
	if err := cmd.Start(); err != nil { // reaped with all other children
		return err
	}
	o.writer = cmd.Process.Pid
	return nil
}

func (o *output) letGo() error {
	reaper.Default.Unsubscribe(o.exits)
	var errs []error
	for _, p := range o.pipes {
		errs = append(errs, p.Close())
	}
	return errors.Join(errs...)
}
