package proxy

import (
	"errors"
	"log"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// errCrowded: more is open than we can carry. That is no replica's fault.
var errCrowded = errors.New("too many connections")

// What a budget leaves to others: descriptors for orders, listening sockets, queries and files; most of the memory.
const (
	mostReserved  = 4096
	perConnection = 32 << 10 // bytes that an open one takes with its buffers, or a request of HTTP/2, roughly
	shareOfMemory = 4
)

// budget limits what is open, connections of clients and to upstreams, and requests in HTTP/2, so that however many the world
// opens, the edge lives and hears its orders.
type budget struct {
	size     int64
	open     atomic.Int64
	makeRoom func() // closes what nobody needs
	log      *log.Logger

	roomMade, told atomic.Int64 // when, in Unix seconds
}

// newBudget is as large as the process's limit of files and the machine's memory allow.
func newBudget(makeRoom func(), logger *log.Logger) *budget {
	b := &budget{size: 1024, makeRoom: makeRoom, log: logger}
	var files unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files); err == nil {
		limit := int64(min(files.Cur, 1<<30))
		b.size = limit - min(limit/4, mostReserved)
	}
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err == nil {
		memory := int64(info.Totalram) * int64(info.Unit)
		b.size = min(b.size, memory/shareOfMemory/perConnection)
	}
	return b
}

// forRest is the memory that is taken beside that of connections.
const forRest = 64 << 20

// Memory is what the proxy may take when as much is open as may be.
func (p *Proxy) Memory() int64 { return forRest + p.budget.size*perConnection }

// share is what one port, or one replica, has of the budget.
type share struct{ open atomic.Int64 }

// most is how many times what is still free one share may be. So no share is ever all, whatever the others are.
const most = 2

// take reports whether one more may be opened.
func (b *budget) take(s *share) bool {
	if b.fits(s) {
		return true
	}
	if isDue(&b.roomMade, 1) {
		if b.makeRoom(); b.fits(s) {
			return true
		}
	}
	if isDue(&b.told, 60) {
		b.log.Printf("%d connections are open, %d of them of one port or to one replica: more are refused (of %d)",
			b.open.Load(), s.open.Load(), b.size)
	}
	return false
}

func (b *budget) fits(s *share) bool {
	if open, own := b.open.Add(1), s.open.Add(1); own <= most*(b.size-open+1) {
		return true
	}
	b.give(s)
	return false
}

// isDue reports, to one caller, whether it is so many seconds since last.
func isDue(last *atomic.Int64, seconds int64) bool {
	now, then := time.Now().Unix(), last.Load()
	return now-then >= seconds && last.CompareAndSwap(then, now)
}

func (b *budget) give(s *share) {
	s.open.Add(-1)
	b.open.Add(-1)
}

// crowded reports whether a connection could not be opened because of us: of what a process, or this machine, may have.
func crowded(err error) bool {
	for _, limit := range []error{unix.EMFILE, unix.ENFILE, unix.ENOBUFS, unix.ENOMEM, unix.EADDRNOTAVAIL} {
		if errors.Is(err, limit) {
			return true
		}
	}
	return false
}
