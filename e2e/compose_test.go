package e2e

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// seen is what a shell command has to find inside of a replica.
type seen struct{ what, command, want string }

// sees runs the commands in a replica of the service.
func (s *site) sees(service string, all []seen) {
	s.t.Helper()
	for _, c := range all {
		r := s.try("exec", service, "--", "sh", "-c", c.command)
		if got := strings.TrimSpace(r.out); got != c.want {
			s.t.Errorf("%s: %s: got %q, want %q %s", service, c.what, got, c.want, r.err)
		}
	}
}

func TestAServiceRunsAsItsComposeFileSays(t *testing.T) {
	t.Parallel()
	s := newAppSite(t, `services:
  web:
    build: .
    entrypoint: ["sh", "-c"]
    command: ["trap 'echo got USR1; exit 0' USR1; echo up $$FROM_FILE; while :; do sleep 0.1; done"]
    user: "7311:7312" # nobody else's: nproc counts a user's processes on the whole machine
    group_add: ["2000"]
    working_dir: /var/made/here
    init: true
    stop_signal: SIGUSR1
    stop_grace_period: 5s
    read_only: true
    cap_drop: [ALL]
    cap_add: [NET_BIND_SERVICE]
    ulimits: {nofile: {soft: 100, hard: 200}, nproc: 50}
    sysctls: {net.core.somaxconn: "77"}
    shm_size: 16m
    tmpfs: ["/scratch:size=1m,mode=0700"]
    env_file: [web.env]
    environment: {BOTH: compose, VERSION: "1"}
    hostname: web.example
    extra_hosts: ["db.example=192.0.2.1"]
    labels: {team: shop}
    deploy:
      update_config: {monitor: 1s}
      resources: {limits: {memory: 64m, cpus: "0.5", pids: 40}, reservations: {memory: 32m}}
  open: {image: busybox, command: [cat], stdin_open: true, stop_signal: SIGKILL, deploy: {update_config: {monitor: 200ms}}}
  terminal: {image: busybox, command: [sh], stdin_open: true, tty: true, stop_signal: SIGKILL, deploy: {update_config: {monitor: 200ms}}}
  cleared: {build: {context: ., target: cleared}, command: [], stop_signal: SIGKILL, deploy: {update_config: {monitor: 200ms}}}
`, "web.env", "FROM_FILE=file\nBOTH=file\n", "Dockerfile", `FROM busybox AS cleared
ENTRYPOINT ["sleep"]
CMD ["infinity"]
FROM busybox
CMD ["false"]
`)
	s.refused(6, []string{"up"}, "cleared 1") // sleep without a word does not sleep
	s.edit("compose.yaml", "command: []", `command: ["1000"]`)
	s.up(0)
	s.sees("web", []seen{
		{"user", "id -u; id -g; id -G", "7311\n7312\n7312 2000"},
		{"working_dir", "readlink /proc/1/cwd", "/var/made/here"},
		{"init", "tr '\\0' ' ' < /proc/1/cmdline | cut -d ' ' -f 1", "/dev/seaworthy-init"},
		{"read_only", "touch /x 2>&1", "touch: /x: Read-only file system"},
		{"capabilities", "sed -n 's/^CapBnd:\t*//p' /proc/1/status", "0000000000000400"},
		{"ulimits", "awk '/^Max open files|^Max processes/ {print $(NF-2), $(NF-1)}' /proc/$(cat /proc/1/task/*/children | cut -d ' ' -f 1)/limits", "50 50\n100 200"},
		{"sysctls", "cat /proc/sys/net/core/somaxconn", "77"},
		{"shm_size", "df -k /dev/shm | awk 'NR==2 {print $2}'", "16384"},
		{"tmpfs", "awk '$2 == \"/scratch\" {print $3, ($4 ~ /size=1024k/), ($4 ~ /mode=700/)}' /proc/mounts", "tmpfs 1 1"},
		{"environment", "tr '\\0' '\\n' < /proc/1/environ | grep -E '^(FROM_FILE|BOTH)=' | sort", "BOTH=compose\nFROM_FILE=file"},
		{"hostname", "hostname", "web.example"},
		{"extra_hosts", "awk '/db.example/ {print $1}' /etc/hosts", "192.0.2.1"},
		{"memory", "cat /sys/fs/cgroup/memory.max 2>/dev/null || cat /sys/fs/cgroup/memory/memory.limit_in_bytes", "67108864"},
		{"reserved memory", "cat /sys/fs/cgroup/memory.low 2>/dev/null || cat /sys/fs/cgroup/memory/memory.soft_limit_in_bytes", "33554432"},
		{"cpus", "cat /sys/fs/cgroup/cpu.max 2>/dev/null || cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us /sys/fs/cgroup/cpu/cpu.cfs_period_us | xargs", "50000 100000"},
		{"pids", "cat /sys/fs/cgroup/pids.max 2>/dev/null || cat /sys/fs/cgroup/pids/pids.max", "40"},
	})
	s.sees("terminal", []seen{{"a terminal", "readlink /proc/1/fd/0 | grep -c -E '/dev/(pts/|console)'", "1"}})
	s.sees("open", []seen{{"standard input that nobody closes", "cat /proc/1/comm", "cat"}})

	s.edit("compose.yaml", `VERSION: "1"`, `VERSION: "2"`)
	s.up(0)
	if said := s.run(0, "logs", "--previous", "web"); !strings.Contains(said, "got USR1") || !strings.Contains(said, "up file") {
		t.Errorf("stop_signal did not arrive:\n%s", said)
	}
}

