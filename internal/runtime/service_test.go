package runtime_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/runtime"
	"github.com/seaworthyhq/seaworthy/internal/store/storetest"
)

// TestServiceIsHonoured looks from inside at what the service says.
func TestServiceIsHonoured(t *testing.T) {
	forEachRuntime(t, func(t *testing.T, e *engine) {
		for _, tc := range []struct {
			name   string
			change func(*release.Service)
			script string
			want   string
		}{
			{"environment", func(s *release.Service) { s.Environment = map[string]string{"COLOUR": "blue"} }, "echo $COLOUR", "blue"},
			{"user by name", func(s *release.Service) { s.User = "sailor" }, "id -u; id -g; id -G; echo $HOME", "1000\n1001\n1001 1002\n/home/sailor"},
			{"user and group by number", func(s *release.Service) { s.User = "12:34" }, "id -u; id -g", "12\n34"},
			{"groups", func(s *release.Service) { s.GroupAdd = []string{"harbour", "77"} }, "id -G", "0 77 1003"},
			{"working directory", func(s *release.Service) { s.WorkingDir = "/tmp" }, "pwd", "/tmp"},
			{"hostname", func(s *release.Service) { s.Hostname = "lighthouse" }, "hostname; cat /etc/hostname", "lighthouse\nlighthouse"},
			{"read only", func(s *release.Service) { s.ReadOnly = true }, "touch /x 2>/dev/null || echo refused", "refused"},
			{"sysctls", func(s *release.Service) { s.Sysctls = map[string]string{"net.core.somaxconn": "123"} }, "cat /proc/sys/net/core/somaxconn", "123"},
			{"ulimits", func(s *release.Service) {
				s.Ulimits = map[string]release.Ulimit{"nofile": {Soft: 99, Hard: 100}}
			}, "awk '/open files/ {print $4, $5}' /proc/1/limits", "99 100"},
			{"shared memory", func(s *release.Service) { s.ShmSize = 1 << 20 }, "df -k /dev/shm | tail -1 | awk '{print $2}'", "1024"},
			{"tmpfs", func(s *release.Service) {
				s.Mounts = []release.Mount{{Kind: release.MountTmpfs, Target: "/scratch", Size: 2 << 20, Mode: 0o750}}
			}, "df -k /scratch | tail -1 | awk '{print $1, $2}'; stat -c %a /scratch", "tmpfs 2048\n750"},
			{"capabilities", func(s *release.Service) {
				s.Privileges = release.Privileges{CapDrop: []string{"ALL"}, CapAdd: []string{"net_bind_service"}}
			}, "grep CapEff /proc/self/status", "CapEff:\t0000000000000400"},
			{"usual capabilities", func(*release.Service) {}, "grep CapEff /proc/self/status", "CapEff:\t00000000a80425fb"},
			{"no new privileges", func(*release.Service) {}, "grep -E 'NoNewPrivs|Seccomp:' /proc/self/status", "NoNewPrivs:\t1\nSeccomp:\t2"},
			{"masked paths", func(*release.Service) {}, "wc -c < /proc/timer_list; touch /proc/sys/kernel/x 2>/dev/null || echo refused", "0\nrefused"},
			{"no files of others", func(*release.Service) {}, "echo $(ls /proc/1/fd); echo $(ls /proc/self/fd)", "0 1 2\n0 1 2 3"},
			{"limits are only read", func(*release.Service) {}, "touch /sys/fs/cgroup/x 2>/dev/null || echo refused", "refused"},
			{"low ports for everyone", func(s *release.Service) { s.User = "1000" }, "cat /proc/sys/net/ipv4/ip_unprivileged_port_start", "0"},
			{"extra hosts", func(s *release.Service) {
				s.ExtraHosts = []release.HostMapping{{Host: "db.example", Address: "192.0.2.7"}}
			}, "grep db.example /etc/hosts", "192.0.2.7\tdb.example"},
			{"memory and processes", func(s *release.Service) {
				s.Resources = release.Resources{MemoryBytes: 32 << 20, PIDs: 50, CPUs: 0.5}
			}, "cd /sys/fs/cgroup; cat memory.max pids.max 2>/dev/null && cut -d' ' -f1 cpu.max || cat memory/memory.limit_in_bytes pids/pids.max cpu/cpu.cfs_quota_us", "33554432\n50\n50000"},
			{"init", func(s *release.Service) { s.Init = true }, "tr '\\0' ' ' < /proc/1/cmdline", "/dev/seaworthy-init sleep 600"},
			{
				"terminal", func(s *release.Service) { s.TTY = true; s.Command = []string{"sh", "-c", "tty > /tmp/tty; sleep 600"} },
				"while ! test -s /tmp/tty; do usleep 10000; done; cat /tmp/tty", "/dev/pts/0",
			},
		} {
			t.Run(tc.name, func(t *testing.T) {
				svc := e.service("sleep", "600")
				tc.change(&svc)
				id := "web-" + strings.ReplaceAll(tc.name, " ", "-")
				e.run(id, svc)
				if diff := cmp.Diff(tc.want, e.sh(id, tc.script)); diff != "" {
					t.Error(diff)
				}
				if err := e.Remove(t.Context(), id); err != nil {
					t.Error(err)
				}
			})
		}
	})
}

func TestHostGatewayAndNamesLeadToTheBridge(t *testing.T) {
	e := start(t)
	svc := e.service("sleep", "600")
	svc.ExtraHosts = []release.HostMapping{{Host: "host.docker.internal", Address: "host-gateway"}}
	e.run("web-1", svc)
	gateway := e.Networks()[0].Gateway.String()
	if got := e.sh("web-1", "grep host.docker /etc/hosts; grep nameserver /etc/resolv.conf"); got != gateway+"\thost.docker.internal\nnameserver "+gateway {
		t.Errorf("got %q", got)
	}
}

