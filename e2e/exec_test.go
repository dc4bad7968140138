package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// harbour has one service of two replicas, with all that a command in one of them may see.
var harbour = map[string]string{
	"Dockerfile": `FROM busybox
RUN mkdir /www && echo one > /www/version && printf "root:x:0:0:root:/root:/bin/sh\nsailor:x:1000:1000::/home/sailor:/bin/sh\n" > /etc/passwd
ENV GREETING=image
WORKDIR /www
EXPOSE 8080
HEALTHCHECK --interval=1s CMD wget -q -O /dev/null http://localhost:8080/version
CMD ["httpd", "-f", "-p", "8080", "-h", "/www"]
`,
	"compose.yaml": `services:
  web:
    build: .
    ports: ["127.0.0.1:{{port}}:8080"]
    environment: {COLOUR: blue}
    user: sailor
    init: true
    secrets: [password]
    configs: [{source: motd, target: /etc/motd}]
    volumes: ["data:/data"]
    mem_limit: 64m
    stop_grace_period: 1s
    deploy: {replicas: 2}
  api:
    build: .
    command: ["httpd", "-f", "-p", "8080", "-h", "/etc"]
    healthcheck: {disable: true}
    init: true
    stop_grace_period: 1s
secrets: {password: {file: ./password}}
configs: {motd: {content: "ahoy\n"}}
volumes: {data: {}}
`,
	"password": "open-sesame\n",
}

func TestExecAndRun(t *testing.T) {
	t.Parallel()
	s := newSite(t, harbour)
	s.up(0)
	t.Run("exec gives input, environment, user, directory and exit code", s.execGives)
	t.Run("exec chooses the replica", s.execChooses)
	t.Run("exec has a terminal", s.execHasATerminal)
	t.Run("a command ends with its caller", s.commandEndsWithItsCaller)
	t.Run("run is like the service, and none of it", s.runIsLikeTheService)
	t.Run("run without a command runs the service's own", s.runWithoutACommand)
	t.Run("run is interrupted", s.runIsInterrupted)
	t.Run("run is removed when its caller or the engine is killed", s.runIsRemoved)
	t.Run("down ends what runs beside", s.downEndsOneOffs)
}

func TestWhatIsTakenSlowlyComesWhole(t *testing.T) {
	t.Parallel()
	s := newSite(t, harbour)
	s.up(0)
	type call struct {
		*exec.Cmd
		out  io.Reader
		size int64
	}
	start := func(verb string, size int64) call {
		cmd := s.command(verb, "api", "--", "head", "-c", fmt.Sprint(size), "/dev/zero")
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return call{cmd, out, size}
	}
	var calls []call
	for _, size := range []int64{380_000, 420_000, 450_000, 480_000} { // with the last byte in one buffer or another
		calls = append(calls, start("exec", size), start("run", size))
	}
	never := start("run", 420_000)
	time.Sleep(14 * time.Second) // longer than anybody in between waits by himself
	for _, c := range calls {
		got, err := io.Copy(io.Discard, c.out)
		if err := errors.Join(err, c.Wait()); err != nil || got != c.size {
			t.Errorf("%v: of %d bytes arrived %d (%v)", c.Args[5:], c.size, got, err)
		}
	}
	s.run(0, "down") // does not wait for it
	s.noOneOffs()
	_, _ = io.Copy(io.Discard, never.out) // as far as it came
	_ = never.Wait()
}

// sub is the site for a subtest.
func (s *site) sub(t *testing.T) *site {
	c := *s
	c.t = t
	return &c
}

func (s *site) execGives(t *testing.T) {
	s = s.sub(t)
	cmd := s.command("exec", "-u", "root", "web", "-w", "/tmp", "--env-var", "GREETING=hello", "--", "sh", "-c",
		`cat; echo "$GREETING $COLOUR $(id -un) $HOME $(pwd)"; echo oops >&2; exit 7`)
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader("input\n"), &out, &errs
	_ = cmd.Run() // its exit code is compared
	if code := cmd.ProcessState.ExitCode(); code != 7 || out.String() != "input\nhello blue root /root /tmp\n" || errs.String() != "oops\n" {
		t.Errorf("exit code %d\n%s%s", code, out.String(), errs.String())
	}
	s.refused(127, []string{"exec", "web", "nope"}, "nope", "not found")
	s.refused(126, []string{"exec", "web", "/etc/passwd"}, "permission denied")
	s.refused(8, []string{"exec", "wbe", "ls"}, "no service wbe", "api, web")
	s.refused(8, []string{"restart", "wbe"}, "no service wbe", "api, web")
	s.refused(8, []string{"scale", "wbe=2"}, "no service wbe", "api, web")
	s.refused(2, []string{"exec", "web"}, "no command")
	large := s.command("exec", "web", "--", "sh", "-c", "cat | wc -c")
	large.Stdin = bytes.NewReader(make([]byte, 3<<20))
	if got, err := large.Output(); err != nil || strings.TrimSpace(string(got)) != fmt.Sprint(3<<20) {
		t.Errorf("of 3 MiB arrived %q (%v)", got, err)
	}
}

