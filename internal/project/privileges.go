package project

import (
	"fmt"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

func (c *converter) privileges(s types.ServiceConfig) release.Privileges {
	p := release.Privileges{CapAdd: capabilities(s.CapAdd), CapDrop: capabilities(s.CapDrop)}
	for _, opt := range s.SecurityOpt {
		name, value, _ := strings.Cut(strings.Replace(opt, "=", ":", 1), ":")
		switch {
		case name == "no-new-privileges" && (value == "" || value == "true" || value == "false"), opt == "seccomp=unconfined", opt == "seccomp:unconfined":
			p.SecurityOpt = append(p.SecurityOpt, strings.Replace(opt, "=", ":", 1))
		case name == "label" || name == "apparmor" && value == "unconfined":
			c.warn(c.item(servicePath(s.Name, "security_opt"), opt, fmt.Sprintf("security_opt %s is ignored", opt), "replicas run without SELinux and AppArmor profiles"))
		default:
			c.add(c.item(servicePath(s.Name, "security_opt"), opt, fmt.Sprintf("security_opt %s is refused", opt), "no-new-privileges and seccomp=unconfined can be set"))
		}
	}
	return p
}

// capabilities are written as Docker lists them: in upper case, without CAP_.
func capabilities(names []string) []string {
	var all []string
	for _, name := range names {
		all = append(all, strings.TrimPrefix(strings.ToUpper(name), "CAP_"))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func ulimits(in map[string]*types.UlimitsConfig) map[string]release.Ulimit {
	if len(in) == 0 {
		return nil
	}
	out := map[string]release.Ulimit{}
	for name, u := range in {
		if u.Single != 0 {
			out[name] = release.Ulimit{Soft: int64(u.Single), Hard: int64(u.Single)}
		} else {
			out[name] = release.Ulimit{Soft: int64(u.Soft), Hard: int64(u.Hard)}
		}
	}
	return out
}
