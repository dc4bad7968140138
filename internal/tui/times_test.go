package tui

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

func TestTimesAreATableWithTheCriticalPath(t *testing.T) {
	at := func(seconds float64) time.Time {
		return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).Add(time.Duration(seconds * float64(time.Second)))
	}
	spell := func(from, to float64) release.Spell { return release.Spell{Started: at(from), Ended: at(to)} }
	times := release.Times{
		Steps: []release.StepRun{
			{Key: "stage:base", Name: "base", Role: "image", State: "cached"},
			{
				Key: "stage:builder", Name: "builder", Role: "image", State: "done", Queued: at(0), Started: at(0.01), Ended: at(10), Bytes: 4_200_000,
				Worked: release.Spells{spell(0.01, 2), spell(4, 10)}, Waited: 10 * time.Millisecond,
			},
			{
				Key: "stage:test", Name: "test", Role: "check", State: "done", Queued: at(5), Started: at(6.5), Ended: at(9),
				Worked: release.Spells{spell(6.5, 9)}, Waited: 1500 * time.Millisecond,
				Because: []release.Reason{{Text: "COPY . . (Dockerfile:3): main_test.go changed"}}, Tests: release.Tests{Total: 12, Skipped: 1},
			},
			{Key: "stage:bench", Name: "bench", Role: "check", State: "skipped"},
			{Key: "stage:web", Name: "web", Role: "image", State: "done", Queued: at(0), Started: at(0), Ended: at(12), Worked: release.Spells{spell(0, 0.5), spell(10, 12)}},
		},
		Path: []release.Leg{
			{Step: "stage:web", Spell: spell(0, 0.0001)},
			{Step: "stage:builder", Line: 7, Text: "RUN --mount=type=cache,target=/c go build ./... && go vet ./... && echo and so on", Spell: spell(0, 10)},
			{Step: "stage:web", Line: 12, Text: "COPY --from=builder /app /app", Spell: spell(10, 12), Waited: 1200 * time.Millisecond},
		},
		Took: 12100 * time.Millisecond,
	}
	for width, want := range map[int]string{
		0: `step     role   state    began   waited  took   fetched  timeline
base     image  cached
builder  image  done     +10 ms  10 ms   8.0 s  4.2 MB   ━━━━━━━━━━━━━━━━━━━━━━━━━
test     check  done     +6.5 s  1.5 s   2.5 s           ················───────
  COPY . . (Dockerfile:3): main_test.go changed
  12 tests, 1 skipped
bench    check  skipped
web      image  done     0               2.5 s           ─························━━━━━
timeline: ━ on the critical path, ─ beside it, · nothing is done
critical path of 12.1 s: builder 10.0 s (line 7: RUN go build ./... && go vet ./... && e…) → web 2.0 s (line 12: COPY --from=builder /app /app, after 1.2 s in the queue)
`,
		50: `step     role   state    began   waited  took
base     image  cached
builder  image  done     +10 ms  10 ms   8.0 s
test     check  done     +6.5 s  1.5 s   2.5 s
  COPY . . (Dockerfile:3): main_test.go changed
  12 tests, 1 skipped
bench    check  skipped
web      image  done     0               2.5 s
no room for timeline, fetched: all of it takes 87
columns
critical path of 12.1 s: builder 10.0 s (line 7:
  RUN go build ./... && go vet ./... && e…) → web
  2.0 s (line 12: COPY --from=builder /app /app,
  after 1.2 s in the queue)
`,
	} {
		var b bytes.Buffer
		if err := WriteTimes(Output{Writer: &b, Width: width}, times, false); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, b.String()); diff != "" {
			t.Errorf("width %d (-want +got):\n%s", width, diff)
		}
	}
}

func TestTimesOfWhatWasCachedSayNothingOfAPath(t *testing.T) {
	var b bytes.Buffer
	if err := WriteTimes(Output{Writer: &b}, release.Times{Steps: []release.StepRun{{Key: "stage:web", Name: "web", Role: "image", State: "cached"}, {Key: "stage:debug", Name: "debug", Role: "check", State: "cached", Empty: true}}}, false); err != nil {
		t.Fatal(err)
	}
	if want := "step   role   state\nweb    image  cached\ndebug  check  nothing to run\n"; b.String() != want {
		t.Errorf("%q", b.String())
	}
}

func TestAPathOfManyLegsNamesThoseThatTheTimeWentTo(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	times := release.Times{Took: 5 * time.Second}
	for i := range 150 {
		key, took := "s"+itoa(i), 10*time.Millisecond
		switch i {
		case 0, 70, 72:
			took = time.Second
		}
		times.Steps = append(times.Steps, release.StepRun{Key: key, Name: key})
		times.Path = append(times.Path, release.Leg{Step: key, Spell: release.Spell{Started: at, Ended: at.Add(took)}})
		at = at.Add(took)
	}
	want := "critical path of 5.0 s: s0 1.0 s → 69 others 690 ms → s70 1.0 s → s71 10 ms → s72 1.0 s → 77 others 770 ms"
	if diff := cmp.Diff(want, PathLine(times, false)); diff != "" {
		t.Error(diff)
	}
	if all := PathLine(times, true); strings.Count(all, "→") != 149 {
		t.Error(all)
	}
	times.Path = times.Path[1:9] // few: all are named
	if few := PathLine(times, false); strings.Count(few, "→") != 7 {
		t.Error(few)
	}
}
