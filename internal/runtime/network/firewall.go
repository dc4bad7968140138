package network

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os/exec"
	"strings"

	"github.com/coreos/go-iptables/iptables"
)

// firewall keeps the rules of all networks in chains of this engine's own. The chains are written whole, from all
// networks, in one call: what is there is never added to.
type firewall struct {
	tag           string
	subnets, vips netip.Prefix
	applied       string // what the chains hold, as far as this process knows
}

// hook is a chain of ours and the built-in chain that leads to it.
type hook struct{ table, builtin, chain string }

func (f *firewall) hooks() []hook {
	return []hook{
		{"filter", "FORWARD", "SEAWORTHY-FWD-" + f.tag},
		{"filter", "INPUT", "SEAWORTHY-IN-" + f.tag},
		{"nat", "PREROUTING", "SEAWORTHY-PRE-" + f.tag},
		{"nat", "POSTROUTING", "SEAWORTHY-POST-" + f.tag},
	}
}

// apply makes the chains say what networks need; without networks it removes them.
func (f *firewall) apply(ctx context.Context, networks []Network) error {
	if len(networks) == 0 {
		f.applied = ""
		return f.remove()
	}
	rules := f.rules(networks)
	if rules == f.applied {
		return nil
	}
	cmd := exec.CommandContext(ctx, "iptables-restore", "--wait", "--noflush")
	cmd.Stdin = strings.NewReader(rules)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("write firewall rules: %w: %s", err, bytes.TrimSpace(out))
	}
	if f.applied == "" {
		if err := f.link(); err != nil {
			return err
		}
	}
	f.applied = rules
	return nil
}

// intact reports whether the kernel still has what was written last. Others flush whole tables: reloading nftables does.
func (f *firewall) intact(ctx context.Context) (bool, error) {
	out, err := exec.CommandContext(ctx, "iptables-save").Output()
	if err != nil {
		return false, fmt.Errorf("read firewall rules: %w", err)
	}
	found, wanted := countRules(string(out)), countRules(f.applied)
	for _, h := range f.hooks() {
		if !strings.Contains(string(out), fmt.Sprintf("-A %s -j %s\n", h.builtin, h.chain)) {
			return false, nil
		}
		if found[h.chain] != wanted[h.chain] { // iptables-save words rules otherwise, but keeps each
			return false, nil
		}
	}
	return true, nil
}

// countRules counts, by chain, the rules in what iptables-save writes and iptables-restore reads.
func countRules(text string) map[string]int {
	count := map[string]int{}
	for line := range strings.Lines(text) {
		if rule, ok := strings.CutPrefix(line, "-A "); ok {
			chain, _, _ := strings.Cut(rule, " ")
			count[chain]++
		}
	}
	return count
}

// link leads the built-in chains to ours, before anything else: a policy of DROP, or another's rule, must not come first.
func (f *firewall) link() error {
	ipt, err := iptables.New()
	if err != nil {
		return fmt.Errorf("find iptables: %w", err)
	}
	for _, h := range f.hooks() {
		if err := ipt.InsertUnique(h.table, h.builtin, 1, "-j", h.chain); err != nil {
			return fmt.Errorf("link firewall chain %s: %w", h.chain, err)
		}
	}
	return nil
}

func (f *firewall) remove() error {
	ipt, err := iptables.New()
	if err != nil {
		return fmt.Errorf("find iptables: %w", err)
	}
	var errs []error
	for _, h := range f.hooks() {
		there, err := ipt.ChainExists(h.table, h.chain)
		if err == nil && there {
			err = errors.Join(ipt.DeleteIfExists(h.table, h.builtin, "-j", h.chain), ipt.ClearAndDeleteChain(h.table, h.chain))
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// rules is the text of all chains, as iptables-restore reads it.
func (f *firewall) rules(networks []Network) string {
	hooks := f.hooks()
	forward, input, pre, post := hooks[0].chain, hooks[1].chain, hooks[2].chain, hooks[3].chain
	var b strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }

	say("*filter\n:%s - [0:0]\n:%s - [0:0]", forward, input)
	for _, n := range networks {
		f.sayForward(say, forward, n)
		f.sayInput(say, input, n)
	}
	say("COMMIT\n*nat\n:%s - [0:0]\n:%s - [0:0]", pre, post)
	for _, n := range networks {
		say("-A %s -i %s -d %s -p tcp -j REDIRECT --to-ports %d", pre, n.Bridge, n.VIPs, n.RedirectPort)
		if !n.Internal {
			say("-A %s -s %s ! -o %s -j MASQUERADE", post, n.Subnet, n.Bridge)
		}
	}
	say("COMMIT")
	return b.String()
}

// sayForward lets replicas of one network talk, keeps networks apart, and lets answers in but nothing else: what is published
// comes through the edge, which is no forwarding.
func (f *firewall) sayForward(say func(string, ...any), chain string, n Network) {
	say("-A %s -i %s -o %s -j ACCEPT", chain, n.Bridge, n.Bridge)
	say("-A %s -i %s -o %s+ -j DROP", chain, n.Bridge, bridgePrefix)
	if n.Internal {
		say("-A %s -i %s -j DROP", chain, n.Bridge)
		say("-A %s -o %s -j DROP", chain, n.Bridge)
		return
	}
	say("-A %s -i %s -j ACCEPT", chain, n.Bridge)
	say("-A %s -o %s -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT", chain, n.Bridge)
	say("-A %s -o %s -j DROP", chain, n.Bridge)
}

// sayInput opens names and stable addresses to a network's replicas, whatever the machine's own policy, and hides those of
// other networks.
func (f *firewall) sayInput(say func(string, ...any), chain string, n Network) {
	for _, protocol := range []string{"udp", "tcp"} {
		say("-A %s -i %s -d %s -p %s --dport 53 -j ACCEPT", chain, n.Bridge, n.Gateway, protocol)
	}
	say("-A %s -i %s -d %s -p tcp --dport %d -j ACCEPT", chain, n.Bridge, n.Gateway, n.RedirectPort)
	say("-A %s -i %s -d %s -j RETURN", chain, n.Bridge, n.Gateway)
	say("-A %s -i %s -d %s -j RETURN", chain, n.Bridge, n.VIPs)
	say("-A %s -i %s -d %s -j DROP", chain, n.Bridge, f.subnets)
	say("-A %s -i %s -d %s -j DROP", chain, n.Bridge, f.vips)
}