func TestDefaultsAreSafe(t *testing.T) {
	t.Parallel()
	s := newAppSite(t, `services:
  web: {build: ., expose: ["8080"], stop_grace_period: 1s}
`)
	s.up(0)
	status := func(field string) string { return "sed -n 's/^" + field + ":\t*//p' /proc/1/status" }
	s.sees("web", []seen{
		{"no new privileges", status("NoNewPrivs"), "1"},
		{"seccomp filters", status("Seccomp"), "2"},
		{"Docker's capabilities", status("CapBnd"), "00000000a80425fb"},
		{"no capability is inherited", status("CapInh"), "0000000000000000"},
		{"masked files", "cat /proc/kcore /proc/keys /proc/timer_list 2>/dev/null | wc -c", "0"},
		{"masked folders", "ls /proc/acpi /sys/firmware 2>/dev/null | grep -v : | xargs", ""},
		{"the kernel's settings", "(echo x > /proc/sys/kernel/core_pattern) 2>&1", "sh: can't create /proc/sys/kernel/core_pattern: Read-only file system"},
		{"mounting", "mount -t tmpfs none /tmp 2>&1", "mount: permission denied (are you root?)"},
		{"devices of the host", "ls /dev | grep -c -E '^(sd|vd|nvme|loop|mem|kmsg)'", "0"},
		{"processes of others", "ls -d /proc/[0-9]* | wc -l | awk '{print ($1 < 10)}'", "1"},
		{"a memory limit", "m=$(cat /sys/fs/cgroup/memory.max 2>/dev/null || cat /sys/fs/cgroup/memory/memory.limit_in_bytes); [ $m -lt 1000000000000 ] && echo limited", "limited"},
		{"a limit of processes", "(cat /sys/fs/cgroup/pids.max 2>/dev/null || cat /sys/fs/cgroup/pids/pids.max) | grep -c '^[0-9]'", "1"},
	})
}

func TestFilesOfTheProjectAndOfTheHostAreMounted(t *testing.T) {
	t.Parallel()
	outside := t.TempDir()
	s := newAppSite(t, `services:
  web:
    build: .
    expose: ["8080"]
    stop_grace_period: 1s
    volumes: ["./conf:/etc/conf:ro", "./motd:/etc/motd:ro", "`+outside+`:/host"]
`, "conf/a", "one", "conf/deep/b", "two", "motd", "hello")
	s.up(0)
	s.sees("web", []seen{
		{"a folder of the project", "cat /etc/conf/a /etc/conf/deep/b", "onetwo"},
		{"a file of the project", "cat /etc/motd", "hello"},
		{"which cannot be written", "(echo x > /etc/motd) 2>&1", "sh: can't create /etc/motd: Read-only file system"},
		{"a path of the host", "echo here > /host/x && cat /host/x", "here"},
	})
	if got, err := os.ReadFile(filepath.Join(outside, "x")); err != nil || string(got) != "here\n" {
		t.Errorf("on the host: %q, %v", got, err)
	}
	s.write("conf/deep/b", "three")
	s.refused(0, []string{"up"}, outside) // it warns that the path is not carried
	s.sees("web", []seen{{"the changed file", "cat /etc/conf/deep/b", "three"}})
	s.untouched("web", func() { s.up(0) })
}

