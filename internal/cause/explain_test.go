package cause

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

// stageOf is a chain of operations of a stage, each with its key of what it does and what goes into it.
func stageOf(step string, base Operation, does ...Operation) []Operation {
	all := []Operation{base}
	for i, op := range does {
		op.Stages, op.File, op.Line = []string{step}, "Dockerfile", i+2
		if len(op.Does) == 0 {
			op.Does = digest.FromString(op.Text)
		}
		op.Inputs = append(op.Inputs, all[i].Key)
		op.Key = digest.FromString(fmt.Sprint(op.Does, op.Inputs, op.Files))
		all = append(all, op)
	}
	return all
}

func image(step, ref, hash string) Operation {
	source := ImageSource + ref + "@sha256:" + hash
	return Operation{
		Key: digest.FromString(source), Source: source, Stages: []string{step}, File: "Dockerfile", Line: 1, Text: "FROM base",
	}
}

// chosen is a base that a build argument chose.
func chosen(step, ref, hash string) Operation {
	op := image(step, ref, hash)
	op.Text, op.Uses, op.Arguments = "FROM $BASE", map[string]string{"BASE": ref}, []string{"BASE"}
	return op
}

func builder(result string) Operation {
	return Operation{Key: digest.FromString(result), Text: "RUN build", Stages: []string{"stage:builder"}}
}

