package export

import (
	"fmt"
	"path"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

func (x *exporter) service(s release.Service) error {
	image, err := x.image(s.Name, s.Image)
	if err != nil {
		return err
	}
	out := types.ServiceConfig{Name: s.Name, Restart: restart(s.Restart), Deploy: x.deploy(s)}
	out.ContainerSpec = types.ContainerSpec{
		Image: image, Entrypoint: s.Entrypoint, Command: s.Command, Environment: environment(s.Environment),
		User: s.User, GroupAdd: s.GroupAdd, WorkingDir: s.WorkingDir, Hostname: s.Hostname, Labels: s.Labels, ReadOnly: s.ReadOnly,
		CapAdd: s.Privileges.CapAdd, CapDrop: s.Privileges.CapDrop, SecurityOpt: securityOpt(s.Privileges.SecurityOpt),
		Ulimits: ulimits(s.Ulimits), Sysctls: s.Sysctls, ShmSize: types.UnitBytes(s.ShmSize), ExtraHosts: extraHosts(s.ExtraHosts),
		StopSignal: s.StopSignal, StopGracePeriod: duration(s.StopGrace),
	}
	out.WorkloadSpec = types.WorkloadSpec{
		DependsOn: dependsOn(s.DependsOn), Ports: ports(s), Expose: expose(s.Expose), HealthCheck: health(s.Health), Tty: s.TTY, StdinOpen: s.StdinOpen,
	}
	if s.Health != nil && s.Health.StartInterval != 0 {
		x.Notes = append(x.Notes, s.Name+" has a start_interval, which Docker knows from version 25 on")
	}
	if s.Init {
		out.Init = &s.Init
	}
	attach(&out, s.Networks)
	x.mounts(&out, s)
	x.secrets(&out, s)
	x.project.Services[s.Name] = out
	return nil
}

func environment(values map[string]string) types.MappingWithEquals {
	all := types.MappingWithEquals{}
	for name, value := range values {
		all[name] = &value
	}
	return all
}

// securityOpt says what is the default in Seaworthy and not in Docker.
func securityOpt(given []string) []string {
	if slices.ContainsFunc(given, func(o string) bool { return strings.HasPrefix(o, noNewPrivileges) }) {
		return given
	}
	return append(slices.Clone(given), noNewPrivileges+":true")
}

const noNewPrivileges = "no-new-privileges"

func ulimits(in map[string]release.Ulimit) map[string]*types.UlimitsConfig {
	out := map[string]*types.UlimitsConfig{}
	for name, u := range in {
		out[name] = &types.UlimitsConfig{Soft: int(u.Soft), Hard: int(u.Hard)}
	}
	return out
}

func extraHosts(mappings []release.HostMapping) types.HostsList {
	all := types.HostsList{}
	for _, m := range mappings {
		all[m.Host] = append(all[m.Host], m.Address)
	}
	return all
}

func dependsOn(dependencies []release.Dependency) types.DependsOnConfig {
	all := types.DependsOnConfig{}
	for _, d := range dependencies {
		all[d.Service] = types.ServiceDependency{Condition: string(d.Condition), Restart: d.Restart, Required: d.Required}
	}
	return all
}

func ports(s release.Service) []types.ServicePortConfig {
	var all []types.ServicePortConfig
	for _, p := range s.Ports {
		out := types.ServicePortConfig{HostIP: p.HostIP, Target: uint32(p.Target), AppProtocol: p.AppProtocol}
		if p.Protocol != "tcp" {
			out.Protocol = p.Protocol
		}
		if out.AppProtocol == "" {
			out.AppProtocol = s.AppProtocol
		}
		switch {
		case p.Published != 0:
			out.Published = strconv.Itoa(p.Published)
		case p.First != 0:
			out.Published = fmt.Sprintf("%d-%d", p.First, p.Last)
		}
		all = append(all, out)
	}
	return all
}

func expose(ports []release.Expose) types.StringOrNumberList {
	var all types.StringOrNumberList
	for _, e := range ports {
		text := strconv.Itoa(e.Port)
		if e.Protocol != "tcp" {
			text += "/" + e.Protocol
		}
		all = append(all, text)
	}
	return all
}

// attach joins the networks in their order. Compose joins the one that it makes by itself.
func attach(out *types.ServiceConfig, attachments []release.Attachment) {
	switch {
	case len(attachments) == 0:
		out.NetworkMode = "none"
		return
	case len(attachments) == 1 && attachments[0].Network == "default" && len(attachments[0].Aliases) == 0:
		return
	}
	out.Networks = map[string]*types.ServiceNetworkConfig{}
	for i, a := range attachments {
		config := &types.ServiceNetworkConfig{Aliases: a.Aliases}
		if len(attachments) > 1 {
			config.Priority = len(attachments) - i
		}
		out.Networks[a.Network] = config
	}
}

func (x *exporter) mounts(out *types.ServiceConfig, s release.Service) {
	for _, m := range s.Mounts {
		v := types.ServiceVolumeConfig{Type: string(m.Kind), Source: m.Source, Target: m.Target, ReadOnly: m.ReadOnly}
		switch m.Kind {
		case release.MountVolume:
			if m.NoCopy || m.SubPath != "" {
				v.Volume = &types.ServiceVolumeVolume{NoCopy: m.NoCopy, Subpath: m.SubPath}
			}
		case release.MountBind:
			if m.Propagation != "" {
				v.Bind = &types.ServiceVolumeBind{Propagation: m.Propagation, CreateHostPath: true}
			}
		case release.MountTmpfs:
			if m.Size != 0 || m.Mode != 0 {
				v.Tmpfs = &types.ServiceVolumeTmpfs{Size: types.UnitBytes(m.Size), Mode: m.Mode}
			}
		}
		out.Volumes = append(out.Volumes, v)
	}
	for _, f := range s.Files {
		file := path.Join(filesDir, s.Name, path.Clean("/"+f.Target))
		x.Files[file] = f
		out.Volumes = append(out.Volumes, types.ServiceVolumeConfig{
			Type: "bind", Source: beside(file), Target: f.Target, ReadOnly: true,
		})
	}
}

// secretPath is the folder that Compose puts secrets into where nothing else is said.
const secretPath = "/run/secrets"

func (x *exporter) secrets(out *types.ServiceConfig, s release.Service) {
	for _, secret := range s.Secrets {
		use := types.ServiceSecretConfig{Source: secret.Name, UID: secret.UID, GID: secret.GID}
		if dir, name := path.Split(secret.Target); path.Clean(dir) != secretPath {
			use.Target = secret.Target
		} else if name != secret.Name {
			use.Target = name
		}
		if secret.UID != "" || secret.GID != "" || secret.Mode != 0o444 && secret.Mode != 0 {
			x.Notes = append(x.Notes, fmt.Sprintf("secret %s of %s: Docker takes owner and permissions from the file", secret.Name, s.Name))
		}
		if secret.Mode != 0 && secret.Mode != 0o444 {
			mode := types.FileMode(secret.Mode)
			use.Mode = &mode
		}
		out.Secrets = append(out.Secrets, use)
		file := path.Join(secretsDir, secret.Name)
		x.project.Secrets[secret.Name] = types.SecretConfig{File: beside(file)}
		x.Secrets[file] = secret.Name
	}
}

// deploy is what the service's deploy section says. A port of the host belongs to one container with Docker, so a service that
// publishes one runs once.
func (x *exporter) deploy(s release.Service) *types.DeployConfig {
	n := s.Replicas
	if n > 1 && len(s.Ports) > 0 {
		x.Notes = append(x.Notes, fmt.Sprintf("%s has 1 replica instead of %d: with Docker, a port of the host leads to one container", s.Name, n))
		n = 1
	}
	out := &types.DeployConfig{
		Resources: resources(s.Resources), UpdateConfig: updatePolicy(s.Update), RollbackConfig: updatePolicy(s.Rollback),
		RestartPolicy: restartPolicy(s.Restart),
	}
	if n != 1 {
		out.Replicas = &n
	}
	if reflect.ValueOf(*out).IsZero() {
		return nil
	}
	return out
}
