package session

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"sync"

	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/session/filesync"
	"github.com/tonistiigi/fsutil"
	"github.com/tonistiigi/fsutil/types"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

// reportsOf is the metadata that says which check files are of: the key of its step.
const reportsOf = "seaworthy-reports-of"

// SendReports is the engine's end: it has the user keep these files of a check, and nothing else in its folder. Without an error they
// are kept, all of them.
func SendReports(ctx context.Context, user session.Caller, check string, files fsutil.FS) error {
	if !user.Supports(session.MethodURL(filesync.FileSend_ServiceDesc.ServiceName, "diffcopy")) {
		return errors.New("the user's end keeps no reports")
	}
	ctx, cancel := context.WithCancel(user.Context(metadata.AppendToOutgoingContext(ctx, reportsOf, check)))
	defer cancel() // the user's end waits for it where something went wrong
	stream, err := filesync.NewFileSendClient(user.Conn()).DiffCopy(ctx)
	if err != nil {
		return fmt.Errorf("reach the user's end: %w", err)
	}
	if err := fsutil.Send(ctx, stream, files, nil); err != nil {
		return errors.New(strings.TrimPrefix(err.Error(), "error from receiver: "))
	}
	return answer(stream)
}

// answer waits until what was sent is kept, which is after all of it has come.
func answer(stream filesync.FileSend_DiffCopyClient) error {
	if err := stream.CloseSend(); err != nil {
		return err
	}
	for {
		var p types.Packet
		err := stream.RecvMsg(&p)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case p.Type == types.PACKET_ERR:
			return errors.New(string(p.Data))
		}
	}
}

// reports takes in the files of checks, each in a folder of its own. The engine says of which check they are, never where they go.
type reports struct {
	project string
	dirs    map[string]string // by the check's key, from the project
	taking  *sync.RWMutex     // held for reading while files come in
}

// Register is called by the session.
func (r reports) Register(server *grpc.Server) { filesync.RegisterFileSendServer(server, r) }

// DiffCopy makes a check's folder what the engine sends. Where it cannot, the folder stays as it is; it says why and takes in the rest:
// of a stream that has ended, who sends may only hear that it has.
func (r reports) DiffCopy(stream filesync.FileSend_DiffCopyServer) error {
	err := r.take(stream)
	if err == nil {
		return nil
	}
	said := stream.SendMsg(&types.Packet{Type: types.PACKET_ERR, Data: []byte(err.Error())})
	for said == nil {
		said = stream.RecvMsg(&types.Packet{})
	}
	return err
}

func (r reports) take(stream filesync.FileSend_DiffCopyServer) error {
	r.taking.RLock()
	defer r.taking.RUnlock()
	md, _ := metadata.FromIncomingContext(stream.Context())
	check := strings.Join(md.Get(reportsOf), "")
	dir, ok := r.dirs[check]
	if !ok {
		return fmt.Errorf("nobody keeps reports of %q", check)
	}
	project, err := os.OpenRoot(r.project)
	if err != nil {
		return err
	}
	defer project.Close()
	if err := makeRoom(project, dir); err != nil {
		return err
	}
	d, err := openDraft(project)
	if err != nil {
		return err
	}
	defer d.close()
	if err := d.receive(stream); err != nil {
		return err
	}
	return d.putAt(dir)
}

// makeRoom makes the folders that a check's is in. Links on the way could lead to what somebody needs, and all in it is replaced.
func makeRoom(project *os.Root, dir string) error {
	at := ""
	for name := range strings.SplitSeq(path.Dir(dir), "/") {
		at = path.Join(at, name)
		if err := makeFolder(project, at); err != nil {
			return err
		}
		if at == State {
			if err := ignoreAll(project); err != nil {
				return err
			}
		}
	}
	if info, err := project.Lstat(dir); err == nil && !info.IsDir() {
		return noFolder(dir)
	}
	return nil
}

func makeFolder(root *os.Root, name string) error {
	err := root.Mkdir(name, 0o755)
	if err == nil || !errors.Is(err, fs.ErrExist) {
		return err
	}
	info, err := root.Lstat(name)
	if err == nil && !info.IsDir() {
		err = noFolder(name)
	}
	return err
}

func noFolder(name string) error { return fmt.Errorf("%s is no folder: remove it", name) }

// ignoreAll keeps what Seaworthy writes out of git.
func ignoreAll(project *os.Root) error {
	f, err := project.OpenFile(State+"/.gitignore", os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = f.WriteString("*\n")
	return errors.Join(err, f.Close())
}

// plainFiles lets files and folders through, as the user's own.
func plainFiles(_ string, stat *types.Stat) bool {
	stat.Uid, stat.Gid, stat.Xattrs = uint32(os.Getuid()), uint32(os.Getgid()), nil
	switch mode := os.FileMode(stat.Mode); {
	case mode.IsDir():
		stat.Mode = uint32(fs.ModeDir | 0o755)
	case mode.IsRegular() && stat.Linkname == "":
		stat.Mode = 0o644
	default:
		return false
	}
	return true
}