func TestReasons(t *testing.T) {
	const step = "stage:web"
	base := image(step, "docker.io/library/busybox:latest", "aaaaaaaaaaaaaaaa")
	run := func(text string) Operation { return Operation{Text: text} }
	copied := func(files string) Operation { return Operation{Text: "COPY . .", Files: digest.Digest(files)} }
	with := func(text, does string, uses map[string]string) Operation {
		return Operation{Text: text, Does: digest.FromString(does), Uses: uses, Arguments: []string{"ARG"}}
	}
	from := func(text string, in Operation) Operation {
		return Operation{Text: text, Inputs: []digest.Digest{in.Key}}
	}
	sent := func(files, ignores string) Operation {
		return Operation{Text: "COPY . .", Files: digest.Digest(files), Ignores: digest.Digest(ignores)}
	}
	lists := map[digest.Digest]Files{
		"all": {"a": "1", "docs/": "d", "docs/x": "1"}, "some": {"a": "1"}, "some others": {"b": "1"},
		"none": Patterns(nil), "docs": Patterns([]string{"docs"}),
		"old": {"a": "1", "b": "1", "c": "1"}, "new": {"a": "2", "b": "1", "d": "1"},
	}
	for name, row := range map[string]struct {
		before, now []Operation
		op          int // of now
		made        func(*Made)
		ran         []digest.Digest
		asked       bool
		want        []string
	}{
		"nothing recorded": {
			now: stageOf(step, base, run("RUN a")), op: 1, want: []string{"first never built here, as far as is recorded"},
		},
		"nothing recorded, and asked": {
			now: stageOf(step, base, run("RUN a")), op: 1, asked: true,
			want: []string{"first never built here, as far as is recorded"},
		},
		"equal inputs": {
			before: stageOf(step, base, run("RUN a")), now: stageOf(step, base, run("RUN a")), op: 1,
			want: []string{"gone RUN a (Dockerfile:2): the inputs are equal, and its entry in the cache was gone"},
		},
		"equal inputs, and asked": {
			before: stageOf(step, base, run("RUN a")), now: stageOf(step, base, run("RUN a")), op: 1, asked: true,
			want: []string{"asked RUN a (Dockerfile:2): asked to run without the cache"},
		},
		"a failure": {
			before: stageOf(step, base, run("RUN a")), now: stageOf(step, base, run("RUN a")), op: 1,
			made: func(m *Made) { m.Failed, m.Keys = m.Operations[1].Key, nil },
			want: []string{"unfinished RUN a (Dockerfile:2): failed the last time"},
		},
		"not ended": {
			before: stageOf(step, base, run("RUN a")), now: stageOf(step, base, run("RUN a")), op: 1,
			made: func(m *Made) { m.Keys = nil },
			want: []string{"unfinished RUN a (Dockerfile:2): the last build ended before it came to this"},
		},
		"stopped": {
			before: stageOf(step, base, run("RUN a")), now: stageOf(step, base, run("RUN a")), op: 1,
			made: func(m *Made) { m.Stopped, m.Keys = []digest.Digest{m.Operations[1].Key}, nil },
			want: []string{"unfinished RUN a (Dockerfile:2): was stopped the last time"},
		},
		"not come to, and a stage that ran": {
			before: append([]Operation{builder("1")}, stageOf(step, base, from("COPY --from=builder /a /", builder("1")))...),
			now:    append([]Operation{builder("1")}, stageOf(step, base, from("COPY --from=builder /a /", builder("1")))...), op: 2,
			made: func(m *Made) { m.Keys = nil },
			ran:  []digest.Digest{builder("1").Key},
			want: []string{"again COPY --from=builder /a / (Dockerfile:2): stage builder ran again"},
		},
		"files": {
			before: stageOf(step, base, copied("old")), now: stageOf(step, base, copied("new")), op: 1,
			want: []string{"files COPY . . (Dockerfile:2): a changed; d is new; c is gone"},
		},
		"files of which one list is lost": {
			before: stageOf(step, base, copied("lost")), now: stageOf(step, base, copied("new")), op: 1,
			want: []string{"files COPY . . (Dockerfile:2): files that it takes are others; which is not recorded"},
		},
		"files that are left out now": {
			before: stageOf(step, base, sent("all", "none")), now: stageOf(step, base, sent("some", "docs")), op: 1,
			want: []string{"ignore COPY . . (Dockerfile:2): the ignore file changed: docs/ and docs/x are left out now"},
		},
		"files that are no longer left out, and others": {
			before: stageOf(step, base, sent("some others", "docs")), now: stageOf(step, base, sent("all", "none")), op: 1,
			want: []string{
				"files COPY . . (Dockerfile:2): a is new; b is gone",
				"ignore COPY . . (Dockerfile:2): the ignore file changed: docs/ and docs/x are no longer left out",
			},
		},
		"files that are gone, of which the ignore file knows as before": {
			before: stageOf(step, base, sent("all", "docs")), now: stageOf(step, base, sent("some", "docs")), op: 1,
			want: []string{"files COPY . . (Dockerfile:2): docs/ and docs/x are gone"},
		},
		"another text": {
			before: stageOf(step, base, run("RUN a"), run("RUN b")), now: stageOf(step, base, run("RUN a"), run("RUN c")), op: 2,
			want: []string{"instruction RUN c (Dockerfile:3): it was RUN b"},
		},
		"a new instruction": {
			before: stageOf(step, base, run("RUN a"), run("RUN b")), now: stageOf(step, base, run("RUN a"), run("RUN n"), run("RUN b")), op: 2,
			want: []string{"instruction RUN n (Dockerfile:3): it is new"},
		},
		"the same instruction once more": {
			before: stageOf(step, base, run("RUN a")), now: stageOf(step, base, run("RUN a"), run("RUN a")), op: 2,
			want: []string{"instruction RUN a (Dockerfile:3): it is new"},
		},
		"an instruction less": {
			before: stageOf(step, base, run("RUN a"), run("RUN b"), run("RUN c")), now: stageOf(step, base, run("RUN a"), run("RUN c")), op: 2,
			want: []string{"instruction RUN c (Dockerfile:3): it no longer follows RUN b"},
		},
		"another one before it, which was found": {
			before: stageOf(step, base, copied("old"), run("RUN c")), now: stageOf(step, base, copied("new"), run("RUN c")), op: 2,
			want: []string{"files RUN c (Dockerfile:3) follows COPY . . (Dockerfile:2): a changed; d is new; c is gone"},
		},
		"a stage that ran, and what was copied from it before, which was found": {
			before: append([]Operation{builder("1")}, stageOf(step, base, from("COPY --from=builder /a /", builder("1")), from("COPY --from=builder /b /", builder("1")))...),
			now:    append([]Operation{builder("2")}, stageOf(step, base, from("COPY --from=builder /a /", builder("2")), from("COPY --from=builder /b /", builder("2")))...), op: 3,
			ran:  []digest.Digest{builder("2").Key},
			want: []string{"again COPY --from=builder /b / (Dockerfile:3): stage builder ran again"},
		},
		"argument and variable": {
			before: stageOf(step, base, with("RUN a", "x", map[string]string{"ARG": "1", "VAR": "1", "SAME": "1"})),
			now:    stageOf(step, base, with("RUN a", "y", map[string]string{"ARG": "2", "SAME": "1"})), op: 1,
			want: []string{
				"argument RUN a (Dockerfile:2): build argument ARG has another value",
				"variable RUN a (Dockerfile:2): variable VAR has another value",
			},
		},
		"what is not recorded of what it does": {
			before: stageOf(step, base, with("RUN a", "x", nil)), now: stageOf(step, base, with("RUN a", "y", nil)), op: 1,
			want: []string{"instruction RUN a (Dockerfile:2): it does something else, with the same text"},
		},
		"another base, and therefore another environment": {
			before: stageOf(step, base, with("RUN a", "x", nil)),
			now:    stageOf(step, image(step, "docker.io/library/busybox:latest", "bbbbbbbbbbbbbbbb"), with("RUN a", "y", nil)), op: 1,
			want: []string{"base FROM base (Dockerfile:1): busybox:latest was aaaaaaaaaaaa, is bbbbbbbbbbbb"},
		},
		"another base, and therefore another folder": {
			before: stageOf(step, base, Operation{Text: "RUN a", Does: "x", How: map[string]string{"working directory": "1"}}),
			now: stageOf(step, image(step, "docker.io/library/busybox:latest", "bbbbbbbbbbbbbbbb"),
				Operation{Text: "RUN a", Does: "y", How: map[string]string{"working directory": "2"}}), op: 1,
			want: []string{"base FROM base (Dockerfile:1): busybox:latest was aaaaaaaaaaaa, is bbbbbbbbbbbb"},
		},
		"two other texts": {
			before: stageOf(step, base, run("WORKDIR /a"), run("RUN b")), now: stageOf(step, base, run("WORKDIR /c"), run("RUN d")), op: 2,
			want: []string{"instruction RUN d (Dockerfile:3): it was RUN b"},
		},
		"nothing recorded of what it does": {
			before: []Operation{base, {Key: "a", Text: "RUN a", Stages: []string{step}, Line: 2}}, now: stageOf(step, base, copied("new"), run("RUN a")), op: 2,
			want: []string{"instruction RUN a (Dockerfile:3) follows COPY . . (Dockerfile:2): it is new"},
		},
		"another digest of the base": {
			before: stageOf(step, base, run("RUN a")),
			now:    stageOf(step, image(step, "docker.io/library/busybox:latest", "bbbbbbbbbbbbbbbb"), run("RUN a")), op: 1,
			want: []string{"base FROM base (Dockerfile:1): busybox:latest was aaaaaaaaaaaa, is bbbbbbbbbbbb"},
		},
		"another base": {
			before: stageOf(step, base, run("RUN a")),
			now:    stageOf(step, image(step, "ghcr.io/acme/base:1", "bbbbbbbbbbbbbbbb"), run("RUN a")), op: 1,
			want: []string{"base FROM base (Dockerfile:1): base was busybox:latest aaaaaaaaaaaa, is ghcr.io/acme/base:1 bbbbbbbbbbbb"},
		},
		"another base, which an argument chose": {
			before: stageOf(step, chosen(step, "docker.io/library/busybox:latest", "aaaaaaaaaaaaaaaa"), run("RUN a")),
			now:    stageOf(step, chosen(step, "ghcr.io/acme/base:1", "bbbbbbbbbbbbbbbb"), run("RUN a")), op: 1,
			want: []string{"base FROM $BASE (Dockerfile:1): build argument BASE chose ghcr.io/acme/base:1 bbbbbbbbbbbb instead of busybox:latest aaaaaaaaaaaa"},
		},
		"base and files": {
			before: stageOf(step, base, copied("old")),
			now:    stageOf(step, image(step, "docker.io/library/busybox:latest", "bbbbbbbbbbbbbbbb"), copied("new")), op: 1,
			want: []string{
				"files COPY . . (Dockerfile:2): a changed; d is new; c is gone",
				"base FROM base (Dockerfile:1): busybox:latest was aaaaaaaaaaaa, is bbbbbbbbbbbb",
			},
		},
		"a stage that ran": {
			before: append([]Operation{builder("1")}, stageOf(step, base, from("COPY --from=builder /a /", builder("1")))...),
			now:    append([]Operation{builder("2")}, stageOf(step, base, from("COPY --from=builder /a /", builder("2")))...), op: 2,
			ran:  []digest.Digest{builder("2").Key},
			want: []string{"again COPY --from=builder /a / (Dockerfile:2): stage builder ran again"},
		},
		"a stage that was found, and is another": {
			before: append([]Operation{builder("1")}, stageOf(step, base, from("COPY --from=builder /a /", builder("1")))...),
			now:    append([]Operation{builder("2")}, stageOf(step, base, from("COPY --from=builder /a /", builder("2")))...), op: 2,
			want: []string{"stage COPY --from=builder /a / (Dockerfile:2): stage builder differs from the last time"},
		},
		"a stage that ran, with equal inputs": {
			before: append([]Operation{builder("1")}, stageOf(step, base, from("COPY --from=builder /a /", builder("1")))...),
			now:    append([]Operation{builder("1")}, stageOf(step, base, from("COPY --from=builder /a /", builder("1")))...), op: 2,
			ran:  []digest.Digest{builder("1").Key},
			want: []string{"again COPY --from=builder /a / (Dockerfile:2): stage builder ran again"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			made := ByStep(row.before, func(digest.Digest) bool { return true })[step]
			if row.made != nil {
				row.made(&made)
			}
			op := row.now[row.op]
			op.Asked = row.asked
			c := Case{
				Op: op, Step: step, Now: Of(step, row.now), Before: made,
				Ran:   func(key digest.Digest) bool { return slices.Contains(row.ran, key) },
				Files: func(name digest.Digest) Files { return lists[name] },
				Name:  func(string) string { return "builder" },
			}
			var got []string
			for _, r := range c.Reasons() {
				got = append(got, string(r.Kind)+" "+r.Text)
				if r.Line != op.Line || r.File == "" || (r.Follows > 0) != strings.Contains(r.Text, " follows COPY") || r.Follows >= op.Line {
					t.Errorf("another place: %+v", r)
				}
			}
			if diff := cmp.Diff(row.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestFilesAreCountedWhereTheyAreNotNamed(t *testing.T) {
	was, is := Files{"gone": "1"}, Files{}
	for i := range 20 {
		was[fmt.Sprint("same", i)], is[fmt.Sprint("same", i)] = "1", "1"
		was[fmt.Sprint("other", i)], is[fmt.Sprint("other", i)] = "1", "2"
		is[fmt.Sprint("new", i)] = "1"
	}
	d := is.differ(was)
	r := Case{}.told(release.ReasonFiles, d, d.text(changeWords))
	if r.Added != 20 || r.Removed != 1 || r.Modified != 20 || r.Modes != 0 || r.Kind != release.ReasonFiles {
		t.Errorf("%+v", r)
	}
	if diff := cmp.Diff([]string{"~other0", "~other1", "+new0", "+new1", "-gone"}, r.Names); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if want := ": other0, other1 and 18 more changed; new0, new1 and 18 more are new; gone is gone"; r.Text != want {
		t.Errorf("%q, want %q", r.Text, want)
	}
}

// Each command of git may change what it keeps for itself: that hides nothing else.
func TestWhatGitKeepsForItselfIsNamedLast(t *testing.T) {
	lists := map[digest.Digest]Files{
		"was": {".git/index": "1", ".git/HEAD": "1", "main.go": "1"}, "is": {".git/index": "2", ".git/HEAD": "2", "main.go": "1", "mail/mail.go": "1"},
		"git": {".git/index": "2", ".git/HEAD": "1", "main.go": "1"},
	}
	for _, row := range []struct {
		is, text string
		names    []string
	}{
		{"is", ": mail/mail.go is new; also 2 files of .git", []string{"+mail/mail.go", "~.git/HEAD", "~.git/index"}},
		{"git", ": .git/index changed", []string{"~.git/index"}},
	} {
		c := Case{Op: Operation{Files: digest.Digest(row.is)}, Files: func(name digest.Digest) Files { return lists[name] }}
		r := c.files(Operation{Files: "was"})[0]
		if diff := cmp.Diff(row.names, r.Names); diff != "" || r.Text != row.text || r.Added+r.Modified != len(row.names) {
			t.Errorf("%+v\n%s", r, diff)
		}
	}
}

func TestEachKindOfChangeOfAFileHasItsWord(t *testing.T) {
	file := func(is, mode, before string) string { return File{Is: is, Mode: mode, WithModeBefore: before}.String() }
	was := Files{"run": file("1", "0644", ""), "back": file("2", "0755", "1"), "both": file("1", "0644", ""), "same": file("1", "0644", ""), "old": "1", "new": "1"}
	is := Files{"run": file("2", "0755", "1"), "back": file("1", "0644", ""), "both": file("2", "0755", "3"), "same": file("1", "0644", ""), "old": "2", "new": file("1", "0644", "")}
	for i := range 5 {
		path := fmt.Sprint("z", i)
		was[path], is[path] = file("1", "0644", ""), file("2", "0600", "1")
	}
	d := is.differ(was)
	const want = "both and old changed; the mode of back was 0755, is 0644, of run was 0644, is 0755, of z0 was 0644, is 0600, and 4 more have another"
	if got := d.text(changeWords); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	if r := (Case{}).told(release.ReasonFiles, d, ""); r.Modified != 2 || r.Modes != 7 {
		t.Errorf("%+v", r)
	}
}

func TestWhatWasCompleteOnceIsRemembered(t *testing.T) {
	const step = "stage:web"
	base := image(step, "docker.io/library/busybox:latest", "aaaaaaaaaaaaaaaa")
	all := func(digest.Digest) bool { return true }
	made := func(text string) Made { return ByStep(stageOf(step, base, Operation{Text: text}), all)[step] }
	var record Made
	for _, text := range []string{"RUN a", "RUN b", "RUN a"} {
		record = made(text).After(record)
	}
	if !record.Same(made("RUN a").After(record)) {
		t.Error("the same again is another record")
	}
	for _, text := range []string{"RUN a", "RUN b"} {
		for _, op := range made(text).Operations {
			if !slices.Contains(record.Keys, op.Key) {
				t.Errorf("%s is forgotten", op.Text)
			}
		}
	}
	if record.Same(made("RUN b").After(record)) {
		t.Error("another one is the same record")
	}
	for i := range 1000 {
		record = made(fmt.Sprint("RUN ", i)).After(record)
	}
	if len(record.Keys) > 2*maxKeys {
		t.Errorf("%d keys", len(record.Keys))
	}
}

func TestWhatStagesShareIsOfEachOnItsOwnLine(t *testing.T) {
	at := func(step string, line int) Operation {
		text := fmt.Sprint("RUN ", step)
		return Operation{Key: "k", Stages: []string{step}, File: "Dockerfile", Line: line, Text: text, Places: []Place{{Step: step, Line: line, Text: text}}}
	}
	both := at("b", 7).With(at("a", 3)).With(at("b", 7))
	want := Operation{
		Key: "k", Stages: []string{"b", "a"}, File: "Dockerfile", Line: 3, Text: "RUN a",
		Places: []Place{{Step: "b", Line: 7, Text: "RUN b"}, {Step: "a", Line: 3, Text: "RUN a"}},
	}
	if diff := cmp.Diff(want, both); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	made := ByStep([]Operation{both}, nil)
	if a, b := made["a"].Operations[0].Written(), made["b"].Operations[0].Written(); a != "RUN a (Dockerfile:3)" || b != "RUN b (Dockerfile:7)" {
		t.Errorf("%s, %s", a, b)
	}
}
