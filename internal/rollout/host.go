package rollout

import (
	"context"
	"time"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

// Host is what runs one environment. Each method is one operation, may be called again after an interruption, and then
// finds what is there. Calls that do not wait for each other come at the same time.
type Host interface {
	// Prepare makes networks and volumes, or changes a network of that name into it. A missing volume that is External is
	// an error.
	Prepare(ctx context.Context, networks []release.Network, volumes []release.Volume) error
	// Start makes the replica where it is missing and starts it where it does not run. It does not wait for its health.
	Start(ctx context.Context, r Replica) error
	// Await returns when what until says is true of the replica. It is an error when that can no longer become true, and
	// for Well and Ended when limit has passed. Meanwhile say is told why it is not true yet, in a line, whenever that changes.
	Await(ctx context.Context, id string, until Until, limit time.Duration, say func(why string)) error
	// Route moves all traffic at once and remembers, durably, that it did: the next observation has it as Serving.
	Route(ctx context.Context, s Serving) error
	// Drain returns when the replica, which takes no new traffic, has none left or limit has passed.
	Drain(ctx context.Context, id string, limit time.Duration) error
	// Stop asks the replica to end and kills it after grace; it stays known. One that does not run is no error.
	Stop(ctx context.Context, id string, grace time.Duration) error
	// Remove forgets a stopped replica; one that is not there is no error.
	Remove(ctx context.Context, id string) error
	// RemoveNetwork removes the network; one that is not there is no error.
	RemoveNetwork(ctx context.Context, name string) error
}

// Observer looks at one environment.
type Observer interface {
	Observe(ctx context.Context) (Observed, error)
}
