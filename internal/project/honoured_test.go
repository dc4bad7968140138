package project_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/seaworthyhq/seaworthy/internal/project"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// Each key of a service that docs/compose.md calls honoured, with what comes of it.
func TestHonouredServiceKeys(t *testing.T) {
	const (
		second = release.Duration(time.Second)
		minute = release.Duration(time.Minute)
	)
	for name, row := range map[string]struct {
		yaml string
		want func(s *release.Service)
	}{
		"a range for one port": {`ports: ["8000-8010:80"]`, func(s *release.Service) {
			s.Ports = []release.Port{{First: 8000, Last: 8010, Target: 80, Protocol: "tcp"}}
		}},
		"command":                {`command: serve --port 80`, func(s *release.Service) { s.Command = []string{"serve", "--port", "80"} }},
		"command as a list":      {`command: ["a b", c]`, func(s *release.Service) { s.Command = []string{"a b", "c"} }},
		"empty command":          {`command: []`, func(s *release.Service) { s.Command = []string{} }},
		"entrypoint":             {`entrypoint: /bin/x -v`, func(s *release.Service) { s.Entrypoint = []string{"/bin/x", "-v"} }},
		"environment":            {`environment: {A: "1", B: two, NONE: }`, func(s *release.Service) { s.Environment = map[string]string{"A": "1", "B": "two"} }},
		"environment from shell": {`environment: [SHELL_HAS]`, func(s *release.Service) { s.Environment = map[string]string{"SHELL_HAS": "it"} }},
		"env_file": {`{env_file: [one.env, {path: none.env, required: false}], environment: {B: own}}`, func(s *release.Service) {
			s.Environment = map[string]string{"A": "from file", "B": "own"}
		}},
		"interpolation": {`hostname: "${SHELL_HAS}-${DOTENV}-${NOT:-default}-$$"`, func(s *release.Service) { s.Hostname = "it-yes-default-$" }},
		"user":          {`user: "1000:1000"`, func(s *release.Service) { s.User = "1000:1000" }},
		"group_add":     {`group_add: ["5"]`, func(s *release.Service) { s.GroupAdd = []string{"5"} }},
		"working_dir":   {`working_dir: /srv`, func(s *release.Service) { s.WorkingDir = "/srv" }},
		"hostname":      {`hostname: h`, func(s *release.Service) { s.Hostname = "h" }},
		"labels":        {`labels: [a=b]`, func(s *release.Service) { s.Labels = map[string]string{"a": "b"} }},
		"label_file":    {`label_file: one.labels`, func(s *release.Service) { s.Labels = map[string]string{"from": "file"} }},
		"init":          {`init: true`, func(s *release.Service) { s.Init = true }},
		"tty and stdin": {`{tty: true, stdin_open: true}`, func(s *release.Service) { s.TTY, s.StdinOpen = true, true }},
		"read_only":     {`read_only: true`, func(s *release.Service) { s.ReadOnly = true }},
		"capabilities": {`{cap_add: [CAP_NET_ADMIN, chown], cap_drop: [ALL]}`, func(s *release.Service) {
			s.Privileges = release.Privileges{CapAdd: []string{"CHOWN", "NET_ADMIN"}, CapDrop: []string{"ALL"}}
		}},
		"security_opt": {`security_opt: ["no-new-privileges=true"]`, func(s *release.Service) { s.Privileges.SecurityOpt = []string{"no-new-privileges:true"} }},
		"ulimits": {`ulimits: {nofile: {soft: 1, hard: 2}, nproc: 3}`, func(s *release.Service) {
			s.Ulimits = map[string]release.Ulimit{"nofile": {Soft: 1, Hard: 2}, "nproc": {Soft: 3, Hard: 3}}
		}},
		"sysctls":  {`sysctls: {net.core.somaxconn: 1024}`, func(s *release.Service) { s.Sysctls = map[string]string{"net.core.somaxconn": "1024"} }},
		"shm_size": {`shm_size: 128m`, func(s *release.Service) { s.ShmSize = 128 << 20 }},
		"extra_hosts": {`extra_hosts: ["b=10.0.0.1", "a:host-gateway"]`, func(s *release.Service) {
			s.ExtraHosts = []release.HostMapping{{Host: "a", Address: "host-gateway"}, {Host: "b", Address: "10.0.0.1"}}
		}},
		"stop": {`{stop_signal: SIGINT, stop_grace_period: 1m30s}`, func(s *release.Service) { s.StopSignal, s.StopGrace = "SIGINT", 90*second }},
		"tmpfs": {`tmpfs: ["/run", "/tmp:size=64m,mode=1777,ro"]`, func(s *release.Service) {
			s.Mounts = []release.Mount{{Kind: "tmpfs", Target: "/run"}, {Kind: "tmpfs", Target: "/tmp", Size: 64 << 20, Mode: 0o1777, ReadOnly: true}}
		}},
		"tmpfs in volumes": {`volumes: [{type: tmpfs, target: /t, tmpfs: {size: 1m}}]`, func(s *release.Service) { s.Mounts = []release.Mount{{Kind: "tmpfs", Target: "/t", Size: 1 << 20}} }},
		"named volume": {`volumes: ["data:/data:ro"]`, func(s *release.Service) {
			s.Mounts = []release.Mount{{Kind: "volume", Source: "data", Target: "/data", ReadOnly: true}}
		}},
		"volume, long": {`volumes: [{type: volume, source: renamed, target: /v/, volume: {nocopy: true, subpath: sub}}]`, func(s *release.Service) {
			s.Mounts = []release.Mount{{Kind: "volume", Source: "other-name", Target: "/v", NoCopy: true, SubPath: "sub"}}
		}},
		"anonymous volume": {`volumes: [/var/lib/x]`, func(s *release.Service) {
			s.Mounts = []release.Mount{{Kind: "volume", Source: "web-var-lib-x", Target: "/var/lib/x"}}
		}},
		"host path": {`volumes: [{type: bind, source: /srv, target: /srv, bind: {propagation: rslave}}]`, func(s *release.Service) {
			s.Mounts = []release.Mount{{Kind: "bind", Source: "/srv", Target: "/srv", Propagation: "rslave"}}
		}},
		"read-only file": {`volumes: ["./one.env:/etc/one:ro"]`, func(s *release.Service) { s.Files = []release.File{file("/etc/one", "A=from file\nB=file\n", 0o444)} }},
		"read-only folder": {`volumes: ["./conf:/etc/conf:ro"]`, func(s *release.Service) {
			s.Files = []release.File{file("/etc/conf/a", "a\n", 0o444), file("/etc/conf/sub/b", "b\n", 0o444)}
		}},
		"configs": {`configs: [inline, {source: filed, target: /etc/f, uid: "1", gid: "2", mode: 0400}, from-variable]`, func(s *release.Service) {
			f := file("/etc/f", "a\n", 0o400)
			f.UID, f.GID = "1", "2"
			s.Files = []release.File{file("/inline", "hello yes", 0o444), f, file("/from-variable", "yes", 0o444)}
		}},
		"secrets": {`secrets: [filed, {source: from-variable, target: other, uid: "1", gid: "2", mode: 0400}, {source: filed, target: /abs}]`, func(s *release.Service) {
			s.Secrets = []release.Secret{{Name: "filed", Target: "/run/secrets/filed", Mode: 0o444}, {Name: "from-variable", Target: "/run/secrets/other", UID: "1", GID: "2", Mode: 0o400}, {Name: "filed", Target: "/abs", Mode: 0o444}}
		}},
		"networks": {`networks: {back: {aliases: [b, a]}, front: {priority: 10}}`, func(s *release.Service) {
			s.Networks = []release.Attachment{{Network: "front"}, {Network: "back", Aliases: []string{"a", "b"}}}
		}},
		"no network": {`network_mode: none`, func(s *release.Service) { s.Networks = nil }},
		"container_name": {`container_name: boat`, func(s *release.Service) {
			s.Networks = []release.Attachment{{Network: "default", Aliases: []string{"boat"}}}
		}},
		"ports": {`ports: ["127.0.0.1:8080:80", "53:53/udp", "9000-9001:9000-9001", "70", {target: 443, published: "8443", app_protocol: http2}]`, func(s *release.Service) {
			s.Ports = []release.Port{{HostIP: "127.0.0.1", Published: 8080, Target: 80, Protocol: "tcp"}, {Published: 53, Target: 53, Protocol: "udp"}, {Published: 9000, Target: 9000, Protocol: "tcp"}, {Published: 9001, Target: 9001, Protocol: "tcp"}, {Target: 70, Protocol: "tcp"}, {Published: 8443, Target: 443, Protocol: "tcp", AppProtocol: "http2"}}
		}},
		"expose": {`expose: ["80", "7000-7001/udp"]`, func(s *release.Service) {
			s.Expose = []release.Expose{{Port: 80, Protocol: "tcp"}, {Port: 7000, Protocol: "udp"}, {Port: 7001, Protocol: "udp"}}
		}},
		"depends_on": {`depends_on: [db]`, func(s *release.Service) {
			s.DependsOn = []release.Dependency{{Service: "db", Condition: release.Started, Required: true}}
		}},
		"depends_on, long": {`depends_on: {db: {condition: service_healthy, restart: true}, hidden: {condition: service_started, required: false}}`, func(s *release.Service) {
			s.DependsOn = []release.Dependency{{Service: "db", Condition: release.Healthy, Required: true, Restart: true}}
		}},
		"healthcheck": {`healthcheck: {test: curl -f x, interval: 5s, timeout: 1s, retries: 4, start_period: 1m, start_interval: 2s}`, func(s *release.Service) {
			s.Health = &release.Health{Test: []string{"CMD-SHELL", "curl -f x"}, Interval: 5 * second, Timeout: second, Retries: 4, StartPeriod: minute, StartInterval: 2 * second}
		}},
		"healthcheck off": {`healthcheck: {disable: true}`, func(s *release.Service) { s.Health = &release.Health{Test: []string{"NONE"}} }},
		"restart":         {`restart: on-failure:3`, func(s *release.Service) { s.Restart = release.Restart{Condition: "on-failure", MaxAttempts: 3} }},
		"restart always":  {`restart: unless-stopped`, func(s *release.Service) { s.Restart = release.Restart{Condition: "any"} }},
		"restart no":      {`restart: "no"`, func(s *release.Service) { s.Restart = release.Restart{Condition: "none"} }},
		"replicas":        {`deploy: {replicas: 3}`, func(s *release.Service) { s.Replicas = 3 }},
		"scale":           {`scale: 2`, func(s *release.Service) { s.Replicas = 2 }},
		"resources": {`deploy: {resources: {limits: {cpus: "0.1", memory: 64m, pids: 9}, reservations: {memory: 32m}}}`, func(s *release.Service) {
			s.Resources = release.Resources{CPUs: 0.1, MemoryBytes: 64 << 20, PIDs: 9, MemoryReservation: 32 << 20}
		}},
		"resources, older": {`{cpus: 1.5, mem_limit: 64m, mem_reservation: 32m, pids_limit: 9}`, func(s *release.Service) {
			s.Resources = release.Resources{CPUs: 1.5, MemoryBytes: 64 << 20, PIDs: 9, MemoryReservation: 32 << 20}
		}},
		"cpu_quota": {`{cpu_quota: 50000, cpu_period: 25000}`, func(s *release.Service) { s.Resources.CPUs = 2 }},
		"restart_policy": {`{restart: always, deploy: {restart_policy: {condition: on-failure, delay: 5s, max_attempts: 2, window: 1m}}}`, func(s *release.Service) {
			s.Restart = release.Restart{Condition: "on-failure", Delay: 5 * second, MaxAttempts: 2, Window: minute}
		}},
		"update_config": {`deploy: {update_config: {parallelism: 2, delay: 1s, failure_action: pause, monitor: 10s, max_failure_ratio: 0.1, order: stop-first}}`, func(s *release.Service) {
			s.Update = release.UpdatePolicy{Order: release.StopFirst, Parallelism: 2, Delay: second, Monitor: 10 * second, FailureAction: release.ActionPause, MaxFailureRatio: 0.1}
		}},
		"rollback_config":     {`deploy: {rollback_config: {order: start-first}}`, func(s *release.Service) { s.Rollback = release.UpdatePolicy{Order: release.StartFirst} }},
		"develop and x- keys": {`{develop: {watch: [{path: ., action: rebuild}]}, x-mine: 1}`, func(*release.Service) {}},
	} {
		t.Run(name, func(t *testing.T) {
			p := load(t, fixture(row.yaml), project.Options{Variables: map[string]string{"SHELL_HAS": "it"}})
			want := release.Service{Name: "web", Replicas: 1, Networks: []release.Attachment{{Network: "default"}}}
			row.want(&want)
			if diff := cmp.Diff(want, p.Environment.Service("web").Service, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func file(target, content string, mode uint32) release.File {
	return release.File{Target: target, Digest: release.DigestOf([]byte(content)), Size: int64(len(content)), Mode: mode}
}

// fixture is a project whose service web has the given keys besides its image.
func fixture(web string) string {
	if !strings.HasPrefix(web, "{") {
		web = "{" + web + "}"
	}
	web = strings.Replace(web, "{", "{image: x, ", 1)
	return fmt.Sprintf(`
-- .env --
DOTENV=yes
-- one.env --
A=from file
B=file
-- one.labels --
from=file
-- conf/a --
a
-- conf/sub/b --
b
-- compose.yaml --
services:
  web: %s
  db: {image: y}
  hidden: {image: z, profiles: [hidden]}
networks: {front: , back: {internal: true}}
volumes: {data: , renamed: {name: other-name}}
configs:
  inline: {content: "hello ${DOTENV}"}
  filed: {file: conf/a}
  from-variable: {environment: DOTENV}
secrets:
  filed: {file: one.env}
  from-variable: {environment: SHELL_HAS}
`, web)
}

func load(t testing.TB, archive string, o project.Options) *project.Project {
	t.Helper()
	o.Dir = unpackText(t, archive)
	p, err := project.Load(t.Context(), o)
	if err != nil {
		t.Fatal(explain(err))
	}
	return p
}
