package socket

import (
	"bufio"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Holder says which process listens at a port, as "nginx (pid 42)"; empty when it cannot be told.
func Holder(protocol string, addr netip.AddrPort) string {
	inodes := map[string]bool{}
	for _, table := range []string{protocol, protocol + "6"} {
		listening(filepath.Join("/proc/net", table), protocol, addr.Port(), inodes)
	}
	if len(inodes) == 0 {
		return ""
	}
	fds, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	for _, fd := range fds {
		link, err := os.Readlink(fd)
		inode, ok := strings.CutPrefix(link, "socket:[")
		if err != nil || !ok || !inodes[strings.TrimSuffix(inode, "]")] {
			continue
		}
		pid := strings.Split(fd, "/")[2]
		name, err := os.ReadFile(filepath.Join("/proc", pid, "comm"))
		if err != nil {
			continue
		}
		return fmt.Sprintf("%s (pid %s)", strings.TrimSpace(string(name)), pid)
	}
	return ""
}

// States of /proc/net/tcp and udp that hold a port.
const (
	stateListen  = "0A"
	stateUnbound = "07" // of a UDP socket without a peer
)

// listening adds the inodes of sockets that hold the port, of a table as proc(5) describes it.
func listening(path, protocol string, port uint16, inodes map[string]bool) {
	f, err := os.Open(path)
	if err != nil {
		return
	}
	defer f.Close()
	state := stateListen
	if protocol == "udp" {
		state = stateUnbound
	}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) < 10 || fields[3] != state {
			continue
		}
		_, hex, _ := strings.Cut(fields[1], ":")
		if p, err := strconv.ParseUint(hex, 16, 16); err == nil && uint16(p) == port {
			inodes[fields[9]] = true
		}
	}
}
