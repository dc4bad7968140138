package build_test

import (
	"bytes"
	"context"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/crane"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"golang.org/x/crypto/ssh/agent"
	"golang.org/x/sys/unix"

	"github.com/seaworthyhq/seaworthy/internal/build"
	"github.com/seaworthyhq/seaworthy/internal/build/session"
	"github.com/seaworthyhq/seaworthy/internal/build/worker"
	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/store/storetest"
)

// What BuildKit's frontend builds, each shown by a file of the image that comes out of it.
func TestDockerfiles(t *testing.T) {
	y := newYard(t)
	storetest.Busybox(t, y.store, storetest.Image{
		Ref:   "docker.io/library/other:1",
		Files: []storetest.File{{Name: "other", Mode: 0o644, Content: []byte("other image\n")}},
	})
	remote := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("remote\n")) }))
	t.Cleanup(remote.Close)
	named := project(t, map[string]string{"file": "from a folder\n", ".seaworthy/state": "never"})

	for name, tc := range map[string]struct {
		dockerfile string
		files      map[string]string
		with       func(*build.Request)
		want       map[string]string // files of the image; "" for absent
	}{
		"heredoc": {
			dockerfile: "FROM busybox AS web\nRUN <<EOF\necho one > /a\necho two >> /a\nEOF\nCOPY <<EOF /b\ninline\nEOF\n",
			want:       map[string]string{"a": "one\ntwo\n", "b": "inline\n"},
		},
		"build arguments": {
			dockerfile: "ARG BASE=nowhere\nFROM $BASE AS web\nARG WHO=nobody\nRUN echo $WHO > /who\n",
			with: func(r *build.Request) {
				r.Args = map[string]string{"BASE": "busybox", "WHO": "crew"}
			},
			want: map[string]string{"who": "crew\n"},
		},
		"bind mount of another stage": {
			dockerfile: "FROM busybox AS one\nRUN echo bound > /f\nFROM busybox AS web\nRUN --mount=type=bind,from=one,source=/f,target=/m cat /m > /f2\n",
			want:       map[string]string{"f2": "bound\n", "m": ""},
		},
		"tmpfs mount": {
			dockerfile: "FROM busybox AS web\nRUN --mount=type=tmpfs,target=/t touch /t/x && ls /t > /list\n",
			want:       map[string]string{"list": "x\n", "t/x": ""},
		},
		"secret mount": {
			dockerfile: "FROM busybox AS web\nRUN --mount=type=secret,id=token wc -c < /run/secrets/token > /size\n",
			want:       map[string]string{"size": "11\n", "run/secrets/token": ""},
		},
		"secret as a variable": {
			dockerfile: "FROM busybox AS web\nRUN --mount=type=secret,id=token,env=TOKEN echo ${#TOKEN} > /size\n",
			want:       map[string]string{"size": "11\n"},
		},
		"no network": {
			dockerfile: "FROM busybox AS web\nRUN --network=none ls /sys/class/net > /net\n",
			want:       map[string]string{"net": "lo\n"},
		},
		"extra hosts": {
			dockerfile: "FROM busybox AS web\nRUN grep harbour /etc/hosts > /hosts\n",
			with:       func(r *build.Request) { r.ExtraHosts = map[string]string{"harbour": "10.1.2.3"} },
			want:       map[string]string{"hosts": "10.1.2.3\tharbour\n"},
		},
		"size of /dev/shm": {
			dockerfile: "FROM busybox AS web\nRUN df -k /dev/shm | awk 'NR == 2 { print $2 }' > /size\n",
			with:       func(r *build.Request) { r.ShmSize = 96 << 20 },
			want:       map[string]string{"size": "98304\n"},
		},
		"limits of what runs": {
			dockerfile: "FROM busybox AS web\nRUN grep -E 'Max (open|proc)' /proc/self/limits | awk '{ print $3, $4, $5 }' > /limits\n",
			with: func(r *build.Request) {
				r.Ulimits = map[string]release.Ulimit{"nofile": {Soft: 1062, Hard: 2062}, "nproc": {Soft: 4321, Hard: 5432}}
			},
			want: map[string]string{"limits": "4321 5432 processes\nfiles 1062 2062\n"},
		},
		"ADD from the network": {
			dockerfile: "FROM busybox AS web\nADD " + remote.URL + "/file /remote\n",
			want:       map[string]string{"remote": "remote\n"},
		},
		"COPY from an image": {
			dockerfile: "FROM busybox AS web\nCOPY --from=other:1 /other /copied\n",
			want:       map[string]string{"copied": "other image\n"},
		},
		"named context that is a folder": {
			dockerfile: "FROM busybox AS web\nCOPY --from=extra . /extra\n",
			with:       func(r *build.Request) { r.NamedContexts = map[string]string{"extra": "local:extra"} },
			want:       map[string]string{"extra/file": "from a folder\n", "extra/.seaworthy/state": ""},
		},
		"named context that replaces an image": {
			dockerfile: "FROM base AS web\nRUN cat /other > /seen\n",
			with:       func(r *build.Request) { r.NamedContexts = map[string]string{"base": "docker-image://other:1"} },
			want:       map[string]string{"seen": "other image\n"},
		},
		"ignore file, and the state folder": {
			dockerfile: "FROM busybox AS web\nCOPY . /all\n",
			files:      map[string]string{".dockerignore": "*.log\n!keep.log\n!.seaworthy\n", "a.log": "a", "keep.log": "keep\n", ".seaworthy/x": "x"},
			want:       map[string]string{"all/a.log": "", "all/keep.log": "keep\n", "all/.seaworthy/x": ""},
		},
		"ignore file found by BuildKit": {
			dockerfile: "FROM busybox AS web\nCOPY . /all\n",
			files:      map[string]string{".dockerignore": "*.log\n", "a.log": "a", "b.txt": "b\n"},
			with:       func(r *build.Request) { r.Ignore = nil },
			want:       map[string]string{"all/a.log": "", "all/b.txt": "b\n"},
		},
		"syntax line": {
			dockerfile: "# syntax=docker/dockerfile:1.4\nFROM busybox AS web\nRUN echo in process > /how\n",
			want:       map[string]string{"how": "in process\n"},
		},
		"COPY --link": {
			dockerfile: "FROM busybox AS one\nRUN echo one > /one\nFROM one AS web\nCOPY --link a /linked/\nRUN echo two > /two\nCOPY --link --from=one /one /linked/one\n",
			files:      map[string]string{"a": "a\n"},
			want:       map[string]string{"linked/a": "a\n", "linked/one": "one\n", "one": "one\n", "two": "two\n"},
		},
		"Dockerfile read by BuildKit": {
			dockerfile: "FROM busybox AS web\nCOPY Dockerfile /itself\n",
			with:       func(r *build.Request) { r.Dockerfile, r.Ignore = nil, nil },
			want:       map[string]string{"itself": "FROM busybox AS web\nCOPY Dockerfile /itself\n"},
		},
		"nothing at all": {
			dockerfile: "FROM scratch AS web\nENV A=b\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			files := map[string]string{"Dockerfile": tc.dockerfile}
			for name, content := range tc.files {
				files[name] = content
			}
			src := session.Sources{Dirs: map[string]string{"extra": named}, Secrets: map[string][]byte{"token": []byte("hush-secret")}}
			dir := project(t, files)
			src.Dirs[session.DockerfileDir] = dir
			req := y.requestWith(t, dir, src, "=web")
			if tc.with != nil {
				tc.with(&req)
			}
			res, _ := y.build(t, req)
			for name, want := range tc.want {
				if got := y.read(t, res.Images["stage:web"], name); got != want {
					t.Errorf("%s: %q, want %q", name, got, want)
				}
			}
		})
	}
}

