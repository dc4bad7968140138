package session

import (
	"sync"

	"github.com/moby/buildkit/session/filesync"
	"github.com/tonistiigi/fsutil/types"
	"google.golang.org/grpc"
)

// folders are those that the engine may ask for, by name. BuildKit sends them, but where it cannot read a file it neither says so
// nor ends.
type folders map[string]folder

// Register is called by the session.
func (f folders) Register(server *grpc.Server) { filesync.RegisterFileSyncServer(server, f) }

// DiffCopy sends one of the folders, as far as the engine has not got it.
func (f folders) DiffCopy(stream filesync.FileSync_DiffCopyServer) error {
	t := &transfer{FileSync_DiffCopyServer: stream}
	return f.provider(t.fail).DiffCopy(t)
}

// TarStream is the way of old engines.
func (f folders) TarStream(stream filesync.FileSync_TarStreamServer) error {
	return f.provider(func(error) {}).TarStream(stream)
}

func (f folders) provider(failed func(error)) filesync.FileSyncServer {
	dirs := filesync.StaticDirSource{}
	for name, dir := range f {
		dir.failed = failed
		dirs[name] = dir
	}
	return filesync.NewFSSyncProvider(dirs).(filesync.FileSyncServer)
}

// transfer is a folder on its way to the engine.
type transfer struct {
	filesync.FileSync_DiffCopyServer
	sending sync.Mutex // a stream takes one message at a time
}

// SendMsg sends what BuildKit says.
func (t *transfer) SendMsg(m any) error {
	t.sending.Lock()
	defer t.sending.Unlock()
	return t.FileSync_DiffCopyServer.SendMsg(m)
}

// fail has the engine end the transfer, and give the reason for it.
func (t *transfer) fail(err error) {
	_ = t.SendMsg(&types.Packet{Type: types.PACKET_ERR, Data: []byte(err.Error())}) // an engine that is gone has ended it
}
