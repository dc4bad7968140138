package session

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/session/filesync"
	"github.com/tonistiigi/fsutil"
	"github.com/tonistiigi/fsutil/types"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

// reportsOf is the metadata that says which check files are of: the key of its step.
const reportsOf = "seaworthy-reports-of"

// SendReports is the engine's end: it has the user keep these files of a check, and nothing else in its folder.
func SendReports(ctx context.Context, user session.Caller, check string, files fsutil.FS) error {
	ctx = metadata.AppendToOutgoingContext(ctx, reportsOf, check)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // the user's end waits for it where something went wrong
	if err := filesync.CopyToCaller(ctx, files, 0, user, nil); err != nil {
		return errors.New(strings.TrimPrefix(err.Error(), "error from receiver: "))
	}
	return nil
}

// reports takes in the files of checks, each in a folder of its own. The engine says of which check they are, never where they go.
type reports struct {
	project string
	dirs    map[string]string // by the check's key, from the project
}

// Register is called by the session.
func (r reports) Register(server *grpc.Server) { filesync.RegisterFileSendServer(server, r) }

// DiffCopy makes a check's folder what the engine sends. Where it cannot, it says why and takes in the rest: of a stream that has
// ended, who sends may only hear that it has.
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
	md, _ := metadata.FromIncomingContext(stream.Context())
	check := strings.Join(md.Get(reportsOf), "")
	dir, ok := r.dirs[check]
	if !ok {
		return fmt.Errorf("nobody keeps reports of %q", check)
	}
	root, err := r.open(dir)
	if err != nil {
		return err
	}
	folder := fsutil.NewRoot(root)
	defer folder.Close()
	return fsutil.ReceiveRoot(stream.Context(), stream, folder, fsutil.ReceiveOpt{Filter: plainFiles, Differ: fsutil.DiffNone})
}

// open makes the folder if it has to. Links on the way could lead to what somebody needs, and all in it is replaced.
func (r reports) open(dir string) (*os.Root, error) {
	project, err := os.OpenRoot(r.project)
	if err != nil {
		return nil, err
	}
	defer project.Close()
	at := ""
	for name := range strings.SplitSeq(dir, "/") {
		at = path.Join(at, name)
		if err := makeFolder(project, at); err != nil {
			return nil, err
		}
		if at == State {
			if err := ignoreAll(project); err != nil {
				return nil, err
			}
		}
	}
	return project.OpenRoot(dir)
}

func makeFolder(root *os.Root, name string) error {
	err := root.Mkdir(name, 0o755)
	if err == nil || !errors.Is(err, fs.ErrExist) {
		return err
	}
	info, err := root.Lstat(name)
	if err == nil && !info.IsDir() {
		err = fmt.Errorf("%s is no folder: remove it", name)
	}
	return err
}

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
