// Package network owns the bridges, addresses, network namespaces and firewall rules of one engine's networks. It talks
// netlink in process, since running CNI plugins costs tens of milliseconds a replica and leaks addresses when killed.
//
// Everything's name derives from what it belongs to, so that running again finds what is there. It knows nothing of
// containers: an Endpoint has an owner, and that is all.
package network

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/vishvananda/netlink"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

// Defaults of a Config.
var (
	DefaultSubnets = netip.MustParsePrefix("10.83.0.0/16")
	DefaultVIPs    = netip.MustParsePrefix("10.95.0.0/16")
)

// DefaultRedirectPort is where connections to stable addresses are taken to, on the bridge's own address.
const DefaultRedirectPort = 15001

// bits of a network's own subnet and of its stable addresses: 253 replicas and 254 names each.
const bits = 24

// Config of a Manager.
type Config struct {
	Dir          string       // where networks are recorded, kept across reboots
	RunDir       string       // where namespaces are held, gone with a reboot
	Tag          string       // 4 characters that tell this engine's bridges and chains from another's
	Subnets      netip.Prefix // pool of the networks' subnets
	VIPs         netip.Prefix // pool of the networks' stable addresses
	RedirectPort int
}

// Network is one network of an environment, as it is on the machine.
type Network struct {
	Environment  release.Environment `json:"environment"`
	Name         string              `json:"name"`
	Internal     bool                `json:"internal,omitempty"` // no way out
	Bridge       string              `json:"bridge"`
	Subnet       netip.Prefix        `json:"subnet"`
	Gateway      netip.Addr          `json:"gateway"` // the bridge's own address
	VIPs         netip.Prefix        `json:"vips"`    // stable addresses; TCP to them is taken to RedirectPort
	RedirectPort int                 `json:"redirectPort"`
}

// Manager makes and removes the networks of one engine.
type Manager struct {
	cfg      Config
	firewall firewall

	change sync.Mutex // serialises changes to the machine; held over netlink and iptables

	mu       sync.Mutex // guards what is below
	networks map[string]Network
	owners   map[netip.Addr]string // who has an address
	next     map[string]netip.Addr // by bridge: where the search for a free address starts
}

// Open reads the recorded networks, and removes bridges and build namespaces that a killed engine has left. It changes
// nothing else: each network is made, or made again after a reboot, by Ensure.
func Open(cfg Config) (*Manager, error) {
	if !cfg.Subnets.IsValid() {
		cfg.Subnets = DefaultSubnets
	}
	if !cfg.VIPs.IsValid() {
		cfg.VIPs = DefaultVIPs
	}
	if cfg.RedirectPort == 0 {
		cfg.RedirectPort = DefaultRedirectPort
	}
	m := &Manager{
		cfg: cfg, firewall: firewall{tag: cfg.Tag, subnets: cfg.Subnets, vips: cfg.VIPs},
		networks: map[string]Network{}, owners: map[netip.Addr]string{}, next: map[string]netip.Addr{},
	}
	for _, dir := range []string{cfg.Dir, cfg.RunDir} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("make folder of networks: %w", err)
		}
	}
	recorded, err := readRecords(cfg.Dir)
	if err != nil {
		return nil, err
	}
	for _, n := range recorded {
		m.networks[n.Bridge] = n
	}
	return m, errors.Join(m.reapBridges(), m.reapBuildNamespaces())
}

// Ensure makes the network, or finds it as it is.
func (m *Manager) Ensure(ctx context.Context, env release.Environment, want release.Network) (Network, error) {
	m.change.Lock()
	defer m.change.Unlock()
	n, known := m.find(env, want.Name)
	if !known || n.Internal != want.Internal {
		var err error
		if n, err = m.allocate(env, want, n); err != nil {
			return Network{}, fmt.Errorf("allocate network %s of %s: %w", want.Name, env, err)
		}
		if err := writeRecord(m.cfg.Dir, n); err != nil {
			return Network{}, err
		}
		m.remember(n)
	}
	if err := m.realize(ctx, n); err != nil {
		return Network{}, fmt.Errorf("make network %s of %s: %w", want.Name, env, err)
	}
	return n, nil
}

