package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// keeper has one service with a volume.
var keeper = map[string]string{
	"Dockerfile": "FROM busybox\nSTOPSIGNAL SIGKILL\nCMD [\"sleep\", \"1000000\"]\n",
	"compose.yaml": `services:
  web:
    build: .
    volumes: ["data:/data"]
    stop_grace_period: 1s
    deploy: {update_config: {monitor: 100ms}}
volumes: {data: {}}
`,
}

func TestVolumes(t *testing.T) {
	t.Parallel()
	s := newSite(t, keeper)
	s.up(0)
	archive := filepath.Join(s.tmp, "data.tar")
	furnish(t, s.volume("data"))
	want := treeOf(t, s.volume("data"))

	t.Run("they are listed", func(t *testing.T) {
		s := s.sub(t)
		var all []struct {
			Name   string
			Bytes  int64
			UsedBy []string
		}
		s.readJSON(&all, "volume", "list")
		if len(all) != 1 || all[0].Name != "data" || all[0].Bytes == 0 || !slices.Equal(all[0].UsedBy, []string{"web"}) {
			t.Errorf("found %+v", all)
		}
		if got := s.run(0, "volume", "list"); !strings.Contains(got, "data") || !strings.Contains(got, "web") {
			t.Errorf("for people:\n%s", got)
		}
	})
	t.Run("what is not there, or used, is an error", func(t *testing.T) {
		s := s.sub(t)
		s.refused(8, []string{"volume", "export", "nope"}, "no volume nope", "seaworthy volume list")
		s.refused(8, []string{"volume", "remove", "nope", "--yes"}, "no volume nope")
		s.refused(7, []string{"volume", "remove", "data"}, "used by web") // before it is asked
		s.refused(2, []string{"volume", "import", "data", filepath.Join(s.tmp, "nope.tar")}, "no such file")
		s.run(0, "volume", "export", "data", "-o", archive)
		s.refused(7, []string{"volume", "import", "data", archive}, "is used by", "seaworthy scale web=0")
		if got := treeOf(t, s.volume("data")); got != want {
			t.Errorf("was\n%s\nis\n%s", want, got)
		}
	})
	t.Run("an export holds all that is in it, and is imported as it was", func(t *testing.T) {
		s := s.sub(t)
		s.run(0, "volume", "import", "copy", archive)
		if got := treeOf(t, s.volume("copy")); got != want {
			t.Errorf("was\n%s\nis\n%s", want, got)
		}
		s.refused(2, []string{"volume", "import", "copy", archive}, "--yes")
		s.refused(2, []string{"volume", "remove", "copy"}, "--yes")
		s.run(0, "volume", "remove", "copy", "--yes")
		s.refused(8, []string{"volume", "export", "copy"}, "no volume copy")
		s.recorded(`volumes-removed {"names":["copy"],"cause":"volume remove"}`)
		s.recorded(`volume-imported {"names":["copy"],"cause":"volume import"}`)
	})
	s.run(0, "scale", "web=0")
	t.Run("whatever interrupts an import leaves the volume whole", func(t *testing.T) { s.sub(t).interruptImports(archive, want) })
	t.Run("an export that is interrupted leaves the file as it was", func(t *testing.T) { s.sub(t).interruptExport() })
	t.Run("an import is what the service sees", func(t *testing.T) {
		s := s.sub(t)
		cmd := s.command("volume", "import", "--yes", "data")
		packed, err := os.ReadFile(archive)
		if err != nil {
			t.Fatal(err)
		}
		cmd.Stdin = bytes.NewReader(packed)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		s.recorded(`volume-imported {"names":["data"],"cause":"volume import","replaced":true}`)
		s.run(0, "scale", "web=1")
		if got := s.inside("web", "stat -c '%u:%g %a' /data /data/file; cat /data/file"); got != "70:71 1750\n1000:1001 4640\ncontent" {
			t.Errorf("from inside: %q", got)
		}
	})
	t.Run("a volume of Docker is copied and not touched", s.fromDocker)
}

