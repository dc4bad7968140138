package network

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

// Endpoint is an address in a network.
type Endpoint struct {
	Network Network
	IP      netip.Addr
}

// Connect makes owner's network namespace with one interface for each endpoint, eth0 first, and returns its path. The way out
// leads through the first endpoint whose network has one. A namespace that owner has already is replaced.
func (m *Manager) Connect(owner string, endpoints []Endpoint) (path string, err error) {
	path = m.namespacePath(owner)
	if err := m.Disconnect(owner); err != nil {
		return "", err
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("connect %s: %w", owner, err), m.Disconnect(owner))
		}
	}()
	if err := newNamespace(path); err != nil {
		return "", fmt.Errorf("new network namespace: %w", err)
	}
	ns, err := netns.GetFromPath(path)
	if err != nil {
		return "", err
	}
	defer ns.Close()
	inside, err := netlink.NewHandleAt(ns)
	if err != nil {
		return "", err
	}
	defer inside.Close()
	if err := startLoopback(inside); err != nil {
		return "", err
	}
	way := wayOut(endpoints)
	for i, e := range endpoints {
		if err := plug(inside, ns, m.hostEnd(owner, i), fmt.Sprintf("eth%d", i), e, i == way); err != nil {
			return "", fmt.Errorf("network %s: %w", e.Network.Name, err)
		}
	}
	return path, nil
}

// Connected reports whether owner's namespace is there, as it is not after a reboot.
func (m *Manager) Connected(owner string) bool {
	ns, err := netns.GetFromPath(m.namespacePath(owner))
	if err != nil {
		return false
	}
	defer ns.Close()
	var fs unix.Statfs_t
	const nsfs = 0x6e736673 // NSFS_MAGIC of linux/magic.h
	return unix.Fstatfs(int(ns), &fs) == nil && fs.Type == nsfs
}

// Disconnect removes owner's namespace, and with it its interfaces. Addresses stay reserved until Release.
func (m *Manager) Disconnect(owner string) error {
	path := m.namespacePath(owner)
	if err := unix.Unmount(path, unix.MNT_DETACH); err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("unmount network namespace %s: %w", path, err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Namespaces are the owners of all namespaces that are held.
func (m *Manager) Namespaces() ([]string, error) {
	entries, err := os.ReadDir(m.cfg.RunDir)
	if err != nil {
		return nil, fmt.Errorf("list network namespaces: %w", err)
	}
	var owners []string
	for _, e := range entries {
		owners = append(owners, e.Name())
	}
	return owners, nil
}

// newNamespace makes a network namespace and holds it at path. Replicas have no IPv6: no network hands out addresses.
func newNamespace(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDONLY, 0o600)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	made := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread is in another namespace and dies with this goroutine
		made <- func() error {
			if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
				return fmt.Errorf("unshare: %w", err)
			}
			for _, which := range []string{"all", "default"} {
				// A kernel without IPv6 has no such file, and nothing to switch off.
				_ = os.WriteFile("/proc/sys/net/ipv6/conf/"+which+"/disable_ipv6", []byte("1"), 0o644)
			}
			return unix.Mount("/proc/thread-self/ns/net", path, "", unix.MS_BIND, "")
		}()
	}()
	return <-made
}

func startLoopback(inside *netlink.Handle) error {
	lo, err := inside.LinkByName("lo")
	if err != nil {
		return fmt.Errorf("loopback: %w", err)
	}
	return inside.LinkSetUp(lo)
}

// wayOut is the index of the endpoint that the default route leads through. In internal networks the route is needed as well,
// for stable addresses; there the firewall keeps everything else in.
func wayOut(endpoints []Endpoint) int {
	for i, e := range endpoints {
		if !e.Network.Internal {
			return i
		}
	}
	return 0
}

