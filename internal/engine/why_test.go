package engine

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/seaworthyhq/seaworthy/internal/cause"
	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/pipeline"
	"github.com/seaworthyhq/seaworthy/internal/project"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// shop is built from three stages, as `FROM golang AS builder`, `FROM builder AS assets`, `FROM scratch` would be.
var shop = project.Project{
	Name: "shop",
	Environment: project.Environment{Services: []project.Service{{
		Service: release.Service{Name: "web"}, Build: &project.BuildRef{Stage: "stage:final"},
	}}},
	Dockerfiles: []*project.Dockerfile{{Stages: []project.Stage{
		{Key: "stage:builder", Name: "builder", Line: 1, From: project.Edge{Kind: project.EdgeFrom, Image: "golang:1.26", Line: 1}},
		{Key: "stage:assets", Name: "assets", Line: 5, From: project.Edge{Kind: project.EdgeFrom, Stage: "stage:builder", Line: 5}},
		{Key: "stage:final", Name: "final", Line: 9, From: project.Edge{Kind: project.EdgeFrom, Line: 9}, Copies: []project.Edge{
			{Kind: project.EdgeCopy, Stage: "stage:builder", Line: 10}, {Kind: project.EdgeCopy, Stage: "stage:assets", Line: 11},
		}},
		{Key: "stage:test", Name: "test", Line: 14, From: project.Edge{Kind: project.EdgeFrom, Stage: "stage:builder", Line: 14}},
	}}},
}

// ops are operations as "KEY STEP LINE TEXT < INPUT INPUT", one a line.
func ops(lines ...string) []cause.Operation {
	var all []cause.Operation
	for _, line := range lines {
		line, inputs, _ := strings.Cut(line, " < ")
		words := strings.SplitN(line, " ", 4)
		op := cause.Operation{Key: digest.Digest(words[0]), Stages: []string{"stage:" + words[1]}, File: "Dockerfile", Text: words[3]}
		op.Line, _ = strconv.Atoi(words[2])
		if strings.HasPrefix(op.Text, "http") {
			op.Source, op.Line = op.Text, 0
		}
		for in := range strings.FieldsSeq(inputs) {
			op.Inputs = append(op.Inputs, digest.Digest(in))
		}
		all = append(all, op)
	}
	return all
}

