package export_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/seaworthyhq/seaworthy/internal/export"
	"github.com/seaworthyhq/seaworthy/internal/project"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

const configurations = 100

// What is exported and read again is the same configuration, but for what Docker cannot do or does otherwise by itself.
func TestWhatIsExportedIsReadAgain(t *testing.T) {
	for seed := range uint64(configurations) {
		config := anyConfig(rand.New(rand.NewPCG(seed, 1)))
		x, err := export.Compose(export.Input{Environment: release.Environment{Project: "shop", Name: "local"}, Release: "r-1", Config: config})
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		p, err := project.Load(t.Context(), project.Options{Dir: unfold(t, x), Environment: "local"})
		if err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, x.Compose)
		}
		if diff := cmp.Diff(asDockerRuns(config), p.Environment.Config(), cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("seed %d (-exported +read again):\n%s\n%s", seed, diff, x.Compose)
		}
	}
}

// unfold writes what an export is made of.
func unfold(t *testing.T, x *export.Export) string {
	dir := t.TempDir()
	write := func(name string, content []byte, mode os.FileMode) {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	write(export.ComposeFile, x.Compose, 0o644)
	for name, f := range x.Files {
		write(name, contents[f.Digest], os.FileMode(f.Mode))
	}
	for name := range x.Secrets {
		write(name, []byte("secret"), 0o600)
	}
	return dir
}

// asDockerRuns is the configuration with what an export changes.
func asDockerRuns(c release.Config) release.Config {
	c.Services = slices.Clone(c.Services)
	for i := range c.Services {
		s := &c.Services[i]
		s.Image = release.Image{}
		s.Privileges.SecurityOpt = append(slices.Clone(s.Privileges.SecurityOpt), "no-new-privileges:true")
		if s.Restart == (release.Restart{}) {
			s.Restart.Condition = "any"
		}
		if len(s.Ports) > 0 {
			s.Replicas = min(s.Replicas, 1)
		}
		s.Ports = slices.Clone(s.Ports)
		for j := range s.Ports {
			if s.Ports[j].AppProtocol == "" {
				s.Ports[j].AppProtocol = s.AppProtocol
			}
		}
		s.AppProtocol = ""
	}
	return c
}

// contents are those of files, by digest.
var contents = map[release.Digest][]byte{}

// anyConfig is a random configuration that a project could have come to.
func anyConfig(rnd *rand.Rand) release.Config {
	some := func() bool { return rnd.IntN(3) == 0 }
	var c release.Config
	networks, volumes := map[string]bool{}, map[string]bool{}
	for i, name := range []string{"a", "b", "c"}[:1+rnd.IntN(3)] {
		s := release.Service{Name: name, Image: release.Image{Digest: release.DigestOf([]byte(name)), Ref: "busybox:1"}, Replicas: rnd.IntN(4)}
		describe(rnd, &s)
		limit(rnd, &s)
		mount(rnd, &s, volumes)
		if some() {
			s.Ports = append(s.Ports, release.Port{HostIP: pick(rnd, "", "127.0.0.1"), Published: pick(rnd, 0, 8000+i), Target: 80, Protocol: pick(rnd, "tcp", "udp"), AppProtocol: pick(rnd, "", "http2")})
			s.AppProtocol = pick(rnd, "", "tcp")
		}
		for _, n := range []string{"back", "front", "default"} {
			if some() {
				s.Networks = append(s.Networks, release.Attachment{Network: n, Aliases: pick(rnd, nil, []string{"x", "y"})})
				networks[n] = true
			}
		}
		if i > 0 && some() {
			s.DependsOn = []release.Dependency{{Service: "a", Condition: pick(rnd, release.Started, release.Healthy), Required: some(), Restart: some()}}
		}
		c.Services = append(c.Services, s)
	}
	for _, n := range []string{"back", "default", "front"} {
		if networks[n] {
			c.Networks = append(c.Networks, release.Network{Name: n, Internal: some()})
		}
	}
	for _, v := range []string{"data", "more"} {
		if volumes[v] {
			c.Volumes = append(c.Volumes, release.Volume{Name: v, External: some()})
		}
	}
	return c
}

// texts are such as YAML, Compose and shells would like to read otherwise.
var texts = []string{"plain", "a: b", "$HOME ${X} $$", "yes", "0777", "1e3", " space ", "", "é\t\"quoted\" 'twice'", "line\nline", "#no comment", "- no list", "null", "~"}

func describe(rnd *rand.Rand, s *release.Service) {
	text := func() string { return texts[rnd.IntN(len(texts))] }
	words := func() []string { return pick(rnd, nil, []string{}, []string{text(), text()}) }
	s.Entrypoint, s.Command = words(), words()
	for range rnd.IntN(4) {
		set(&s.Environment, fmt.Sprintf("V%d", rnd.IntN(9)), text())
		set(&s.Labels, fmt.Sprintf("l.%d", rnd.IntN(9)), text())
	}
	s.User = pick(rnd, "", "1000", "a:b")
	s.GroupAdd = pick(rnd, nil, []string{"5", "audio"})
	s.WorkingDir, s.Hostname = pick(rnd, "", "/srv"), pick(rnd, "", "h")
	s.Init, s.TTY, s.StdinOpen, s.ReadOnly = pick(rnd, true, false), pick(rnd, true, false), pick(rnd, true, false), pick(rnd, true, false)
	s.StopSignal, s.StopGrace = pick(rnd, "", "SIGINT"), pick(rnd, 0, release.Duration(90*time.Second))
	s.Expose = pick(rnd, nil, []release.Expose{{Port: 80, Protocol: "tcp"}, {Port: 53, Protocol: "udp"}})
	s.ExtraHosts = pick(rnd, nil, []release.HostMapping{{Host: "a", Address: "host-gateway"}, {Host: "b", Address: "10.0.0.1"}})
	s.Health = pick(rnd, nil, &release.Health{Test: []string{"NONE"}}, &release.Health{
		Test: []string{"CMD", text()}, Interval: second(rnd), Timeout: second(rnd), Retries: rnd.IntN(3), StartPeriod: second(rnd), StartInterval: second(rnd),
	})
	s.Restart = pick(rnd, release.Restart{}, release.Restart{Condition: "none"}, release.Restart{Condition: "on-failure", MaxAttempts: rnd.IntN(3)},
		release.Restart{Condition: "any", Delay: second(rnd), MaxAttempts: rnd.IntN(3), Window: second(rnd)})
	s.Update = pick(rnd, release.UpdatePolicy{}, release.UpdatePolicy{
		Order: pick(rnd, "", release.StopFirst), Parallelism: rnd.IntN(3), Delay: second(rnd), Monitor: second(rnd),
		FailureAction: pick(rnd, "", release.ActionPause), MaxFailureRatio: pick(rnd, 0, 0.3),
	})
	s.Rollback = pick(rnd, release.UpdatePolicy{}, release.UpdatePolicy{Order: release.StartFirst})
}

func limit(rnd *rand.Rand, s *release.Service) {
	s.Privileges = release.Privileges{
		CapAdd: pick(rnd, nil, []string{"NET_ADMIN"}), CapDrop: pick(rnd, nil, []string{"ALL"}), SecurityOpt: pick(rnd, nil, []string{"seccomp:unconfined"}),
	}
	s.Ulimits = pick(rnd, nil, map[string]release.Ulimit{"nofile": {Soft: 1, Hard: 2}, "nproc": {Soft: 3, Hard: 3}})
	s.Sysctls = pick(rnd, nil, map[string]string{"net.core.somaxconn": "1024"})
	s.ShmSize = pick(rnd, int64(0), 64<<20)
	s.Resources = release.Resources{
		MemoryBytes: pick(rnd, int64(0), 100<<20), MemoryReservation: pick(rnd, int64(0), 10<<20), CPUs: pick(rnd, 0, 0.1, 1.5), PIDs: pick(rnd, int64(0), 50),
	}
}

func mount(rnd *rand.Rand, s *release.Service, volumes map[string]bool) {
	for _, m := range []release.Mount{
		{Kind: release.MountVolume, Source: "data", Target: "/data", ReadOnly: pick(rnd, true, false), NoCopy: pick(rnd, true, false)},
		{Kind: release.MountVolume, Source: "more", Target: "/more", SubPath: pick(rnd, "", "sub")},
		{Kind: release.MountBind, Source: "/srv/host", Target: "/host", Propagation: pick(rnd, "", "rslave")},
		{Kind: release.MountTmpfs, Target: "/tmp", Size: pick(rnd, int64(0), 1<<20), Mode: pick(rnd, uint32(0), 0o1777)},
	} {
		if rnd.IntN(3) == 0 {
			s.Mounts = append(s.Mounts, m)
			volumes[m.Source] = true
		}
	}
	for _, target := range []string{"/etc/a.conf", "/etc/b/$c d"} {
		if rnd.IntN(3) == 0 {
			content := []byte(texts[rnd.IntN(len(texts))])
			digest := release.DigestOf(content)
			contents[digest] = content
			s.Files = append(s.Files, release.File{Target: target, Digest: digest, Size: int64(len(content)), Mode: pick(rnd, uint32(0o444), 0o500)})
		}
	}
	for _, name := range []string{"token", "key"} {
		if rnd.IntN(3) == 0 {
			s.Secrets = append(s.Secrets, release.Secret{
				Name: name, Target: pick(rnd, "/run/secrets/"+name, "/run/secrets/other-"+name, "/abs/"+name), UID: pick(rnd, "", "1"), Mode: pick(rnd, uint32(0o444), 0o400),
			})
		}
	}
}

func set(m *map[string]string, key, value string) {
	if *m == nil {
		*m = map[string]string{}
	}
	(*m)[key] = value
}

func second(rnd *rand.Rand) release.Duration {
	return pick(rnd, 0, release.Duration(time.Second), release.Duration(1500*time.Millisecond))
}

func pick[T any](rnd *rand.Rand, choices ...T) T { return choices[rnd.IntN(len(choices))] }