// hostEnd names the machine's end of an interface, so that a left-over one is found: this engine's, since another one may
// have a replica of the same name. It is 15 characters long, as the kernel wants it.
func (m *Manager) hostEnd(owner string, i int) string {
	return "swv" + m.cfg.Tag + digits(owner, fmt.Sprint(i))[:8]
}

func plug(inside *netlink.Handle, ns netns.NsHandle, host, peer string, e Endpoint, way bool) error {
	bridge, err := netlink.LinkByName(e.Network.Bridge)
	if err != nil {
		return fmt.Errorf("bridge %s: %w", e.Network.Bridge, err)
	}
	if err := removeLink(host); err != nil {
		return err
	}
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.MTU, attrs.MasterIndex, attrs.Flags = host, bridge.Attrs().MTU, bridge.Attrs().Index, net.FlagUp
	veth := &netlink.Veth{
		LinkAttrs: attrs, PeerName: peer, PeerHardwareAddr: hardwareAddress(e.IP),
		PeerNamespace: netlink.NsFd(int(ns)), PeerMTU: uint32(bridge.Attrs().MTU),
	}
	if err := netlink.LinkAdd(veth); err != nil {
		return fmt.Errorf("add interface %s: %w", host, err)
	}
	link, err := inside.LinkByName(peer)
	if err != nil {
		return fmt.Errorf("find interface %s: %w", peer, err)
	}
	if err := inside.AddrAdd(link, &netlink.Addr{IPNet: ipNet(netip.PrefixFrom(e.IP, e.Network.Subnet.Bits()))}); err != nil {
		return fmt.Errorf("address %s: %w", e.IP, err)
	}
	if err := inside.LinkSetUp(link); err != nil {
		return fmt.Errorf("start interface %s: %w", peer, err)
	}
	gateway := net.IP(e.Network.Gateway.AsSlice())
	if err := inside.RouteAdd(&netlink.Route{LinkIndex: link.Attrs().Index, Dst: ipNet(e.Network.VIPs), Gw: gateway}); err != nil {
		return fmt.Errorf("route to %s: %w", e.Network.VIPs, err)
	}
	if !way {
		return nil
	}
	if err := inside.RouteAdd(&netlink.Route{LinkIndex: link.Attrs().Index, Gw: gateway}); err != nil {
		return fmt.Errorf("route out: %w", err)
	}
	return nil
}

// buildPrefix starts the owner of a namespace that lives as long as one RUN step.
const buildPrefix = "build-"

// The network of builds belongs to no environment.
var (
	buildEnvironment = release.Environment{}
	buildNetwork     = release.Network{Name: "build"}
)

// Attach makes a network namespace for one RUN step of a build: a way out, and no name or address of any environment. What a
// killed engine leaves of it is removed by Open.
func (m *Manager) Attach(ctx context.Context, id string) (path string, release func() error, err error) {
	n, err := m.Ensure(ctx, buildEnvironment, buildNetwork)
	if err != nil {
		return "", nil, err
	}
	owner := buildPrefix + id
	ip, err := m.Reserve(n, owner)
	if err != nil {
		return "", nil, err
	}
	release = func() error {
		err := m.Disconnect(owner)
		m.Release(owner)
		return err
	}
	if path, err = m.Connect(owner, []Endpoint{{Network: n, IP: ip}}); err != nil {
		m.Release(owner)
		return "", nil, err
	}
	return path, release, nil
}

// RemoveBuild removes the network of builds, once no RUN step runs; the next Attach makes it again.
func (m *Manager) RemoveBuild(ctx context.Context) error {
	return m.Remove(ctx, buildEnvironment, buildNetwork.Name)
}

func (m *Manager) reapBuildNamespaces() error {
	paths, err := filepath.Glob(m.namespacePath(buildPrefix + "*"))
	if err != nil {
		return err
	}
	var errs []error
	for _, path := range paths {
		errs = append(errs, m.Disconnect(strings.TrimPrefix(path, m.cfg.RunDir+"/")))
	}
	return errors.Join(errs...)
}
