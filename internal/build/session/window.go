package session

import (
	"sync"

	"github.com/moby/buildkit/session/filesync"
	"github.com/tonistiigi/fsutil/types"
)

const (
	windowSize  = 8 << 20 // bytes of files that have been asked for and have not come
	windowFiles = 128     // how many they are at most: fsutil's sender takes note of so many, and never ends where it is cut off with more
)

// window asks for files as they can be written. Asked for all at once, they would wait in memory: what carries the stream takes in
// whatever comes.
type window struct {
	filesync.FileSend_DiffCopyServer

	mu      sync.Mutex // guards what follows, and a stream takes one message at a time
	costs   []int64    // of all that there is, by its number
	open    int64      // of what has been asked for
	waiting []*types.Packet
}

// SendMsg sends what the receiver says, but asks for a file when there is room for it.
func (w *window) SendMsg(m any) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if p, ok := m.(*types.Packet); ok && p.Type == types.PACKET_REQ {
		w.waiting = append(w.waiting, p)
		return w.ask()
	}
	return w.FileSend_DiffCopyServer.SendMsg(m)
}

// RecvMsg takes in what there is, what a file has in it, and that it has come.
func (w *window) RecvMsg(m any) error {
	if err := w.FileSend_DiffCopyServer.RecvMsg(m); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	switch p, _ := m.(*types.Packet); {
	case p.GetType() == types.PACKET_STAT && p.Stat != nil:
		w.costs = append(w.costs, windowSize/windowFiles+p.Stat.Size)
	case p.GetType() == types.PACKET_DATA && len(p.Data) == 0:
		w.open -= w.cost(p.ID)
		return w.ask()
	}
	return nil
}

func (w *window) ask() error {
	for len(w.waiting) > 0 && (w.open == 0 || w.open+w.cost(w.waiting[0].ID) <= windowSize) {
		next := w.waiting[0]
		w.waiting = w.waiting[1:]
		w.open += w.cost(next.ID)
		if err := w.FileSend_DiffCopyServer.SendMsg(next); err != nil {
			return err
		}
	}
	return nil
}

func (w *window) cost(id uint32) int64 {
	if int(id) >= len(w.costs) {
		return 0 // the receiver says that there is no such file
	}
	return w.costs[id]
}
