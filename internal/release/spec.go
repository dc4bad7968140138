package release

import (
	"encoding/json"
	"fmt"
	"slices"
)

// Spec is the digest of what a replica of the service runs. Replicas of equal Spec are interchangeable, whatever release
// made them. It covers every field but those that say how many replicas there are, how they are replaced, restarted and
// stopped, in which order services start, when they count as well without a health test, and where traffic comes from; an image
// counts by its digest alone.
func (s Service) Spec() Digest {
	b, err := json.Marshal(s.Inner())
	if err != nil {
		panic(fmt.Sprintf("service cannot be written as JSON: %v", err)) // only a type that JSON does not know
	}
	return DigestOf(b)
}

// Inner is the service reduced to what its replicas run: the part that Spec covers. A field that is added to Service is
// part of it until it is left out here.
func (s Service) Inner() Service {
	s.Image = Image{Digest: s.Image.Digest}
	s.Replicas = 0
	s.Update, s.Rollback = UpdatePolicy{}, UpdatePolicy{}
	s.Restart = Restart{}
	s.StopGrace = 0
	s.Ports, s.AppProtocol = nil, ""
	s.DependsOn = nil
	s.MayListen = false
	return s
}

// Spec is the digest that replicas of the named service run in this configuration. Where the service is to be replaced
// together with services it depends on (Dependency.Restart), it covers those too. A service that is not there has none.
func (c Config) Spec(name string) Digest {
	return c.spec(name, nil)
}

// spec knows the services on the way to name, so that a cycle ends.
func (c Config) spec(name string, way []string) Digest {
	s := c.Service(name)
	if s == nil || slices.Contains(way, name) {
		return ""
	}
	all := s.Spec()
	for _, d := range s.DependsOn {
		if d.Restart {
			all += "\n" + c.spec(d.Service, append(slices.Clone(way), name))
		}
	}
	if all == s.Spec() {
		return all
	}
	return DigestOf([]byte(all))
}