// realize brings bridge, route and rules about; where they are there already it costs one lookup.
func (m *Manager) realize(ctx context.Context, n Network) error {
	if err := ensureBridge(n); err != nil {
		return err
	}
	return m.firewall.apply(ctx, m.List())
}

// Repair writes the firewall rules again where somebody else has flushed them, and reports whether that was so.
func (m *Manager) Repair(ctx context.Context) (bool, error) {
	m.change.Lock()
	defer m.change.Unlock()
	if m.firewall.applied == "" {
		return false, nil
	}
	if intact, err := m.firewall.intact(ctx); intact || err != nil {
		return false, err
	}
	m.firewall.applied = ""
	if err := m.firewall.apply(ctx, m.List()); err != nil {
		return false, fmt.Errorf("write firewall rules again: %w", err)
	}
	return true, nil
}

// Remove takes the network away: bridge, rules, record.
func (m *Manager) Remove(ctx context.Context, env release.Environment, name string) error {
	m.change.Lock()
	defer m.change.Unlock()
	n, known := m.find(env, name)
	if !known {
		return nil
	}
	if err := removeLink(n.Bridge); err != nil {
		return fmt.Errorf("remove bridge of network %s of %s: %w", name, env, err)
	}
	m.mu.Lock()
	delete(m.networks, n.Bridge)
	m.mu.Unlock()
	if err := m.firewall.apply(ctx, m.List()); err != nil {
		return fmt.Errorf("remove rules of network %s of %s: %w", name, env, err)
	}
	return removeRecord(m.cfg.Dir, n)
}

// List is all networks, sorted by bridge.
func (m *Manager) List() []Network {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := make([]Network, 0, len(m.networks))
	for _, n := range m.networks {
		all = append(all, n)
	}
	slices.SortFunc(all, func(a, b Network) int { return strings.Compare(a.Bridge, b.Bridge) })
	return all
}

// Find is the network of that name.
func (m *Manager) Find(env release.Environment, name string) (Network, bool) {
	return m.find(env, name)
}

func (m *Manager) find(env release.Environment, name string) (Network, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, ok := m.networks[m.bridgeName(env, name)]
	return n, ok
}

func (m *Manager) remember(n Network) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.networks[n.Bridge] = n
}

// bridgePrefix starts the name of every bridge of every engine; the firewall tells them from others by it.
const bridgePrefix = "sw-"

// bridgeName is at most 15 characters, as the kernel wants it.
func (m *Manager) bridgeName(env release.Environment, name string) string {
	return bridgePrefix + m.cfg.Tag + digits(env.Project, env.Name, name)[:7]
}

// digits is a hash of parts, in hex.
func digits(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:])
}

// hardwareAddress derives from the IP address: whoever remembers an address that is used again remembers the right one, where a
// random one would stall for as long as neighbours keep stale entries.
func hardwareAddress(ip netip.Addr) net.HardwareAddr {
	b := ip.As4()
	return net.HardwareAddr{0x02, 0x53, b[0], b[1], b[2], b[3]}
}

// reapBridges removes bridges of this engine's that have no record.
func (m *Manager) reapBridges() error {
	links, err := whole(netlink.LinkList)
	if err != nil {
		return fmt.Errorf("list links: %w", err)
	}
	var errs []error
	for _, link := range links {
		name := link.Attrs().Name
		if _, known := m.networks[name]; !known && strings.HasPrefix(name, bridgePrefix+m.cfg.Tag) {
			errs = append(errs, removeLink(name))
		}
	}
	return errors.Join(errs...)
}

// Path is where owner's namespace is, or will be.
func (m *Manager) Path(owner string) string { return m.namespacePath(owner) }

func (m *Manager) namespacePath(owner string) string { return filepath.Join(m.cfg.RunDir, owner) }