func TestOnbuildOfAnImageOfOurs(t *testing.T) {
	y := newYard(t)
	parent := project(t, map[string]string{"Dockerfile": "FROM busybox AS parent\nONBUILD RUN echo triggered > /onbuild\n"})
	req := y.request(t, parent, "=parent")
	req.Targets[0].Name = "docker.io/library/parent:latest"
	y.build(t, req)

	child := project(t, map[string]string{"Dockerfile": "FROM parent AS web\n"})
	res, _ := y.build(t, y.request(t, child, "=web"))

	if got := y.read(t, res.Images["stage:web"], "onbuild"); got != "triggered\n" {
		t.Errorf("onbuild: %q", got)
	}
}

// The files of a replica are those of the build itself, not copies of them, and what a layer takes away stays away.
func TestImageSharesItsFilesWithTheCache(t *testing.T) {
	y := newYard(t)
	dir := project(t, map[string]string{"Dockerfile": `FROM busybox AS web
RUN mkdir -p /gone /emptied/deep && touch /gone/x /emptied/x /emptied/deep/x /removed && ln -s nowhere /link
RUN rm -r /gone /removed && rm -r /emptied && mkdir -m 1770 /emptied && echo new > /emptied/y && chown -R 1000:1001 /emptied
COPY cargo /cargo
`, "cargo": "cargo\n"})
	res, _ := y.build(t, y.request(t, dir, "=web"))
	y.files(t, res.Images["stage:web"], func(root string) {
		for _, name := range []string{"gone", "removed", "emptied/x", "emptied/deep"} {
			if _, err := os.Lstat(filepath.Join(root, name)); !os.IsNotExist(err) {
				t.Errorf("%s is there: %v", name, err)
			}
		}
		var st unix.Stat_t
		if err := unix.Lstat(filepath.Join(root, "emptied"), &st); err != nil || st.Mode&0o7777 != 0o1770 || st.Uid != 1000 || st.Gid != 1001 {
			t.Errorf("emptied: %v %o %d:%d", err, st.Mode, st.Uid, st.Gid)
		}
		if to, err := os.Readlink(filepath.Join(root, "link")); to != "nowhere" {
			t.Errorf("link leads to %q: %v", to, err)
		}
		if err := unix.Lstat(filepath.Join(root, "cargo"), &st); err != nil || st.Nlink < 2 {
			t.Errorf("cargo has %d names: %v", st.Nlink, err)
		}
	})
}