func (s *site) execChooses(t *testing.T) {
	s = s.sub(t)
	first, second := s.run(0, "exec", "web", "hostname"), s.run(0, "exec", "--index", "2", "web", "hostname")
	if first == second || first != s.run(0, "exec", "--index", "1", "web", "hostname") {
		t.Errorf("replica 1 is %q, 2 is %q", first, second)
	}
	s.refused(8, []string{"exec", "--index", "7", "web", "--", "true"}, "no replica 7", "1, 2")
}

func (s *site) execHasATerminal(t *testing.T) {
	s = s.sub(t)
	term := openTerminal(t, s.command("exec", "web", "--", "sh", "-c",
		`trap 'echo "size $(stty size)"' WINCH; trap 'echo stopped; exit 3' INT; stty size; while :; do sleep 0.05; done`))
	term.shows("20 60") // from now on it hears
	if raw := term.raw(); !raw {
		t.Error("the terminal is not raw while the command has it")
	}
	term.resize(33, 99)
	term.shows("size 33 99")
	term.types("\x03") // Ctrl-C
	term.shows("stopped")
	if code := term.ends(); code != 3 {
		t.Errorf("exit code %d, want the command's 3", code)
	}
	if term.raw() {
		t.Error("the terminal is left raw")
	}

	term = openTerminal(t, s.command("exec", "web", "--", "sh", "-c", `echo ready; cat > /dev/null; echo read all`))
	term.shows("ready")
	term.types("typed\r\x04") // Ctrl-D
	term.shows("read all")
	term.ends()

	term = openTerminal(t, s.command("exec", "-T", "web", "--", "sh", "-c", `tty; echo ready; sleep 300`))
	term.shows("not a tty")
	term.shows("ready")
	if term.raw() {
		t.Error("the terminal is raw without being one for the command")
	}
	term.types("\x03")
	if code := term.ends(); code != 130 {
		t.Errorf("interrupted, exit code %d, want 130", code)
	}
}

func (s *site) commandEndsWithItsCaller(t *testing.T) {
	s = s.sub(t)
	endless, err := os.Open("/dev/zero") // which the command does not read
	if err != nil {
		t.Fatal(err)
	}
	defer endless.Close()
	cmd := s.command("exec", "web", "--", "sh", "-c", "echo ready; sleep 4711; true")
	cmd.Stdin = endless
	s.started(cmd, "ready")
	s.eventually("the command runs", func() bool { return s.count("sleep\x004711") == 1 })
	s.kill(cmd.Process.Pid)
	s.eventually("the command ends with its caller", func() bool { return s.count("sleep\x004711") == 0 })

	cmd = s.command("exec", "web", "--", "sh", "-c", "trap 'exit 5' INT; echo ready; while :; do sleep 0.05; done")
	cmd.Stdin = endless
	call := s.started(cmd, "ready")
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if code := call.ends(); code != 5 {
		t.Errorf("interrupted, exit code %d, want the command's 5", code)
	}
}

func (s *site) runIsLikeTheService(t *testing.T) {
	s = s.sub(t)
	before := fmt.Sprint(s.replicas("web"))
	got := s.run(3, "run", "--env-var", "GREETING=hello", "web", "--", "sh", "-c",
		`echo "$GREETING $COLOUR $(id -un) $(pwd) $(cat /run/secrets/password) $(cat /etc/motd)"
		cat /sys/fs/cgroup/memory/memory.limit_in_bytes; mount | grep -c ' /data '
		wget -q -O - http://api:8080/motd || wget -q -O - http://api:8080/passwd | head -1
		wget -q -O - http://web:8080/version; exit 3`)
	want := "hello blue sailor /www open-sesame ahoy\n67108864\n1\nroot:x:0:0:root:/root:/bin/sh\none\n"
	if got != want {
		t.Errorf("saw\n%s\nwant\n%s", got, want)
	}
	if after := fmt.Sprint(s.replicas("web")); after != before {
		t.Errorf("the service's replicas were %s and are %s", before, after)
	}
	s.noOneOffs()
	if got := s.run(0, "run", "-u", "root", "--entrypoint", "sh -c", "web", "--", "id -u"); got != "0\n" {
		t.Errorf("with an entrypoint of its own it says %q", got)
	}
	s.refused(127, []string{"run", "web", "nope"}, "not found")
	s.refused(8, []string{"run", "wbe"}, "no service wbe")
}

