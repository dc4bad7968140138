package pipeline

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"

	"github.com/seaworthyhq/seaworthy/internal/project"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// output puts the release together.
func (m *making) output() (*Output, error) {
	r := release.Release{Project: m.in.Project.Name, Environments: map[string]release.Config{}, Bases: m.sortedBases()}
	for _, env := range m.in.Project.Environments() {
		config, err := m.config(env)
		if err != nil {
			return nil, err
		}
		r.Environments[env.Name] = config
	}
	return &Output{Release: r, Pins: m.pins, Operations: m.operations}, nil
}

func (m *making) sortedBases() []release.Base {
	slices.SortFunc(m.bases, func(a, b release.Base) int {
		return cmp.Or(strings.Compare(a.Ref, b.Ref), strings.Compare(string(a.Digest), string(b.Digest)))
	})
	return slices.Compact(m.bases)
}

func (m *making) config(env *project.Environment) (release.Config, error) {
	config := release.Config{Networks: env.Networks, Volumes: slices.Clone(env.Volumes)}
	for _, s := range env.Services {
		service, err := m.service(s)
		if err != nil {
			return config, err
		}
		config.Volumes = append(config.Volumes, inherit(&service, m.configs[service.Image.Digest])...)
		config.Services = append(config.Services, service)
	}
	return config, nil
}

func (m *making) service(s project.Service) (release.Service, error) {
	out := s.Service
	if s.Build == nil {
		img, ok := m.pins[s.Ref]
		if !ok {
			return out, fmt.Errorf("image of service %s was not pulled", s.Name)
		}
		out.Image = img
		return out, nil
	}
	img, ok := m.built[s.Build.Stage]
	if !ok {
		return out, fmt.Errorf("image of service %s was not built", s.Name)
	}
	out.Image = img.Image
	stage := m.in.Project.Stage(s.Build.Stage)
	if stage != nil {
		out.Image.Stage = stage.Name
	}
	out.Image.Ref = cmp.Or(s.Ref, s.Name)
	return out, nil
}

// inherit adds to a service what its image says and the compose file leaves open, so that the release says all that runs.
// It returns the volumes that the image declares and nobody mounts: they get names, so that they are kept and backed up.
func inherit(s *release.Service, img dockerspec.DockerOCIImage) []release.Volume {
	inheritExpose(s, img)
	if s.StopSignal == "" {
		s.StopSignal = img.Config.StopSignal
	}
	if h := img.Config.Healthcheck; h != nil && len(h.Test) > 0 {
		s.Health = healthOf(s.Health, h)
	}
	var volumes []release.Volume
	for _, target := range slices.Sorted(maps.Keys(img.Config.Volumes)) {
		if slices.ContainsFunc(s.Mounts, func(m release.Mount) bool { return m.Target == target }) {
			continue
		}
		name := s.Name + "-" + strings.ReplaceAll(strings.Trim(target, "/"), "/", "-")
		s.Mounts = append(s.Mounts, release.Mount{Kind: release.MountVolume, Source: name, Target: target})
		volumes = append(volumes, release.Volume{Name: name})
	}
	return volumes
}

func inheritExpose(s *release.Service, img dockerspec.DockerOCIImage) {
	for _, text := range slices.Sorted(maps.Keys(img.Config.ExposedPorts)) {
		number, protocol, _ := strings.Cut(text, "/")
		port, err := strconv.Atoi(number)
		if err != nil {
			continue
		}
		e := release.Expose{Port: port, Protocol: cmp.Or(protocol, "tcp")}
		if !slices.Contains(s.Expose, e) {
			s.Expose = append(s.Expose, e)
		}
	}
}

// healthOf is the image's health check, with what the compose file says in its place.
func healthOf(own *release.Health, img *dockerspec.HealthcheckConfig) *release.Health {
	if own.Disabled() || own != nil && len(own.Test) > 0 {
		return own
	}
	h := release.Health{}
	if own != nil {
		h = *own
	}
	h.Test = img.Test
	h.Interval = cmp.Or(h.Interval, release.Duration(img.Interval))
	h.Timeout = cmp.Or(h.Timeout, release.Duration(img.Timeout))
	h.Retries = cmp.Or(h.Retries, img.Retries)
	h.StartPeriod = cmp.Or(h.StartPeriod, release.Duration(img.StartPeriod))
	h.StartInterval = cmp.Or(h.StartInterval, release.Duration(img.StartInterval))
	return &h
}
