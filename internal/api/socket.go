package api

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/user"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

// SocketName is the engine's socket in its state root.
const SocketName = "engine.sock"

// DatabaseName is the engine's database in its state root: a folder without it is none that an engine has run in.
const DatabaseName = "state.db"

// Group is the group whose members may use the engine, besides root, where its settings name no other. Who is in it can do as
// root does: it is like being in the group docker.
const Group = "seaworthy"

// Listen makes the engine's socket in root, for root and a group alone: by name or number, or Group, if there is one, where
// it is empty. A socket that nobody serves is replaced: who holds the lock of the root is the only one who may call this.
func Listen(root, group string) (net.Listener, error) {
	gid, err := findGroup(group)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(root, SocketName)
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("remove stale socket: %w", err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("listen on engine socket: %w", err)
	}
	if err := admit(path, gid); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// nobody is no group at all.
const nobody = -1

func findGroup(name string) (gid int, err error) {
	if gid, err := strconv.Atoi(name); err == nil {
		return gid, nil
	}
	g, err := user.LookupGroup(cmp.Or(name, Group))
	switch {
	case err == nil:
		return strconv.Atoi(g.Gid)
	case name == "":
		return nobody, nil
	}
	return nobody, &release.UserError{
		Kind: release.KindUsage, Err: fmt.Errorf("find group of the engine's socket: %w", err), Hint: "groupadd --system " + name,
	}
}

// howToJoin says how to become one of those who may open the socket.
func howToJoin(path string) string {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil || st.Gid == 0 {
		return "have a group that may: sudo groupadd --system " + Group + "; sudo usermod -aG " + Group + " $USER; sudo seaworthy engine restart"
	}
	group := strconv.FormatUint(uint64(st.Gid), 10)
	if g, err := user.LookupGroupId(group); err == nil {
		group = g.Name
	}
	return "join the group: sudo usermod -aG " + group + " $USER"
}

func admit(path string, gid int) error {
	if gid == nobody {
		return os.Chmod(path, 0o600)
	}
	if err := os.Chown(path, 0, gid); err != nil {
		return err
	}
	return os.Chmod(path, 0o660)
}

// Hijack takes the connection of a request over, after saying that it switches protocols. What the client has sent already
// is not lost.
func Hijack(w http.ResponseWriter, protocol string) (net.Conn, error) {
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, fmt.Errorf("take connection over: %w", err)
	}
	_, err = fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n", protocol)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	if rw.Reader.Buffered() == 0 {
		return conn, nil
	}
	return &bufferedConn{Conn: conn, r: rw.Reader}, nil
}

type bufferedConn struct {
	net.Conn
	r interface{ Read([]byte) (int, error) }
}

func (c *bufferedConn) Read(p []byte) (int, error) { return c.r.Read(p) }
