package project_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/client/llb/sourceresolver"
	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/moby/buildkit/frontend/dockerui"
	"github.com/opencontainers/go-digest"

	"github.com/seaworthyhq/seaworthy/internal/project"
)

// Stages of services that differ in arguments are one stage only where BuildKit makes the same definition of both: else a check
// would run with the arguments of one service and gate the others, too.
func TestStagesAreOneOnlyWhereBuildKitMakesTheSame(t *testing.T) {
	shared, apart, missed := 0, 0, 0
	for seed := range uint64(300) {
		w := &dockerfileWriter{Rand: rand.New(rand.NewPCG(seed, 0))}
		archive := w.project()
		p := load(t, archive, project.Options{})
		labels := map[string]string{} // of images, by the stage's key
		for _, s := range p.Environment.Services {
			own := fmt.Sprint(p.Dockerfile(s.Build.Dockerfile).Labels)
			if others, known := labels[s.Build.Stage]; known && own != others {
				t.Fatalf("seed %d: %s is one image, with the labels %s and %s:\n%s", seed, s.Build.Stage, others, own, archive)
			}
			labels[s.Build.Stage] = own
		}
		for i := range p.Dockerfiles[0].Stages {
			made := map[string]string{}   // what BuildKit makes, by the stage's key
			called := map[string]string{} // and the other way round
			for _, d := range p.Dockerfiles {
				s := d.Stages[i]
				makes := definition(t, d, s.Name)
				if others, known := made[s.Key]; known && others != makes {
					t.Fatalf("seed %d: %s is one stage for %v, but not the same:\n%s\n%s\n%s", seed, s.Key, s.Services, others, makes, archive)
				} else if known {
					shared++
				} else if len(made) > 0 {
					apart++
				}
				if key, known := called[makes]; known && key != s.Key {
					missed++
				}
				made[s.Key], called[makes] = makes, s.Key
			}
		}
	}
	t.Logf("%d stages are one with that of another service, %d are not, of which %d could be", shared, apart, missed)
	if shared < 500 || apart-missed < 500 || missed > shared {
		t.Errorf("%d stages are one with that of another service, %d are not, of which %d could be", shared, apart, missed)
	}
}

// Ports are those that BuildKit gives the image: ARG holds in what is FROM the stage, and of ARG and ENV the last one counts.
func TestPortsAreThoseOfBuildKit(t *testing.T) {
	for dockerfile, port := range map[string]int{
		"FROM busybox AS a\nARG P=1\nFROM a AS b\nEXPOSE $P":                        1,
		"FROM busybox AS b\nARG P=1\nENV P=2\nEXPOSE $P":                            2,
		"FROM busybox AS b\nENV P=2\nARG P=1\nEXPOSE $P":                            1,
		"FROM busybox AS b\nENV P=2\nARG P\nEXPOSE $P":                              2,
		"ARG P=3\nFROM busybox AS a\nENV P=2\nFROM a AS b\nARG P\nEXPOSE $P":        3,
		"FROM busybox AS a\nARG P=1\nFROM a AS b\nARG Q=${P}0\nENV R=$Q\nEXPOSE $R": 10,
	} {
		p := load(t, "-- Dockerfile --\n"+dockerfile+"\n", project.Options{})
		d := p.Dockerfiles[0]
		got := d.Stage("b").Config.Expose
		if made := definition(t, d, "b"); len(got) != 1 || got[0].Port != port || !strings.Contains(made, fmt.Sprintf(`"ExposedPorts":{"%d/tcp":{}}`, port)) {
			t.Errorf("ports are %v, not %d, with %s:\n%s", got, port, made, dockerfile)
		}
	}
}

// definition is what BuildKit makes of a stage: the digest of its operations and the config of its image, or an error.
func definition(t *testing.T, d *project.Dockerfile, stage string) string {
	t.Helper()
	files := llb.Local("context", llb.LocalUniqueID("1"))
	res, err := dockerfile2llb.Dockerfile2LLB(t.Context(), []byte(d.Source), dockerfile2llb.ConvertOpt{
		Config:       dockerui.Config{BuildArgs: d.Args, Target: stage},
		MetaResolver: images{},
		MainContext:  &files,
	})
	if err != nil {
		return err.Error()
	}
	def, err := res.State.Marshal(t.Context())
	if err != nil {
		return err.Error()
	}
	made := digest.FromString("scratch")
	if len(def.Def) > 0 {
		made = digest.FromBytes(def.Def[len(def.Def)-1])
	}
	res.Image.Created = nil
	for i := range res.Image.History {
		res.Image.History[i].Created = nil
	}
	config, err := json.Marshal(res.Image)
	if err != nil {
		t.Fatal(err)
	}
	return made.String() + " " + string(config)
}

