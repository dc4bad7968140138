package cause

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
)

// Between two images lies what is another thing by itself, wherever it is, and not what only follows from that.
func TestDifferencesBetweenImages(t *testing.T) {
	const builder, web, other = "stage:builder", "stage:web", "stage:other"
	base := func(step string) Operation {
		return image(step, "docker.io/library/busybox:latest", "aaaaaaaaaaaaaaaa")
	}
	run := func(text string) Operation { return Operation{Text: text} }
	copied := func(files string) Operation { return Operation{Text: "COPY . .", Files: digest.Digest(files)} }
	uses := func(text, value string) Operation {
		return Operation{
			Text: text, Does: digest.FromString(text + value), Uses: map[string]string{"FLAVOUR": value}, Arguments: []string{"FLAVOUR"},
		}
	}
	of := func(all []Operation) digest.Digest { return all[len(all)-1].Key }
	target := func(all []Operation) string {
		if len(all) == 0 {
			return ""
		}
		return all[len(all)-1].Stages[0]
	}
	// final is a stage that takes from another one, which comes before it.
	final := func(from []Operation, text string, more ...Operation) []Operation {
		copies := Operation{Text: text, Inputs: []digest.Digest{of(from)}}
		return slices.Concat(from, stageOf(web, base(web), append([]Operation{copies}, more...)...))
	}
	chosen := func(from []Operation, value string, op Operation) []Operation {
		op.Chosen = map[string]string{"WHICH": value}
		return append(slices.Clone(from), stageOf(web, from[len(from)-1], op)[1:]...)
	}
	one := stageOf(builder, base(builder), run("RUN one"))
	two := stageOf(other, base(other), run("RUN two"))
	const copies = "COPY --from=builder /app /app"
	for name, row := range map[string]struct {
		was, is []Operation
		want    []string
	}{
		"nothing": {final(one, copies), final(one, copies), nil},
		"an instruction, and not what takes from it": {
			final(one, copies), final(stageOf(builder, base(builder), run("RUN other")), copies),
			[]string{"builder: RUN other (Dockerfile:2): it was RUN one"},
		},
		"all that differ, also where one follows the other": {
			final(stageOf(builder, base(builder), copied("old"), uses("RUN build", "blue")), copies, run("RUN x")),
			final(stageOf(builder, base(builder), copied("new"), uses("RUN build", "green")), copies, run("RUN y")),
			[]string{
				"builder: COPY . . (Dockerfile:2): a changed",
				"builder: RUN build (Dockerfile:3): build argument FLAVOUR has another value",
				"web: RUN y (Dockerfile:3): it was RUN x",
			},
		},
		"another stage that an argument chose, and not what is in it": {
			chosen(one, "one", run("RUN x")), chosen(two, "two", run("RUN x")),
			[]string{"web: RUN x (Dockerfile:2): build argument WHICH chose stage other instead of stage builder"},
		},
		"a stage that is new, by what takes from it": {
			final(one, copies), final(one, copies, Operation{Text: "COPY --from=other /two /two", Inputs: []digest.Digest{of(two)}}),
			[]string{"web: COPY --from=other /two /two (Dockerfile:3): it is new"},
		},
		"another stage as a whole": {one, two, []string{"it is made of stage other instead of stage builder"}},
		"a stage that it took from before": {
			final(one, copies), stageOf(builder, base(builder), run("RUN other")),
			[]string{"it is made of stage builder instead of stage web", "builder: RUN other (Dockerfile:2): it was RUN one"},
		},
		"an instruction less before others": {
			stageOf(web, base(web), run("RUN one"), run("RUN two"), run("RUN three")), stageOf(web, base(web), run("RUN one"), run("RUN three")),
			[]string{"web: RUN three (Dockerfile:3): it no longer follows RUN two"},
		},
		"another base": {
			stageOf(web, base(web), run("RUN one")),
			stageOf(web, image(web, "docker.io/library/busybox:latest", "bbbbbbbbbbbbbbbb"), run("RUN one")),
			[]string{"web: FROM base (Dockerfile:1): busybox:latest was aaaaaaaaaaaa, is bbbbbbbbbbbb"},
		},
		"what is not recorded of the one": {nil, one, nil},
	} {
		t.Run(name, func(t *testing.T) {
			b := Between{From: target(row.was), To: target(row.is), Was: row.was, Is: row.is, Name: func(step string) string { return strings.TrimPrefix(step, "stage:") }}
			b.Files = func(list digest.Digest) Files {
				return map[digest.Digest]Files{"": {}, "old": {"a": "1"}, "new": {"a": "2"}}[list]
			}
			var got []string
			for _, d := range b.Differences() {
				for _, r := range d.Reasons {
					got = append(got, strings.TrimPrefix(b.Name(d.Step)+": "+r.Text, ": "))
				}
			}
			if diff := cmp.Diff(row.want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}
