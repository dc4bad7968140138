package build

import (
	"fmt"
	"strings"
	"sync"

	"github.com/opencontainers/go-digest"
)

// alike are the operations of all builds that run. What two of them do alike the solver does once, and tells both of it by the
// digest that one of them has for it; and what is to run without cache beside the same with it gets another digest.
type alike struct {
	mu      sync.Mutex
	all     map[digest.Digest]*alikeNode
	count   int               // of what began and ended
	running map[*progress]int // the count when it began
	ended   []endedBuild      // what those that run may still be told of, in the order in which they ended
}

type endedBuild struct {
	count int
	did   []digest.Digest
}

type alikeNode struct {
	node
	builds int
	print  digest.Digest // what is equal where the solver does one for the other; "" until somebody asks
}

// uncached is the digest of an operation that runs without cache while another build does the same with it.
func uncached(dgst digest.Digest) digest.Digest {
	return digest.FromString(string(dgst) + "-ignorecache") // as the solver's jobs.go has it
}

// add takes in operations of a build, inputs before what they go into.
func (a *alike) add(nodes []node) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, n := range nodes {
		if found := a.all[n.digest]; found != nil {
			found.builds++
			continue
		}
		one := &alikeNode{node: n, builds: 1}
		a.all[n.digest], a.all[uncached(n.digest)] = one, one
	}
}

// begin is told of a build that starts.
func (a *alike) begin(p *progress) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.count++
	a.running[p] = a.count
}

// end is told of a build that has ended, and what it did. It is forgotten when those have ended, too, that ran beside it: news of
// what they share may still be on their way.
func (a *alike) end(p *progress, did []digest.Digest) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.count++
	delete(a.running, p)
	a.ended = append(a.ended, endedBuild{a.count, did})
	oldest := a.count + 1
	for _, began := range a.running {
		oldest = min(oldest, began)
	}
	for len(a.ended) > 0 && a.ended[0].count < oldest {
		a.forget(a.ended[0].did)
		a.ended = a.ended[1:]
	}
}

func (a *alike) forget(did []digest.Digest) {
	for _, dgst := range did {
		if n := a.all[dgst]; n != nil {
			if n.builds--; n.builds == 0 {
				delete(a.all, dgst)
				delete(a.all, uncached(dgst))
			}
		}
	}
}

// to returns a function that reports whether an operation is like the one given; nil where nothing is known of that.
func (a *alike) to(dgst digest.Digest) func(digest.Digest) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	wanted := a.printOf(dgst)
	if wanted == "" {
		return nil
	}
	return func(other digest.Digest) bool {
		a.mu.Lock()
		defer a.mu.Unlock()
		return a.printOf(other) == wanted
	}
}

// printOf is of what an operation does and of all that goes into it. A folder of the user's counts by its name: what is in it only
// the solver knows, which has found it equal.
func (a *alike) printOf(dgst digest.Digest) digest.Digest {
	n := a.all[dgst]
	if n == nil {
		return ""
	}
	if n.print != "" {
		return n.print
	}
	h := digest.SHA256.Digester()
	if strings.HasPrefix(n.source, localSource) {
		fmt.Fprintln(h.Hash(), n.source)
	} else if op, err := n.read(); err == nil {
		_ = describe(h.Hash(), op) // a hash takes all
	}
	for _, in := range n.inputs {
		fmt.Fprintln(h.Hash(), a.printOf(in))
	}
	n.print = h.Digest()
	return n.print
}

// known is the vertex of this build that the solver speaks of, or nil.
func (p *progress) known(dgst digest.Digest) *vertex {
	for _, all := range []map[digest.Digest]*vertex{p.vertices, p.aliases} {
		if v := all[dgst]; v != nil {
			return v
		}
	}
	is := p.alike.to(dgst)
	if is == nil {
		return nil
	}
	var found *vertex
	for _, v := range p.order {
		if !v.known.IsZero() && (found == nil || found.state.Ended() && !v.state.Ended()) && is(v.digest) {
			found = v
		}
	}
	if found != nil {
		p.aliases[dgst] = found
	}
	return found
}

// did are the operations of this build, as it knows them.
func (p *progress) did() []digest.Digest {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []digest.Digest
	for _, v := range p.order {
		if !v.known.IsZero() {
			all = append(all, v.digest)
		}
	}
	return all
}
