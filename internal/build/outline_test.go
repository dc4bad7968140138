package build

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

const manyStages = `# syntax=docker/dockerfile:1
ARG BASE=busybox
FROM ${BASE} AS one
RUN <<EOF
FROM nothing AS two
EOF
# of two
FROM busybox AS two
RUN two \
  # and so on
  more
FROM two
COPY --from=one /x /x
FROM two AS Two
RUN last
FROM one AS numbers
COPY --from=2 /x /x
FROM scratch
`

// A target's frontend is given what the target needs, where it stood.
func TestCutOut(t *testing.T) {
	o := outlineOf([]byte(manyStages), [][]int{nil, nil, {1, 0}, {1}, {0, 2}, nil})
	for target, want := range map[string][2]string{
		"one": {"one", "# syntax=docker/dockerfile:1\nARG BASE=busybox\nFROM ${BASE} AS one\nRUN <<EOF\nFROM nothing AS two\nEOF\n"},
		"1": {"stage-1", "# syntax=docker/dockerfile:1\nARG BASE=busybox\n\n\n\n\n# of two\nFROM busybox AS stage-1\n" +
			"RUN two \\\n  # and so on\n  more\n"},
		"two": {"two", "# syntax=docker/dockerfile:1\nARG BASE=busybox\n\n\n\n\n# of two\nFROM busybox AS two\n" +
			"RUN two \\\n  # and so on\n  more\n\n\nFROM two AS Two\nRUN last\n"},
		"": {"", "# syntax=docker/dockerfile:1\nARG BASE=busybox\n\n\n\n\n# of two\n\n\n\n\n\n\n\n\n\n\nFROM scratch\n"},
	} {
		text, name, ok := o.cutOut(target)
		if diff := cmp.Diff(want, [2]string{name, string(text)}); diff != "" || !ok {
			t.Errorf("%q: %v, -want +got:\n%s", target, ok, diff)
		}
	}
	text, _, _ := o.cutOut("numbers")
	if got := outlineOf(text, nil); len(got.stages) != 5 || got.stages[3].name != "" || got.stages[4].name != "numbers" {
		t.Errorf("the number of a stage is another one:\n%s", text)
	}
	for why, whole := range map[string]*outline{
		"what stages take is not known": outlineOf([]byte(manyStages), nil),
		"it is of another Dockerfile":   outlineOf([]byte(manyStages), [][]int{nil}),
		"it makes no sense":             outlineOf([]byte("FROM"), nil),
	} {
		if text, _, ok := whole.cutOut("one"); ok {
			t.Errorf("%s, and it is cut to\n%s", why, text)
		}
	}
}