func (s *site) runWithoutACommand(t *testing.T) {
	s = s.sub(t)
	cmd := s.command("run", "api")
	call := s.session(cmd)
	s.eventually("it serves beside the replica", func() bool { // each with its init
		return len(s.oneOffs()) == 1 && s.count("httpd\x00-f\x00-p\x008080\x00-h\x00/etc") == 4
	})
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if code := call.ends(); code != 130 {
		t.Errorf("interrupted, exit code %d, want 130", code)
	}
	s.noOneOffs()
}

func (s *site) runIsInterrupted(t *testing.T) {
	s = s.sub(t)
	term := openTerminal(t, s.command("run", "web", "--", "sleep", "4712"))
	s.eventually("it runs", func() bool { return s.count("sleep\x004712") == 2 }) // with its init
	term.types("\x03")
	if code := term.ends(); code != 130 {
		t.Errorf("exit code %d, want 130", code)
	}
	s.noOneOffs()

	cmd := s.command("run", "web", "--", "sh", "-c", "trap 'echo heard' INT; echo ready; while :; do sleep 0.05; done")
	call := s.started(cmd, "ready")
	for n := range 3 {
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		s.eventually("the command hears it", func() bool { return n == 2 || strings.Count(call.out.String(), "heard") > n })
	}
	s.eventually("a command that ignores interrupts ends with the third", func() bool { return len(s.oneOffs()) == 0 })
}

func (s *site) runIsRemoved(t *testing.T) {
	s = s.sub(t)
	before := fmt.Sprint(s.replicas("web"))
	cmd := s.command("run", "web", "--", "sh", "-c", "echo ready; sleep 4713")
	s.started(cmd, "ready")
	s.kill(cmd.Process.Pid)
	s.eventually("it is removed with its caller", func() bool { return len(s.oneOffs()) == 0 && s.count("sleep\x004713") == 0 })

	term := openTerminal(t, s.command("run", "web", "--", "sh", "-c", "echo ready; sleep 4714"))
	term.shows("ready")
	s.killEngine()
	if code := term.ends(); code != 10 || term.raw() {
		t.Errorf("without its engine the call ends with code %d, and leaves the terminal raw: %t", code, term.raw())
	}
	if len(s.oneOffs()) != 1 {
		t.Fatal("it ended with the engine: the test shows nothing")
	}
	if after := fmt.Sprint(s.replicas("web")); after != before { // starts the next engine
		t.Errorf("replicas were %s and are %s", before, after)
	}
	if s.count("sleep\x004714") != 0 {
		t.Error("it outlived its engine")
	}
	s.noOneOffs()

	s.started(s.command("run", "web", "--", "sh", "-c", "echo ready; sleep 4715"), "ready")
	s.run(0, "engine", "stop")
	s.eventually("it ends with the engine", func() bool { return s.count("sleep\x004715") == 0 })
	s.noOneOffs()
}

func (s *site) downEndsOneOffs(t *testing.T) {
	s = s.sub(t)
	s.started(s.command("run", "web", "--", "sh", "-c", "echo ready; sleep 4716"), "ready")
	s.run(0, "down")
	if s.count("sleep\x004716") != 0 {
		t.Error("it outlived the environment")
	}
	s.noOneOffs()
	s.refused(8, []string{"run", "web", "ls"}, "nothing is deployed", "seaworthy up")
}

// oneOffs are the folders of one-offs in the state root.
func (s *site) oneOffs() []string {
	found, _ := filepath.Glob(filepath.Join(s.root, "containers", "*-run-*"))
	return found
}

func (s *site) noOneOffs() {
	s.t.Helper()
	if left := s.oneOffs(); len(left) > 0 {
		s.t.Errorf("left: %s", left)
	}
}

// count is how many processes in the site's replicas have that in their command line.
func (s *site) count(line string) (n int) {
	all, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, path := range all {
		b, err := os.ReadFile(path)
		if err != nil || !bytes.Contains(b, []byte(line)) || bytes.Contains(b, []byte(s.tmp)) {
			continue
		}
		root, _ := os.ReadFile(filepath.Join(filepath.Dir(path), "mountinfo"))
		if bytes.Contains(root, []byte(s.root)) {
			n++
		}
	}
	return n
}
