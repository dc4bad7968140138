package engine

import (
	"context"
	"time"
)

// firewallPause is how long replicas may be without their names, their way out and what keeps networks apart after somebody
// flushed the machine's firewall rules. A look costs some milliseconds.
const firewallPause = 10 * time.Second

// keepFirewall has the firewall rules of networks be there until ctx ends.
func (e *Engine) keepFirewall(ctx context.Context) {
	tick := time.NewTicker(firewallPause)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		switch gone, err := e.runtime.RepairNetworks(ctx); {
		case ctx.Err() != nil:
			return
		case err != nil:
			e.log.Error("look after firewall rules", "error", err)
		case gone:
			e.log.Warn("firewall rules were flushed by somebody else: they are written again")
		}
	}
}
