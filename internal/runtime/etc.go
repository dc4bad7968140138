package runtime

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// maxHostname is what the kernel takes.
const maxHostname = 63

func (b *specBuilder) hostname() string {
	name := firstOf(b.spec.Service.Hostname, b.spec.ID)
	if len(name) > maxHostname {
		name = name[len(name)-maxHostname:] // the end tells replicas apart
	}
	return strings.Trim(name, "-.")
}

// etc writes the files below /etc that say who and where the replica is, and mounts them.
func (b *specBuilder) etc() ([]specs.Mount, error) {
	files := map[string]string{
		"hostname":    b.hostname() + "\n",
		"hosts":       b.hosts(),
		"resolv.conf": b.resolvConf(),
	}
	var mounts []specs.Mount
	for _, name := range []string{"hostname", "hosts", "resolv.conf"} {
		path := filepath.Join(b.dir, name)
		if err := os.WriteFile(path, []byte(files[name]), 0o644); err != nil {
			return nil, err
		}
		mounts = append(mounts, specs.Mount{
			Destination: "/etc/" + name, Type: "bind", Source: path, Options: []string{"rbind", "rprivate", "rw"},
		})
	}
	return mounts, nil
}

func (b *specBuilder) hosts() string {
	var s strings.Builder
	s.WriteString("127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n")
	for _, e := range b.endpoints {
		fmt.Fprintf(&s, "%s\t%s\n", e.IP, b.hostname())
	}
	for _, h := range b.spec.Service.ExtraHosts {
		address := h.Address
		if address == "host-gateway" {
			if len(b.endpoints) == 0 {
				continue // there is no way to the host
			}
			address = b.endpoints[0].Network.Gateway.String()
		}
		fmt.Fprintf(&s, "%s\t%s\n", address, h.Host)
	}
	return s.String()
}

// resolvConf asks the edge, which answers by who asks, on the address of the replica's first network.
func (b *specBuilder) resolvConf() string {
	if len(b.endpoints) == 0 {
		return ""
	}
	return fmt.Sprintf("nameserver %s\noptions ndots:0\n", b.endpoints[0].Network.Gateway)
}
