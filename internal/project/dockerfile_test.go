package project_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seaworthyhq/seaworthy/internal/project"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// edges writes what each stage takes from, one line a stage.
func edges(d *project.Dockerfile) string {
	var b strings.Builder
	for _, s := range d.Stages {
		fmt.Fprintf(&b, "%s:", s.Name)
		for _, e := range append([]project.Edge{s.From}, s.Copies...) {
			source := "scratch"
			switch {
			case e.Stage != "":
				source = strings.TrimPrefix(e.Stage, "stage:")
			case e.Image != "":
				source = "image " + e.Image
			case e.Context != "":
				source = "context " + e.Context
			}
			onBuild := ""
			if e.OnBuild {
				onBuild = " by ONBUILD"
			}
			fmt.Fprintf(&b, " %s %s@%d%s;", e.Kind, source, e.Line, onBuild)
		}
		b.WriteString("\n")
	}
	return b.String()
}

func TestStagesTakeFrom(t *testing.T) {
	for name, row := range map[string]struct{ dockerfile, want string }{
		"names, numbers and images, in any case": {`FROM golang:1.26 AS Builder
RUN make
FROM builder
COPY --from=BUILDER /a /a
COPY --from=0 /a /a
COPY --from=nginx:1 /a /a
ADD https://example.com/x /x
`, "builder: from image golang:1.26@1;\nstage-1: from builder@3; copy builder@4; copy builder@5; copy image nginx:1@6;\n"},
		"mounts": {`FROM busybox AS a
FROM busybox AS b
RUN --mount=from=a,target=/a --mount=type=cache,target=/c --mount=type=bind,from=alpine,target=/d true
`, "a: from image busybox@1;\nb: from image busybox@2; mount a@3; mount image alpine@3;\n"},
		"a variable chooses the stage": {`ARG FLAVOUR=fast
ARG FULL=base-${FLAVOUR}
FROM busybox AS base-slow
FROM busybox AS base-fast
FROM ${FULL} AS web
`, "base-slow: from image busybox@3;\nbase-fast: from image busybox@4;\nweb: from base-fast@5;\n"},
		"the platform is known": {`FROM base-$TARGETOS AS x
FROM scratch
COPY a /a
`, "x: from image base-linux@1;\nstage-1: from scratch@2;\n"},
		"ONBUILD of the base stage": {`FROM busybox AS tools
FROM busybox AS parent
ONBUILD COPY --from=tools /x /x
ONBUILD RUN --mount=from=alpine true
FROM parent AS child
`, "tools: from image busybox@1;\nparent: from image busybox@2;\nchild: from parent@5; copy tools@5 by ONBUILD; mount image alpine@5 by ONBUILD;\n"},
		"COPY may take from a stage below": {`FROM busybox AS a
COPY --from=b /x /x
FROM busybox AS b
`, "a: from image busybox@1; copy b@2;\nb: from image busybox@3;\n"},
		"a stage named after its image": {`FROM node AS node
FROM node AS web
`, "node: from image node@1;\nweb: from node@2;\n"},
		"another escape character": {"# escape=`\nFROM busybox AS a\nRUN one `\n  two\nFROM a AS b\n", "a: from image busybox@2;\nb: from a@5;\n"},
	} {
		t.Run(name, func(t *testing.T) {
			p := load(t, "-- Dockerfile --\n"+row.dockerfile, project.Options{})
			if diff := cmp.Diff(row.want, edges(p.Dockerfiles[0])); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestHeredocsBelongToTheirInstruction(t *testing.T) {
	p := load(t, `
-- Dockerfile --
# syntax=docker/dockerfile:1
FROM busybox AS a
RUN <<EOF
FROM nothing
EOF
COPY <<X /x
hello
X
RUN last \
  line
`, project.Options{})
	d := p.Dockerfiles[0]
	if d.Syntax != "docker/dockerfile:1" {
		t.Errorf("syntax is %q", d.Syntax)
	}
	var got []string
	for _, i := range d.Stages[0].Instructions {
		got = append(got, fmt.Sprintf("%s %d-%d", i.Name, i.Line, i.End))
	}
	want := []string{"RUN 3-5", "COPY 6-8", "RUN 9-10"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if s := d.Stages[0]; s.Line != 2 || s.End != 10 {
		t.Errorf("the stage has lines %d-%d", s.Line, s.End)
	}
}

func TestStageConfigIsInheritedAndExpanded(t *testing.T) {
	p := load(t, `
-- Dockerfile --
ARG TOP=9000
FROM busybox AS base
ENV PORT=8080
EXPOSE $PORT
VOLUME /a
STOPSIGNAL SIGINT
HEALTHCHECK --interval=2s --retries=4 CMD wget x
FROM base
ARG TOP
ARG MORE=53/udp
EXPOSE ${TOP} $MORE 8080/tcp 100-101
VOLUME ["/b", "/a"]
HEALTHCHECK NONE
CMD true
`, project.Options{})
	d := p.Dockerfiles[0]
	tcp := func(port int) release.Expose { return release.Expose{Port: port, Protocol: "tcp"} }
	want := []project.StageConfig{
		{
			Expose: []release.Expose{tcp(8080)}, Volumes: []string{"/a"}, StopSignal: "SIGINT",
			Health: &release.Health{Test: []string{"CMD-SHELL", "wget x"}, Interval: release.Duration(2 * time.Second), Retries: 4},
		},
		{
			Expose:  []release.Expose{tcp(8080), {Port: 53, Protocol: "udp"}, tcp(9000), tcp(100), tcp(101)},
			Volumes: []string{"/a", "/b"}, StopSignal: "SIGINT", Health: &release.Health{Test: []string{"NONE"}}, Command: true,
		},
	}
	sortExpose := cmp.Transformer("sorted", func(in []release.Expose) map[release.Expose]bool {
		out := map[release.Expose]bool{}
		for _, e := range in {
			out[e] = true
		}
		return out
	})
	if diff := cmp.Diff(want, []project.StageConfig{d.Stages[0].Config, d.Stages[1].Config}, sortExpose); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestDockerfileAlone(t *testing.T) {
	p := load(t, `
-- Dockerfile --
FROM busybox AS test
RUN true
FROM busybox
EXPOSE 8080 9090 53/udp
VOLUME /var/lib/counts
HEALTHCHECK CMD ["/x"]
STOPSIGNAL SIGINT
`, project.Options{})
	want := project.Environment{
		Name: "local", Host: "local",
		Services: []project.Service{{
			Service: release.Service{
				Name: "app", Replicas: 1, StopSignal: "SIGINT",
				Networks: []release.Attachment{{Network: "default"}},
				Expose:   []release.Expose{{Port: 53, Protocol: "udp"}, {Port: 8080, Protocol: "tcp"}, {Port: 9090, Protocol: "tcp"}},
				Ports:    []release.Port{{Published: 8080, Target: 8080, Protocol: "tcp"}, {Published: 9090, Target: 9090, Protocol: "tcp"}},
				Mounts:   []release.Mount{{Kind: release.MountVolume, Source: "app-var-lib-counts", Target: "/var/lib/counts"}},
				Health:   &release.Health{Test: []string{"CMD", "/x"}},
			},
			Build: &project.BuildRef{Stage: "stage:stage-1"},
		}},
		Networks: []release.Network{{Name: "default"}},
		Volumes:  []release.Volume{{Name: "app-var-lib-counts"}},
	}
	if diff := cmp.Diff(want, p.Environment); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if p.Name != "app" {
		t.Errorf("the project's name is %q", p.Name)
	}
}
