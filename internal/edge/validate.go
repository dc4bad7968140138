package edge

import (
	"errors"
	"fmt"
	"net/netip"
)

// Validate reports everything that makes the routes contradict themselves.
func (r Routes) Validate() error {
	v := validation{pools: map[string]bool{}, views: map[string]bool{}}
	v.checkPools(r.Pools)
	v.checkListeners(r.Listeners)
	v.checkViews(r.Views)
	v.checkNetworks(r.Networks)
	return errors.Join(v.problems...)
}

type validation struct {
	pools, views map[string]bool
	problems     []error
}

func (v *validation) report(format string, args ...any) {
	v.problems = append(v.problems, fmt.Errorf(format, args...))
}

func (v *validation) checkPools(pools []Pool) {
	for _, p := range pools {
		if v.pools[p.ID] {
			v.report("pool %q is there twice", p.ID)
		}
		v.pools[p.ID] = true
		for _, u := range p.Upstreams {
			if !u.Addr.IsValid() {
				v.report("upstream %q of pool %q has no address", u.ID, p.ID)
			}
		}
	}
}

func (v *validation) checkListeners(listeners []Listener) {
	type key struct {
		protocol string
		addr     netip.AddrPort
	}
	seen := map[key]bool{}
	for _, l := range listeners {
		k := key{l.Protocol, l.Addr}
		switch {
		case l.Protocol != TCP && l.Protocol != UDP:
			v.report("listener %s has the unknown protocol %q", l.Addr, l.Protocol)
		case !l.Addr.IsValid() || l.Addr.Port() == 0:
			v.report("listener of pool %q has no address or port", l.Pool)
		case l.Port < 1 || l.Port > 65535:
			v.report("listener %s leads to port %d", l.Addr, l.Port)
		case !v.pools[l.Pool]:
			v.report("listener %s leads to the unknown pool %q", l.Addr, l.Pool)
		case seen[k]:
			v.report("listener %s/%s is there twice", l.Addr, l.Protocol)
		}
		seen[k] = true
	}
}

func (v *validation) checkViews(views []View) {
	viewOf := map[netip.Addr]string{}
	for _, view := range views {
		if v.views[view.ID] {
			v.report("view %q is there twice", view.ID)
		}
		v.views[view.ID] = true
		for _, c := range view.Clients {
			if other, ok := viewOf[c]; ok {
				v.report("client %s is in the views %q and %q", c, other, view.ID)
			}
			viewOf[c] = view.ID
		}
		for _, t := range view.Services {
			if !v.pools[t.Pool] {
				v.report("view %q leads to the unknown pool %q", view.ID, t.Pool)
			}
			if !t.VIP.IsValid() {
				v.report("service %q of view %q has no address", t.Names, view.ID)
			}
		}
	}
}

func (v *validation) checkNetworks(networks []Network) {
	for _, n := range networks {
		if !n.Gateway.IsValid() || n.RedirectPort == 0 || !n.VIPs.IsValid() {
			v.report("network %q lacks gateway, redirect port or virtual addresses", n.ID)
		}
		if n.DefaultView != "" && !v.views[n.DefaultView] {
			v.report("network %q names the unknown view %q", n.ID, n.DefaultView)
		}
	}
}