func TestImageConfigurationIsMerged(t *testing.T) {
	e := start(t)
	img := e.image(storetest.Image{
		Config: ocispec.ImageConfig{
			Entrypoint: []string{"sh", "-c", `echo "$0 $GREETING $OWN"; pwd; id -u; sleep 600`}, Cmd: []string{"ahoy"},
			Env: []string{"PATH=/bin", "GREETING=hello", "OWN=image"}, WorkingDir: "/tmp", User: "sailor",
		},
	})
	svc := release.Service{Name: "web", Image: img, Environment: map[string]string{"OWN": "service"}}
	e.run("web-1", svc)
	eventually(t, "three lines", func() bool { return len(e.lines("web-1", runtime.LogOptions{})) == 3 })
	want := []string{"ahoy hello service", "/tmp", "1000"}
	if diff := cmp.Diff(want, e.lines("web-1", runtime.LogOptions{})); diff != "" {
		t.Error(diff)
	}
}

func TestInitReapsAndHandsSignalsOn(t *testing.T) {
	e := start(t)
	svc := e.service("sh", "-c", `trap 'exit 5' TERM; (sleep 0.05 &); echo ready; while :; do sleep 0.05; done`)
	svc.Init = true
	e.run("web-1", svc)
	eventually(t, "it is ready", func() bool { return len(e.lines("web-1", runtime.LogOptions{})) > 0 })
	eventually(t, "the orphan is reaped", func() bool {
		return e.sh("web-1", "grep -l '^State:.Z' /proc/[0-9]*/status 2>/dev/null | wc -l") == "0"
	})
	if err := e.Stop(t.Context(), "web-1", 10e9, runtime.Stopped); err != nil {
		t.Fatal(err)
	}
	if rep := e.ended("web-1"); rep.ExitCode != 5 {
		t.Errorf("ended as %+v", rep)
	}
}

func TestFilesAndSecretsAreSeen(t *testing.T) {
	e := start(t)
	svc := e.service("sleep", "600")
	svc.User = "sailor"
	svc.Files = []release.File{e.file("/etc/app/config.yaml", "colour: blue\n")}
	svc.Secrets = []release.Secret{{Name: "password", Target: "/run/secrets/password", UID: "1000", GID: "1001", Mode: 0o400}}
	e.run("web-1", svc, func(s *runtime.Spec) { s.Secrets = map[string][]byte{"password": []byte("open-sesame")} })

	if got := e.sh("web-1", "cat /etc/app/config.yaml /run/secrets/password; echo; stat -c '%a %u %g' /run/secrets/password"); got != "colour: blue\nopen-sesame\n400 1000 1001" {
		t.Errorf("saw %q", got)
	}
	if got := e.sh("web-1", "echo x 2>/dev/null > /etc/app/config.yaml || echo refused"); got != "refused" {
		t.Errorf("a file of the release can be written: %q", got)
	}
	e.sh("web-1", "echo the password is open-sesame > /proc/1/fd/1 || true")
	if where := findOnDisk(t, e.root, "open-sesame"); len(where) > 0 {
		t.Errorf("the secret is on disk: %s", where)
	}
}

func TestSecretsAreBlankedInLogs(t *testing.T) {
	e := start(t)
	svc := e.service("sh", "-c", "cd /run/secrets; echo it is $(cat password); cat key; base64 -w0 key")
	svc.Secrets = []release.Secret{{Name: "password", Target: "/run/secrets/password"}, {Name: "key", Target: "/run/secrets/key"}}
	e.run("web-1", svc, func(s *runtime.Spec) {
		s.Secrets = map[string][]byte{"password": []byte("open-sesame\n"), "key": []byte("first line\nsecond line\n")}
	})
	e.ended("web-1")
	if diff := cmp.Diff([]string{"it is •••", "•••", "•••", "•••"}, e.lines("web-1", runtime.LogOptions{})); diff != "" {
		t.Error(diff)
	}
}

func TestSecretWithoutValueIsAnError(t *testing.T) {
	e := start(t)
	svc := e.service("true")
	svc.Secrets = []release.Secret{{Name: "password", Target: "/run/secrets/password"}}
	err := e.Create(t.Context(), runtime.Spec{ID: "web-1", Environment: env, Service: svc})
	if release.KindOf(err) != release.KindProject || !strings.Contains(err.Error(), "password") {
		t.Errorf("got %v", err)
	}
}

// file puts content into the store.
func (e *engine) file(target, text string) release.File {
	e.t.Helper()
	ctx := e.store.Context(e.t.Context())
	desc := ocispec.Descriptor{Digest: digest.FromString(text), Size: int64(len(text))}
	err := content.WriteBlob(ctx, e.store.Content(), "test-"+desc.Digest.String(), strings.NewReader(text), desc,
		content.WithLabels(map[string]string{"containerd.io/gc.root": "test"}))
	if err != nil {
		e.t.Fatal(err)
	}
	return release.File{Target: target, Digest: release.Digest(desc.Digest), Size: desc.Size}
}

// findOnDisk lists the files on the disk itself, not on what is mounted over it, that hold the text.
func findOnDisk(t *testing.T, root, text string) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "rootfs" || d.Name() == "secrets") {
			return filepath.SkipDir // mounted
		}
		if !d.Type().IsRegular() {
			return nil
		}
		b, err := os.ReadFile(path)
		if bytes.Contains(b, []byte(text)) {
			found = append(found, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