func TestSSHMountReachesTheUsersAgent(t *testing.T) {
	y := newYard(t)
	socket := filepath.Join(t.TempDir(), "agent")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go agent.ServeAgent(agent.NewKeyring(), conn)
		}
	}()
	dir := project(t, map[string]string{"Dockerfile": "FROM busybox AS web\nRUN --mount=type=ssh [ -S $SSH_AUTH_SOCK ] && echo reached > /answer\n"})
	req := y.requestWith(t, dir, session.Sources{SSH: map[string][]string{"default": {socket}}}, "=web")
	res, _ := y.build(t, req)
	if got := y.read(t, res.Images["stage:web"], "answer"); got != "reached\n" {
		t.Errorf("answer %q", got)
	}
}

func TestNamedContextThatIsAnImageLayout(t *testing.T) {
	y := newYard(t)
	img, err := crane.Image(map[string][]byte{"cargo": []byte("from a layout\n")})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	l, err := layout.Write(dir, empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.AppendImage(img, layout.WithPlatform(v1.Platform{OS: "linux", Architecture: "amd64"})); err != nil {
		t.Fatal(err)
	}
	dgst, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	ctx := project(t, map[string]string{"Dockerfile": "FROM busybox AS web\nCOPY --from=hold /cargo /\n"})
	req := y.requestWith(t, ctx, session.Sources{Layouts: map[string]string{"hold": dir}}, "=web")
	req.NamedContexts = map[string]string{"hold": "oci-layout://hold@" + dgst.String()}
	res, _ := y.build(t, req)
	if got := y.read(t, res.Images["stage:web"], "cargo"); got != "from a layout\n" {
		t.Errorf("cargo: %q", got)
	}
}

func TestCacheMountPersists(t *testing.T) {
	y := newYard(t)
	file := "FROM busybox AS web\nARG RUN\nRUN --mount=type=cache,target=/cache echo $RUN >> /cache/runs && cp /cache/runs /runs\n"
	file = strings.Replace(file, "cp /cache/runs /runs", "cat /cache/runs > /runs", 1)
	dir := project(t, map[string]string{"Dockerfile": file})
	var last *build.Result
	for _, run := range []string{"one", "two"} {
		req := y.request(t, dir, "=web")
		req.Args = map[string]string{"RUN": run}
		last, _ = y.build(t, req)
	}
	if got := y.read(t, last.Images["stage:web"], "runs"); got != "one\ntwo\n" {
		t.Errorf("runs: %q", got)
	}
}

func TestSecretIsNowhereInTheStore(t *testing.T) {
	y := newYard(t)
	const secret = "7b1f-the-secret-of-this-test"
	dir := project(t, map[string]string{"Dockerfile": "FROM busybox AS web\nRUN --mount=type=secret,id=token [ -s /run/secrets/token ]\n"})
	y.build(t, y.requestWith(t, dir, session.Sources{Secrets: map[string][]byte{"token": []byte(secret)}}, "=web"))

	ctx := y.store.Context(t.Context())
	err := y.store.Content().Walk(ctx, func(info content.Info) error {
		b, err := os.ReadFile(filepath.Join(y.store.Root(), "content/blobs/sha256", info.Digest.Encoded()))
		if bytes.Contains(b, []byte(secret)) {
			t.Errorf("blob %s has the secret", info.Digest)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, root := range []string{y.store.Root(), y.root} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() || strings.HasSuffix(path, ".db") {
				return err
			}
			b, err := os.ReadFile(path)
			if bytes.Contains(b, []byte(secret)) {
				t.Errorf("%s has the secret", path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestLabsSyntaxIsWarnedOf(t *testing.T) {
	y := newYard(t)
	dir := project(t, map[string]string{"Dockerfile": "# syntax=docker/dockerfile:1-labs\nFROM busybox AS web\n"})
	_, rec := y.build(t, y.request(t, dir, "=web"))
	if !slices.ContainsFunc(rec.messages(), func(m string) bool { return strings.Contains(m, "labs") }) {
		t.Errorf("messages: %q", rec.messages())
	}
}

func TestWarningsOfADockerfileSayWhere(t *testing.T) {
	y := newYard(t)
	dir := project(t, map[string]string{"Dockerfile": "FROM busybox AS base\n\nFROM base AS Web\nMAINTAINER me\n"})
	_, rec := y.build(t, y.request(t, dir, "=Web"))
	for _, want := range []string{"Dockerfile:3: StageNameCasing: Stage name 'Web' should be lowercase", "Dockerfile:4: MaintainerDeprecated: "} {
		if !slices.ContainsFunc(rec.messages(), func(m string) bool { return strings.HasPrefix(m, want) && !strings.Contains(m, "(line") }) {
			t.Errorf("no %q in %q", want, rec.messages())
		}
	}
}

func TestIdenticalInstructionsBelongToBothStages(t *testing.T) {
	y := newYard(t)
	dir := project(t, map[string]string{"Dockerfile": "FROM busybox AS one\nRUN echo same\nFROM busybox AS two\nRUN echo same\nRUN echo more\n"})
	_, rec := y.build(t, y.request(t, dir, "one", "two"))
	got := rec.instructions("stage:one")["RUN echo same"]
	steps := slices.Sorted(slices.Values(got.Steps))
	if diff := cmp.Diff([]string{"stage:one", "stage:two"}, steps); diff != "" || got.Line != 2 {
		t.Errorf("line %d, steps (-want +got):\n%s", got.Line, diff)
	}
}

func TestImageRunsWithWhatTheDockerfileSays(t *testing.T) {
	y := newYard(t)
	dir := project(t, map[string]string{"Dockerfile": `FROM busybox AS web
ENV MODE=fast
LABEL a=b
USER 1000:1001
WORKDIR /work
VOLUME /data
EXPOSE 8080/tcp
STOPSIGNAL SIGINT
HEALTHCHECK --interval=3s CMD wget -q -O- localhost:8080
ENTRYPOINT ["/bin/app"]
CMD ["--serve"]
`})
	req := y.request(t, dir, "=web")
	req.Labels = map[string]string{"project": "test"}
	res, _ := y.build(t, req)
	config := res.Images["stage:web"].Config.Config
	if config.User != "1000:1001" || config.WorkingDir != "/work" || config.StopSignal != "SIGINT" ||
		config.Healthcheck == nil || config.Labels["project"] != "test" || config.Labels["a"] != "b" {
		t.Errorf("config: %+v", config)
	}
	if diff := cmp.Diff([]string{"/bin/app", "--serve"}, slices.Concat(config.Entrypoint, config.Cmd)); diff != "" {
		t.Errorf("command (-want +got):\n%s", diff)
	}
}

// netless gives RUN a namespace that it makes, and counts what it has to take down.
type netless struct{ attached, released []string }

func (n *netless) Attach(_ context.Context, id string) (string, func() error, error) {
	n.attached = append(n.attached, id)
	return "/proc/self/ns/net", func() error { n.released = append(n.released, id); return nil }, nil
}

func TestNetworkOfRUNIsAttachedAndReleased(t *testing.T) {
	y := newYard(t)
	network := &netless{}
	second := &yard{store: y.store, Builder: openBuilder(t, build.Config{Root: t.TempDir(), Store: y.store, Worker: worker.Config{Network: network}})}
	dir := project(t, map[string]string{"Dockerfile": "FROM busybox AS web\nRUN true\nRUN --network=none true\n"})
	second.build(t, second.request(t, dir, "=web"))
	if diff := cmp.Diff(network.attached, network.released); diff != "" || len(network.attached) != 1 {
		t.Errorf("attached %v, released %v", network.attached, network.released)
	}
}
