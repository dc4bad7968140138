package runtime

import (
	"bytes"
	"fmt"
	"io"
	"os"

	cfs "github.com/containerd/continuity/fs"
	"github.com/moby/sys/user"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// account is who a process runs as.
type account struct {
	uid, gid int
	groups   []int
	home     string
}

func (a account) oci() specs.User {
	u := specs.User{UID: uint32(a.uid), GID: uint32(a.gid)}
	for _, g := range a.groups {
		u.AdditionalGids = append(u.AdditionalGids, uint32(g))
	}
	return u
}

// lookUpUser finds "user", "user:group" or numbers in the image's own files.
func lookUpUser(rootfs, who string, groupAdd []string) (account, error) {
	passwd, err := readInside(rootfs, "/etc/passwd")
	if err != nil {
		return account{}, err
	}
	groups, err := readInside(rootfs, "/etc/group")
	if err != nil {
		return account{}, err
	}
	found, err := user.GetExecUser(who, &user.ExecUser{Home: "/"}, passwd, groups)
	if err != nil {
		return account{}, err
	}
	a := account{uid: found.Uid, gid: found.Gid, groups: found.Sgids, home: found.Home}
	if len(groupAdd) == 0 {
		return a, nil
	}
	if _, err := groups.(io.Seeker).Seek(0, io.SeekStart); err != nil {
		return account{}, err
	}
	more, err := user.GetAdditionalGroups(groupAdd, groups)
	if err != nil {
		return account{}, fmt.Errorf("group_add: %w", err)
	}
	a.groups = append(a.groups, more...)
	return a, nil
}

// readInside reads a file of a root file system, wherever its links lead within it; one that is not there is empty.
func readInside(rootfs, name string) (io.Reader, error) {
	path, err := cfs.RootPath(rootfs, name)
	if err != nil {
		return nil, err
	}
	b, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	return bytes.NewReader(b), nil
}
