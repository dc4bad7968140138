package edge

// Status is what the edge says of itself.
type Status struct {
	PID     int    `json:"pid"`
	Version string `json:"version"`
	// Retired: a successor has its sockets, it only serves what it had accepted.
	Retired     bool  `json:"retired,omitempty"`
	Connections int64 `json:"connections"` // open client connections and UDP flows
	// Missing addresses are in the routes, but could not be listened at when the edge started; it tries on.
	Missing  []string         `json:"missing,omitempty"`
	Pools    []PoolStatus     `json:"pools"`
	Draining []UpstreamStatus `json:"draining,omitempty"` // in no pool any more, still with work
	// Predecessors still serve connections that they had accepted before they handed over.
	Predecessors []Status `json:"predecessors,omitempty"`
}

// PoolStatus is the state of one pool.
type PoolStatus struct {
	ID        string           `json:"id"`
	Holding   bool             `json:"holding,omitempty"`
	Waiting   int64            `json:"waiting"` // requests and connections that a hold keeps
	Upstreams []UpstreamStatus `json:"upstreams"`
}

// UpstreamStatus is the state of one upstream.
type UpstreamStatus struct {
	Upstream
	InFlight int64  `json:"inFlight"` // requests, connections and UDP flows
	Total    uint64 `json:"total"`
	Errors   uint64 `json:"errors"`
	Refusing bool   `json:"refusing,omitempty"` // left out for a moment: it refused a connection
}

// InFlight adds up what is in flight to an upstream, named by ID or address, predecessors included.
func (s Status) InFlight(upstream string) int64 {
	var n int64
	seen := map[Upstream]bool{} // an upstream may be in several pools
	count := func(all []UpstreamStatus) {
		for _, u := range all {
			if !seen[u.Upstream] && u.Is(upstream) {
				seen[u.Upstream] = true
				n += u.InFlight
			}
		}
	}
	for _, p := range s.Pools {
		count(p.Upstreams)
	}
	count(s.Draining)
	for _, p := range s.Predecessors {
		n += p.InFlight(upstream)
	}
	return n
}

// Is reports whether name is the upstream's ID or address.
func (u Upstream) Is(name string) bool { return u.ID == name || u.Addr.String() == name }