// recorded checks that the ledger has an entry of this kind with this data, and by whom.
func (s *site) recorded(want string) {
	s.t.Helper()
	var entries []struct {
		Kind, Actor string
		Data        json.RawMessage
	}
	s.readJSON(&entries, "ledger", "-e", "shop/local")
	for _, e := range entries {
		var data bytes.Buffer
		_ = json.Compact(&data, e.Data) // there may be none
		if e.Kind+" "+data.String() == want && strings.Contains(e.Actor, "@") {
			return
		}
	}
	s.t.Errorf("not in the ledger: %s\n%s", want, s.run(0, "ledger"))
}

// volume is the folder with a volume's content.
func (s *site) volume(name string) string {
	return filepath.Join(s.root, "volumes", "shop", "local", name, "_data")
}

// furnish fills a folder with all that a volume may hold, and gives it an owner.
func furnish(t *testing.T, dir string) {
	t.Helper()
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, err := range []error{
		os.Mkdir(at("dir"), 0o700),
		os.WriteFile(at("file"), []byte("content"), 0o600),
		os.Chown(at("file"), 1000, 1001),
		unix.Chmod(at("file"), 0o4640),
		os.Link(at("file"), at("dir/link")),
		os.Symlink("../file", at("dir/symlink")),
		os.Symlink("/nowhere", at("dangling")),
		os.WriteFile(at(".wh.not-a-whiteout"), nil, 0o644),
		unix.Mkfifo(at("fifo"), 0o622),
		unix.Setxattr(at("dir"), "user.note", []byte("of a folder\x00"), 0),
		unix.Setxattr(at("file"), "user.note", []byte("of a file"), 0),
		os.Chown(dir, 70, 71),
		unix.Chmod(dir, 0o1750),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// treeOf describes a folder and all that is in it.
func treeOf(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	names := map[uint64]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err != nil {
			return err
		}
		relative, _ := filepath.Rel(dir, path)
		fmt.Fprintf(&b, "%s %o %d:%d", relative, st.Mode, st.Uid, st.Gid)
		switch d.Type() {
		case fs.ModeSymlink:
			to, _ := os.Readlink(path)
			fmt.Fprintf(&b, " -> %s", to)
		case 0:
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			fmt.Fprintf(&b, " %d.%09d %q", st.Mtim.Sec, st.Mtim.Nsec, content)
			if first, known := names[st.Ino]; known {
				fmt.Fprintf(&b, " = %s", first)
			}
			names[st.Ino] = relative
		}
		value := make([]byte, 100)
		if n, err := unix.Lgetxattr(path, "user.note", value); err == nil {
			fmt.Fprintf(&b, " note %q", value[:n])
		}
		b.WriteString("\n")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func (s *site) interruptImports(archive, want string) {
	packed, err := os.ReadFile(archive)
	if err != nil {
		s.t.Fatal(err)
	}
	unchanged := func(after string) {
		s.t.Helper()
		if got := treeOf(s.t, s.volume("data")); got != want {
			s.t.Errorf("after %s: was\n%s\nis\n%s", after, want, got)
		}
	}
	for what, content := range map[string][]byte{
		"nothing": nil, "a text": []byte("no archive"), "half an archive": packed[:len(packed)/2], "an archive without its end": packed[:len(packed)-1024],
	} {
		for _, name := range []string{"data", "new"} {
			cmd := s.command("volume", "import", "--yes", name)
			cmd.Stdin = bytes.NewReader(content)
			if out, _ := cmd.CombinedOutput(); cmd.ProcessState.ExitCode() != 2 || !bytes.Contains(out, []byte("archive")) {
				s.t.Errorf("%s: exit code %d\n%s", what, cmd.ProcessState.ExitCode(), out)
			}
		}
		unchanged(what)
	}
	if _, err := os.Stat(filepath.Dir(s.volume("new"))); err == nil {
		s.t.Error("a volume that was not there is, though nothing was imported")
	}
	for what, cut := range map[string]func(*session, io.Closer){
		"a killed call":   func(c *session, _ io.Closer) { s.kill(c.cmd.Process.Pid) },
		"a killed engine": func(_ *session, in io.Closer) { s.killEngine(); in.Close() },
		"an interrupt":    func(c *session, _ io.Closer) { _ = c.cmd.Process.Signal(os.Interrupt) },
	} {
		cmd := s.command("volume", "import", "--yes", "data")
		in, err := cmd.StdinPipe()
		if err != nil {
			s.t.Fatal(err)
		}
		call := s.session(cmd)
		if _, err := in.Write(packed[:len(packed)-1024]); err != nil {
			s.t.Fatal(err)
		}
		s.eventually("the archive arrives", func() bool {
			_, err := os.Lstat(filepath.Join(filepath.Dir(s.volume("data")), "_import", "file"))
			return err == nil
		})
		cut(call, in)
		if code := call.ends(); code == 0 {
			s.t.Errorf("%s: the call says that all is well", what)
		}
		in.Close()
		s.run(0, "status")
		unchanged(what)
	}
}

func (s *site) interruptExport() {
	large := filepath.Join(s.volume("data"), "large")
	if err := os.WriteFile(large, nil, 0o600); err != nil {
		s.t.Fatal(err)
	}
	defer os.Remove(large)
	if err := os.Truncate(large, 400<<20); err != nil {
		s.t.Fatal(err)
	}
	folder := s.t.TempDir()
	file := filepath.Join(folder, "data.tar")
	if err := os.WriteFile(file, []byte("earlier"), 0o600); err != nil {
		s.t.Fatal(err)
	}
	call := s.session(s.command("volume", "export", "data", "-o", file))
	s.eventually("it has begun", func() bool {
		entries, err := os.ReadDir(folder)
		return err == nil && len(entries) == 2
	})
	if err := call.cmd.Process.Signal(syscall.SIGINT); err != nil {
		s.t.Fatal(err)
	}
	if code := call.ends(); code != 130 {
		s.t.Errorf("exit code %d\n%s", code, call.out.String())
	}
	if got, err := os.ReadFile(file); err != nil || string(got) != "earlier" {
		s.t.Errorf("the file has %d bytes, %v", len(got), err)
	}
	if entries, err := os.ReadDir(folder); err != nil || len(entries) != 1 {
		s.t.Errorf("left: %v, %v", entries, err)
	}
}

// fromDocker has a server that answers as Docker's API does, with a folder of its own for the volume.
func (s *site) fromDocker(t *testing.T) {
	s = s.sub(t)
	folder := filepath.Join(s.tmp, "docker", "_data")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	furnish(t, folder)
	want := treeOf(t, folder)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /volumes/data", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{"Name": "data", "Driver": "local", "Mountpoint": folder, "Options": nil})
	})
	mux.HandleFunc("GET /volumes/{name}", func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprintf(w, `{"message":"get %s: no such volume"}`, r.PathValue("name"))
	})
	mux.HandleFunc("GET /containers/json", func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("filters") != `{"status":["running"],"volume":["data"]}` {
			t.Errorf("asked with filters %s", r.FormValue("filters"))
		}
		_, _ = io.WriteString(w, `[{"Names":["/old-web-1"]}]`)
	})
	socket := filepath.Join(s.tmp, "docker.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: mux}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { server.Close() })
	s.env = append(slices.Clone(s.env), "DOCKER_HOST=unix://"+socket)

	r := s.try("volume", "import", "fetched", "--from-docker", "data")
	if r.code != 0 || !strings.Contains(r.err, "old-web-1 runs and uses the volume") {
		t.Fatalf("exit code %d\n%s%s", r.code, r.out, r.err)
	}
	if got := treeOf(t, s.volume("fetched")); got != want {
		t.Errorf("was\n%s\nis\n%s", want, got)
	}
	if got := treeOf(t, folder); got != want {
		t.Errorf("Docker's was\n%s\nis\n%s", want, got)
	}
	s.refused(8, []string{"volume", "import", "x", "--from-docker", "nope"}, "no such volume", "docker volume ls")
	s.refused(7, []string{"volume", "import", "--yes", "data", "--from-docker", "data"}, "is used by")
	s.env = append(slices.Clone(s.env), "DOCKER_HOST=tcp://192.0.2.1:2375")
	s.refused(2, []string{"volume", "import", "x", "--from-docker", "data"}, "another machine", "docker run")
	s.env = append(slices.Clone(s.env), "DOCKER_HOST=unix://"+socket+".none")
	s.refused(8, []string{"volume", "import", "x", "--from-docker", "sw-no-such-volume"}, "/var/lib/docker/volumes/sw-no-such-volume")
}
