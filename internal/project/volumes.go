package project

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

func (c *converter) volume(s types.ServiceConfig, v types.ServiceVolumeConfig, out *release.Service) {
	m := release.Mount{Kind: release.MountVolume, Target: v.Target, ReadOnly: v.ReadOnly}
	if v.Volume != nil {
		m.NoCopy, m.SubPath = v.Volume.NoCopy, v.Volume.Subpath
	}
	if v.Source == "" {
		m.Source = anonymousVolume(s.Name, v.Target)
		p := c.item(servicePath(s.Name, "volumes"), v.Target, fmt.Sprintf("%s gets a volume with a name, %s: it is kept and can be found again", v.Target, m.Source), "")
		p.Severity = Info
		c.add(p)
	} else if definition, ok := c.project.Volumes[v.Source]; ok {
		m.Source = c.volumeName(v.Source, definition)
	} else {
		c.reportUnknown(servicePath(s.Name, "volumes"), v.Source, "volume", slices.Sorted(maps.Keys(c.project.Volumes)))
	}
	out.Mounts = append(out.Mounts, m)
}

var notInName = regexp.MustCompile(`[^a-zA-Z0-9_.]+`)

// anonymousVolume is the name of a volume that only has a place: "web-var-lib-data".
func anonymousVolume(service, target string) string {
	return service + "-" + strings.Trim(notInName.ReplaceAllString(target, "-"), "-.")
}

// volumeName is the name that the file gives, or the key; not the one that compose-go adds the project's name to.
func (c *converter) volumeName(key string, v types.VolumeConfig) string {
	if v.Name == "" || v.Name == c.name+"_"+key {
		return key
	}
	return v.Name
}

// volumes are those that services mount, sorted by name.
func (c *converter) volumes() {
	external := map[string]bool{}
	for key, v := range c.project.Volumes {
		external[c.volumeName(key, v)] = bool(v.External)
	}
	used := map[string]bool{}
	for _, s := range c.env.Services {
		for _, m := range s.Mounts {
			if m.Kind == release.MountVolume && m.Source != "" {
				used[m.Source] = true
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(used)) {
		c.env.Volumes = append(c.env.Volumes, release.Volume{Name: name, External: external[name]})
	}
}