// images has all images there are. An image is another one on another platform.
type images struct{}

func (images) ResolveImageConfig(_ context.Context, ref string, opt sourceresolver.Opt) (string, digest.Digest, []byte, error) {
	platform := opt.ImageOpt.Platform
	config := fmt.Sprintf(`{"os": %q, "architecture": %q, "config": {"Env": ["A=image", "OF=%s"]}, "rootfs": {"type": "layers", "diff_ids": [%q]}}`,
		platform.OS, platform.Architecture, ref, digest.FromString(ref))
	return ref, digest.FromString(config), []byte(config), nil
}

// dockerfileWriter makes up projects of several services that build one Dockerfile.
type dockerfileWriter struct {
	*rand.Rand
	stages int // there are so far
}

func (w *dockerfileWriter) project() string {
	var b strings.Builder
	fmt.Fprintf(&b, "-- Dockerfile --\nARG BASE=%s\nARG PLATFORM=linux/amd64\n", w.one("busybox", "alpine"))
	for range w.IntN(5) {
		fmt.Fprintf(&b, "ARG %s\n", w.argument())
	}
	for range 2 + w.IntN(5) {
		w.stage(&b)
	}
	b.WriteString("-- file --\n-- compose.yaml --\nservices:\n")
	for i := range 2 + w.IntN(5) {
		fmt.Fprintf(&b, "  s%d: {build: {context: ., target: stage%d, args: {%s}, labels: {%s}}}\n", i, w.IntN(w.stages), w.given(), w.one("", "", "l: 1", "l: 2"))
	}
	return b.String()
}

// given are the arguments that a service gives.
func (w *dockerfileWriter) given() string {
	var all []string
	for _, name := range []string{"A", "B", "C"} {
		if w.IntN(3) == 0 {
			all = append(all, fmt.Sprintf("%s: %q", name, w.one("", "1", "2")))
		}
	}
	if w.IntN(2) == 0 {
		all = append(all, "BASE: "+w.one("alpine", "stage0", "stage1"))
	}
	if w.IntN(8) == 0 {
		all = append(all, "PLATFORM: linux/arm64")
	}
	if w.IntN(12) == 0 {
		all = append(all, w.one("HTTP_PROXY", "no_proxy", "SOURCE_DATE_EPOCH", "TARGETARCH", "TARGETSTAGE")+`: "1"`)
	}
	return strings.Join(all, ", ")
}

func (w *dockerfileWriter) stage(b *strings.Builder) {
	from := w.one("busybox", "busybox", "alpine", "scratch", "$BASE", "$BASE", "$BASE", "--platform=$PLATFORM busybox", "${OTHER:-busybox}")
	if w.stages > 0 && w.IntN(2) == 0 {
		from = w.above()
	}
	fmt.Fprintf(b, "FROM %s AS stage%d\n", from, w.stages)
	for range w.IntN(5) {
		command := w.command()
		if w.IntN(8) == 0 && !strings.Contains(command, "<<") {
			command = "ONBUILD " + command
		}
		fmt.Fprintln(b, command)
	}
	w.stages++
}

func (w *dockerfileWriter) command() string {
	if w.stages > 0 && w.IntN(4) == 0 {
		return fmt.Sprintf(w.one("COPY --from=%s /x /x", "RUN --mount=from=%s,target=/m true"), w.above())
	}
	variable := "$" + w.one("A", "B", "C", "OF", "TARGETARCH", "TARGETSTAGE")
	return w.one("ARG "+w.argument(), "ARG "+w.argument(), "ARG "+w.argument(), "ENV "+w.name()+"="+variable, "RUN true "+variable, "RUN true",
		"COPY file /"+variable, "WORKDIR /"+variable, "LABEL l="+variable, "COPY <<EOF /text\n"+variable+"\nEOF", "RUN <<EOF\ntrue\nEOF", "USER u"+variable)
}

// argument is what may follow ARG.
func (w *dockerfileWriter) argument() string {
	other := w.name()
	name := w.one(w.name(), w.name(), w.name(), "TARGETARCH", "TARGETSTAGE", "SOURCE_DATE_EPOCH")
	return name + w.one("", "", "=1", "=2", "=", "=$"+other, "=${"+other+":-1}", "=${"+other+":+2}", "='$"+other+"'", "=1 "+other+"=$"+name)
}

func (w *dockerfileWriter) name() string  { return w.one("A", "B", "C") }
func (w *dockerfileWriter) above() string { return fmt.Sprintf("stage%d", w.IntN(w.stages)) }

func (w *dockerfileWriter) one(of ...string) string { return of[w.IntN(len(of))] }