func TestReasonsOfAnImage(t *testing.T) {
	type making struct {
		image string
		made  []cause.Operation
		ran   []int // lines
	}
	first := ops("a builder 2 COPY . .", "b builder 3 RUN go build < a", "c assets 6 COPY www /www", "d final 10 COPY --from=builder /app /app < b", "e final 11 COPY --from=assets /www /www < d c")
	everything := making{"one", first, []int{2, 3, 6, 10, 11}}
	for name, row := range map[string]struct {
		makings []making
		kept    []cause.Operation // that made the first image, of an engine before this one
		was, is string
		want    []string
	}{
		"what changed, and not what followed from it": {
			[]making{everything, {"two", ops("a2 builder 2 COPY . .", "b2 builder 3 RUN go build < a2", "c assets 6 COPY www /www", "d2 final 10 COPY --from=builder /app /app < b2", "e2 final 11 COPY --from=assets /www /www < d2 c"), []int{2, 3, 10, 11}}},
			nil, "one", "two",
			[]string{"builder: COPY . . (Dockerfile:2)"},
		},
		"in each branch": {
			[]making{everything, {"two", ops("a2 builder 2 COPY . .", "b2 builder 3 RUN go build < a2", "c2 assets 6 COPY www /www", "d2 final 10 COPY --from=builder /app /app < b2", "e2 final 11 COPY --from=assets /www /www < d2 c2"), []int{2, 3, 6, 10, 11}}},
			nil, "one", "two",
			[]string{"builder: COPY . . (Dockerfile:2)", "assets: COPY www /www (Dockerfile:6)"},
		},
		"also when it came from cache since": {
			[]making{everything, {"two", ops("a2 builder 2 COPY . ."), []int{2}}, {"two", ops("a2 builder 2 COPY . ."), nil}},
			nil, "one", "two",
			[]string{"builder: COPY . . (Dockerfile:2)"},
		},
		"not what was tried in between": {
			[]making{everything, {"two", ops("a2 builder 2 COPY . ."), []int{2}}, {"three", append(first[:4:4], ops("e2 final 12 COPY page /page < d")...), []int{12}}},
			nil, "one", "three",
			[]string{"final: COPY page /page (Dockerfile:12): it was COPY --from=assets /www /www"},
		},
		"nothing changed, but the cache was not used": {
			[]making{everything, {"two", first, []int{2, 3, 6, 10, 11}}},
			nil, "one", "two",
			[]string{"ran again without cache: builder: COPY . . (Dockerfile:2)", "ran again without cache: assets: COPY www /www (Dockerfile:6)"},
		},
		"one branch changed, of another the cache was gone": {
			[]making{everything, {"two", ops("a2 builder 2 COPY . .", "b2 builder 3 RUN go build < a2", "c assets 6 COPY www /www"), []int{2, 3, 6}}},
			nil, "one", "two",
			[]string{"builder: COPY . . (Dockerfile:2)", "ran again without cache: assets: COPY www /www (Dockerfile:6)"},
		},
		"what is elsewhere may have changed there": {
			[]making{
				{"one", ops("u final 0 https://example.com/page", "f final 9 ADD https://example.com/page / < u"), []int{9}},
				{"two", ops("u final 0 https://example.com/page", "f final 9 ADD https://example.com/page / < u"), []int{9}},
			},
			nil, "one", "two",
			[]string{"fetched again: final: ADD https://example.com/page / (Dockerfile:9)"},
		},
		"an instruction that was removed": {
			[]making{everything, {"two", first[:4], nil}},
			nil, "one", "two",
			[]string{"no longer there: final: COPY --from=assets /www /www (Dockerfile:11)"},
		},
		"the way back": {[]making{everything, {"two", nil, nil}, {"one", nil, nil}}, nil, "two", "one", []string{"as it was made before"}},
		"of an engine before this one, what it kept": {
			[]making{{"two", ops("a2 builder 2 COPY . .", "b2 builder 3 RUN go build < a2", "c assets 6 COPY www /www"), []int{2, 3}}},
			first,
			"one", "two",
			[]string{"builder: COPY . . (Dockerfile:2)"},
		},
		"of an engine that kept nothing, the images say": {
			[]making{{"two", first, nil}}, nil, "one", "two", []string{"from the layer on of: COPY two /"},
		},
		"a long instruction is cut": {
			[]making{everything, {"two", append(first[:4:4], ops("e2 final 12 RUN one && \\\n two < d")...), []int{12}}},
			nil, "one", "two",
			[]string{"final: RUN one && … (Dockerfile:12): it was COPY --from=assets /www /www"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var m makings
			for _, one := range row.makings {
				sink, made := m.note(&shop, event.Discard)
				for _, op := range one.made {
					if slices.Contains(one.ran, op.Line) {
						sink.Emit(event.Event{Instruction: &event.Instruction{Line: op.Line, File: op.File, Text: op.Text, State: event.Done}})
					}
				}
				made(&pipeline.Output{
					Release:    release.Release{Environments: map[string]release.Config{"": {Services: []release.Service{built(one.image)}}}},
					Operations: map[string][]cause.Operation{"stage:final": one.made},
				})
			}
			kept := func() recipe {
				return recipe{Steps: map[string]string{"/web": "stage:final"}, Operations: map[string][]cause.Operation{"stage:final": row.kept}}
			}
			got := imageReasons{makings: &m, project: &shop, read: layers, same: neverSame, kept: kept}.of(built(row.was), built(row.is))
			if diff := cmp.Diff(row.want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestAnotherBaseIsAReason(t *testing.T) {
	r := imageReasons{
		same: neverSame, makings: &makings{}, project: &shop, read: func(release.Digest) (ocispec.Image, error) { return ocispec.Image{}, errors.New("gone") },
		kept:   func() recipe { return recipe{} },
		before: []release.Base{{Ref: "golang:1.26", Digest: "a"}, {Ref: "nginx:1", Digest: "a"}},
		now:    []release.Base{{Ref: "golang:1.26", Digest: "b"}, {Ref: "nginx:1", Digest: "b"}}, // of another Dockerfile
	}
	if diff := cmp.Diff([]string{"base golang:1.26 a → b"}, r.of(built("one"), built("two"))); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestReasonsOfAPulledImage(t *testing.T) {
	pulled := func(ref string) release.Service {
		return release.Service{Name: "db", Image: release.Image{Ref: ref, Digest: "x"}}
	}
	for _, row := range []struct {
		was, is release.Service
		want    string
	}{
		{pulled("postgres:17"), pulled("postgres:18"), "postgres:17 → postgres:18"},
		{pulled("postgres:17"), pulled("postgres:17"), "postgres:17 stands for another image now"},
		{built("one"), pulled("postgres:17"), "it is no longer built, but postgres:17"},
	} {
		if diff := cmp.Diff([]string{row.want}, imageReasons{}.of(row.was, row.is)); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
	}
}

func built(image string) release.Service {
	return release.Service{Name: "web", Image: release.Image{Digest: release.Digest(image), Stage: "final"}}
}

// layers is an image with a layer that all have, and one of its own.
func layers(image release.Digest) (ocispec.Image, error) {
	return ocispec.Image{
		RootFS: ocispec.RootFS{DiffIDs: []digest.Digest{"base", digest.Digest(image)}},
		History: []ocispec.History{
			{CreatedBy: "COPY base /"}, {CreatedBy: "ENV A=b", EmptyLayer: true}, {CreatedBy: "COPY " + string(image) + " / # buildkit"},
		},
	}, nil
}

// Two services may have the same image, made by stages of their own: one is not explained by what made that of the other.
func TestReasonsOfAnImageThatTwoServicesHad(t *testing.T) {
	shop := project.Project{Name: "shop"}
	for _, name := range []string{"api", "web"} {
		key := "stage:" + name + "/final"
		shop.Environment.Services = append(shop.Environment.Services, project.Service{
			Service: release.Service{Name: name, Image: release.Image{Stage: "final"}}, Build: &project.BuildRef{Stage: key},
		})
		shop.Dockerfiles = append(shop.Dockerfiles, &project.Dockerfile{Stages: []project.Stage{{Key: key, Name: "final", Line: 1}}})
	}
	var m makings
	note := func(web string, made map[string][]cause.Operation) {
		image := func(name, digest string) release.Service {
			return release.Service{Name: name, Image: release.Image{Digest: release.Digest(digest), Stage: "final"}}
		}
		_, noted := m.note(&shop, event.Discard)
		noted(&pipeline.Output{
			Release:    release.Release{Environments: map[string]release.Config{"": {Services: []release.Service{image("api", "one"), image("web", web)}}}},
			Operations: made,
		})
	}
	api := ops("a api/final 2 RUN one")
	note("one", map[string][]cause.Operation{"stage:api/final": api, "stage:web/final": ops("a web/final 2 RUN one")})
	note("two", map[string][]cause.Operation{"stage:api/final": api, "stage:web/final": ops("b web/final 2 RUN two")})
	is := built("two")
	got := imageReasons{makings: &m, project: &shop, read: layers, same: neverSame, kept: func() recipe { return recipe{} }}.of(built("one"), is)
	if diff := cmp.Diff([]string{"final: RUN two (Dockerfile:2): it was RUN one"}, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// Services that come and go change what stages are called, and a stage in between the number of one without a name.
func TestReasonsOfAnImageOfAStageWithAnotherKey(t *testing.T) {
	r := imageReasons{project: &project.Project{}}
	was := made{"stage:stage-1", ops("a builder 2 RUN one", "b stage-1 4 COPY --from=builder /app /app < a", "c stage-1 5 RUN x < b")}
	is := made{"stage:web/stage-2", ops("a web/builder 2 RUN one", "b web/stage-2 7 COPY --from=builder /app /app < a", "c2 web/stage-2 8 RUN y < b")}
	got := r.operationReasons(between{was: was, is: is}, nil)
	if diff := cmp.Diff([]string{"web/stage-2: RUN y (Dockerfile:8): it was RUN x"}, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	empty := made{"stage:web/stage-2", is.operations[:1]} // with nothing but CMD now
	got = r.operationReasons(between{was: was, is: empty}, nil)
	if diff := cmp.Diff([]string{"no longer there: web/stage-2: COPY --from=builder /app /app (Dockerfile:4)"}, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// neverSame is of images that differ in more than times.
func neverSame(_, _ release.Digest) bool { return false }

// What is another thing is no reason where the image has the same content for all that.
func TestAnImageThatWasMadeAnewIsNotBlamedOnWhatMadeNoDifference(t *testing.T) {
	var m makings
	for _, image := range []string{"one", "two"} {
		_, note := m.note(&shop, event.Discard)
		note(&pipeline.Output{
			Release:    release.Release{Environments: map[string]release.Config{"": {Services: []release.Service{built(image)}}}},
			Operations: map[string][]cause.Operation{"stage:final": ops(image + " final 2 COPY . .")},
		})
	}
	same := func(was, is release.Digest) bool { return was == "one" && is == "two" }
	r := imageReasons{makings: &m, project: &shop, same: same, kept: func() recipe { return recipe{} }}
	want := []string{"made anew, with the same content: only times are others"}
	if diff := cmp.Diff(want, r.of(built("one"), built("two"))); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}