func TestConfigsAndSecretsAreFilesOfTheReplica(t *testing.T) {
	t.Parallel()
	s := newAppSite(t, `services:
  web:
    build: .
    expose: ["8080"]
    user: "1000"
    stop_grace_period: 1s
    configs:
      - settings
      - {source: inline, target: /etc/inline.conf, mode: 0440, uid: "1000", gid: "1001"}
    secrets:
      - token
      - {source: key, target: /etc/key.pem, mode: 0400, uid: "1000"}
  bystander: {build: ., expose: ["8080"], stop_grace_period: 1s}
configs:
  settings: {file: settings.ini}
  inline: {content: "greeting=hello"}
secrets:
  token: {file: token.txt}
  key: {environment: SHOP_KEY}
`, "settings.ini", "color=blue", "token.txt", "first-token-4711", ".dockerignore", "token.txt\n")
	s.env = append(s.env, "SHOP_KEY=key-value-0815")
	s.up(0)
	s.sees("web", []seen{
		{"a config", "cat /settings", "color=blue"},
		{"a config's place, mode and owner", "cat /etc/inline.conf; stat -c '%a %u %g' /etc/inline.conf", "greeting=hello440 1000 1001"},
		{"a secret", "cat /run/secrets/token; stat -c %a /run/secrets/token", "first-token-4711444"},
		{"a secret's place, mode and owner", "cat /etc/key.pem; stat -c '%a %u' /etc/key.pem", "key-value-0815400 1000"},
		{"where secrets are", "awk '$2 == \"/etc/key.pem\" {print $3}' /proc/mounts", "tmpfs"},
	})

	t.Run("another config replaces who reads it", func(t *testing.T) {
		s.write("settings.ini", "color=red")
		s.untouched("bystander", func() { s.up(0) })
		s.sees("web", []seen{{"the new config", "cat /settings", "color=red"}})
	})
	t.Run("another secret replaces who reads it, and the plan says so", func(t *testing.T) {
		s.write("token.txt", "second-token-4711")
		if plan := s.run(0, "plan"); !strings.Contains(plan, "secret token changed") {
			t.Errorf("the plan:\n%s", plan)
		}
		s.untouched("bystander", func() { s.up(0) })
		s.sees("web", []seen{{"the new secret", "cat /run/secrets/token", "second-token-4711"}})
	})
	t.Run("the same secret replaces nobody", func(t *testing.T) {
		s.untouched("web", func() { s.up(0) })
	})
	t.Run("what only changes what serves keeps its secrets", func(t *testing.T) {
		s.run(0, "scale", "web=2")
		s.run(0, "rollback", "local#1")
		s.sees("web", []seen{{"the secret", "cat /run/secrets/token", "second-token-4711"}})
		s.run(0, "resume")
	})
	t.Run("a failed deployment comes back with the secret it had", func(t *testing.T) {
		s.write("token.txt", "third-token-4711")
		s.edit("compose.yaml", `user: "1000"`, `command: ["false"]`)
		s.up(6)
		s.sees("web", []seen{{"the secret", "cat /run/secrets/token", "second-token-4711"}})
	})
	t.Run("a release that is deployed without a checkout has the value it was released with", func(t *testing.T) {
		s.write("token.txt", "fourth-token-4711")
		s.edit("compose.yaml", `command: ["false"]`, `user: "1000"`)
		s.run(0, "release")
		away := *s
		away.dir = t.TempDir()
		away.run(0, "deploy", "-e", "shop/local", s.status().Release)
		s.sees("web", []seen{{"the secret", "cat /run/secrets/token", "fourth-token-4711"}})
	})
	t.Run("a secret is nowhere but in its replicas", func(t *testing.T) {
		values := []string{"first-token-4711", "second-token-4711", "third-token-4711", "fourth-token-4711", "key-value-0815"}
		for _, verb := range []string{"config", "config --json", "status --json", "history --json", "plan --json", "logs", "show " + s.status().Release, "up --json"} {
			r := s.try(strings.Fields(verb)...)
			for _, v := range values {
				if strings.Contains(r.out+r.err, v) {
					t.Errorf("seaworthy %s tells %s", verb, v)
				}
			}
		}
		s.nowhereIn(s.root, values)
		s.inNoProcess(values)
	})
}

// nowhereIn reads all that is below a folder but what replicas see in memory.
func (s *site) nowhereIn(root string, values []string) {
	s.t.Helper()
	memory := s.mounts()
	_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil //nolint:nilerr // it has gone meanwhile
		}
		if d.IsDir() && slices.Contains(memory, path) {
			return filepath.SkipDir
		}
		if d.Type().IsRegular() {
			s.hasNone(path, values)
		}
		return nil
	})
}

// hasNone reads a file, if it is there.
func (s *site) hasNone(path string, values []string) {
	s.t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		return
	}
	for _, v := range values {
		if bytes.Contains(content, []byte(v)) {
			s.t.Errorf("%s is in %s", v, path)
		}
	}
}

// inNoProcess reads the command lines and environments of all processes but the test's own.
func (s *site) inNoProcess(values []string) {
	s.t.Helper()
	for _, file := range []string{"cmdline", "environ"} {
		all, _ := filepath.Glob("/proc/[0-9]*/" + file)
		for _, path := range all {
			s.hasNone(path, values)
		}
	}
}
