package session

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/moby/buildkit/session/filesync"
	"github.com/tonistiigi/fsutil"
	"golang.org/x/sys/unix"
)

// draftPrefix is what the names of drafts begin with, in ReportsDir, followed by something random.
const draftPrefix = ".seaworthy-draft-"

// draft is a folder that is being written, beside those that are whole. It is locked as long as somebody writes it, so that those of
// whom was killed are known.
type draft struct {
	project *os.Root
	at      string
	lock    *os.File
}

// openDraft makes an empty one, and removes those that nobody writes any more.
func openDraft(project *os.Root) (*draft, error) {
	removeDrafts(project)
	for tries := 1; ; tries++ {
		d, err := makeDraft(project)
		if !errors.Is(err, fs.ErrNotExist) || tries == mostTries { // otherwise somebody removed it before it was locked
			return d, err
		}
	}
}

// mostTries is how often a draft is made anew: more often only somebody who removes all of the time is in the way.
const mostTries = 100

func makeDraft(project *os.Root) (*draft, error) {
	d := &draft{project: project, at: path.Join(ReportsDir, draftPrefix+rand.Text())}
	if err := makeRoom(project, d.at); err != nil {
		return nil, err
	}
	if err := project.Mkdir(d.at, 0o700); err != nil {
		return nil, fmt.Errorf("make folder in %s: %w", ReportsDir, errors.Unwrap(err))
	}
	var err error
	if d.lock, err = project.Open(d.at); err != nil {
		return nil, err
	}
	_ = unix.Flock(int(d.lock.Fd()), unix.LOCK_EX) // where folders cannot be locked, nobody removes any either
	if err := project.Mkdir(d.content(), 0o755); err != nil {
		d.close()
		return nil, err
	}
	return d, nil
}

func removeDrafts(project *os.Root) {
	entries, _ := fs.ReadDir(project.FS(), ReportsDir) // the next one may succeed
	for _, e := range entries {
		if !e.IsDir() || !strings.HasPrefix(e.Name(), draftPrefix) {
			continue
		}
		d := draft{project: project, at: path.Join(ReportsDir, e.Name())}
		var err error
		if d.lock, err = project.Open(d.at); err != nil {
			continue
		}
		if unix.Flock(int(d.lock.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
			d.close()
		} else {
			_ = d.lock.Close() // nothing was written
		}
	}
}

func (d *draft) content() string { return path.Join(d.at, "content") }

// close removes what is left of it.
func (d *draft) close() {
	_ = d.project.RemoveAll(d.at) // the next draft does
	_ = d.lock.Close()            // nothing was written
}

// receive fills it.
func (d *draft) receive(stream filesync.FileSend_DiffCopyServer) error {
	root, err := d.project.OpenRoot(d.content())
	if err != nil {
		return err
	}
	defer root.Close()                             // not as fsutil.Root: where it is cut short, some that still use it would find nothing there at all
	ctx := context.WithoutCancel(stream.Context()) // the end of the stream ends it, between two messages: none is being written then
	return fsutil.ReceiveRoot(ctx, &window{FileSend_DiffCopyServer: stream}, fsutil.NewRoot(root), fsutil.ReceiveOpt{Filter: plainFiles, Differ: fsutil.DiffNone})
}

// putAt has it take the place of a folder. Whoever is killed meanwhile leaves none rather than parts of two.
func (d *draft) putAt(dir string) error {
	for i := 0; ; i++ {
		before := path.Join(d.at, fmt.Sprint("before", i))
		err := d.project.Rename(dir, before)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		err = d.project.Rename(d.content(), dir)
		if err == nil || !errors.Is(err, fs.ErrExist) { // otherwise another build of the project was faster
			return err
		}
	}
}
