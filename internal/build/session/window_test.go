package session

import (
	"testing"

	"github.com/moby/buildkit/session/filesync"
	"github.com/tonistiigi/fsutil/types"
)

// wire hands out packets, and keeps those that are sent.
type wire struct {
	filesync.FileSend_DiffCopyServer
	in   []*types.Packet
	sent []uint32
}

func (w *wire) RecvMsg(m any) error {
	p := m.(*types.Packet)
	p.Type, p.ID, p.Stat = w.in[0].Type, w.in[0].ID, w.in[0].Stat
	w.in = w.in[1:]
	return nil
}

func (w *wire) SendMsg(m any) error {
	w.sent = append(w.sent, m.(*types.Packet).ID)
	return nil
}

func TestFilesAreAskedForAsThereIsRoom(t *testing.T) {
	for _, tc := range []struct {
		size int64
		want int // on their way
	}{{0, windowFiles}, {windowSize / windowFiles, windowFiles / 2}, {10 * windowSize, 1}} {
		wire := &wire{}
		w := &window{FileSend_DiffCopyServer: wire}
		receive := func(p *types.Packet) {
			t.Helper()
			wire.in = append(wire.in, p)
			if err := w.RecvMsg(&types.Packet{}); err != nil {
				t.Fatal(err)
			}
		}
		const files = 1000
		for id := range uint32(files) {
			receive(&types.Packet{Type: types.PACKET_STAT, Stat: &types.Stat{Size: tc.size}})
			if err := w.SendMsg(&types.Packet{Type: types.PACKET_REQ, ID: id}); err != nil {
				t.Fatal(err)
			}
		}
		for come := range files {
			if got, want := len(wire.sent)-come, min(tc.want, files-come); got != want {
				t.Fatalf("of %d bytes each, %d files are on their way after %d, want %d", tc.size, got, come, want)
			}
			receive(&types.Packet{Type: types.PACKET_DATA, ID: wire.sent[come]})
		}
	}
}
