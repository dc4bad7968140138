package main

import (
	"context"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestAllThatFailsUnderLoadIsCounted(t *testing.T) {
	for name, tc := range map[string]struct {
		out  string
		want wrkSummary
	}{
		"nothing": {"  1200 requests in 2.00s, 1MB read\nRequests/sec:    600.25\n", wrkSummary{requests: 1200, perSecond: 600.25}},
		"everything": {
			"  1200 requests in 2.00s, 1MB read\n  Socket errors: connect 1, read 20, write 300, timeout 4000\n  Non-2xx or 3xx responses: 50000\nRequests/sec:    600.25\n",
			wrkSummary{requests: 1200, perSecond: 600.25, failed: 54321},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := readWrk([]byte(tc.out))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got, cmp.AllowUnexported(wrkSummary{})); diff != "" {
				t.Error(diff)
			}
		})
	}
	if _, err := readWrk([]byte("unable to connect to 127.0.0.1:80")); err == nil {
		t.Error("a wrk that asked nothing counts as one without failures")
	}
}

func TestRoundsTakeTurnsAndTheFirstIsNotCounted(t *testing.T) {
	var order strings.Builder
	took := 0.0
	one := func(name string) subject {
		return subject{name, func(context.Context) (float64, error) {
			order.WriteString(name)
			took++
			return took, nil
		}}
	}
	got, err := interleave(t.Context(), 2, one("a"), one("b"))
	if err != nil {
		t.Fatal(err)
	}
	if order.String() != "abbaab" {
		t.Errorf("order is %s", order.String())
	}
	want := []series{{"a", []float64{4, 5}}, {"b", []float64{3, 6}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]float64{3, 5}, fastest("both", got...).Samples); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]float64{4. / 3, 5. / 6}, got[0].over(got[1])); diff != "" {
		t.Error(diff)
	}
}

func TestSpread(t *testing.T) {
	for _, tc := range []struct{ values, want []float64 }{
		{nil, []float64{0, 0, 0}},
		{[]float64{3}, []float64{3, 3, 3}},
		{[]float64{9, 1, 2}, []float64{2, 1, 9}},
		{[]float64{4, 9, 1, 2}, []float64{3, 1, 9}},
	} {
		median, low, high := spread(tc.values)
		if diff := cmp.Diff(tc.want, []float64{median, low, high}, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%v: %s", tc.values, diff)
		}
	}
}

func TestAGoalIsForTheRatioWhereThereIsOne(t *testing.T) {
	ours, theirs := series{"ours", []float64{10, 30}}, series{"theirs", []float64{40, 40}}
	if g := beside(ours, theirs).most(0.5).Goal; !g.Met {
		t.Error("half of theirs is not met by half of theirs")
	}
	if g := own(ours).most(19).Goal; g.Met {
		t.Error("19 is met by 20")
	}
}

func TestAStepIsTimedFromItsEvent(t *testing.T) {
	events := `{"type":"step","time":"2026-01-02T03:04:05Z","step":{"key":"stage:builder","state":"started"}}
{"type":"step","time":"2026-01-02T03:04:06Z","step":{"key":"rollout:start web-1","state":"started"}}
{"type":"step","time":"2026-01-02T03:04:07Z","step":{"key":"rollout:start web-2","state":"started"}}
`
	got, err := stepBegan(strings.NewReader(events), "start ")
	if err != nil || !got.Equal(time.Date(2026, 1, 2, 3, 4, 6, 0, time.UTC)) {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := stepBegan(strings.NewReader(events), "stop "); err == nil {
		t.Error("a step that was not begun has a time")
	}
}

func TestBuildKitIsAsOldAsTheOneThatIsEmbedded(t *testing.T) {
	version := func(path string) string {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		found := regexp.MustCompile(`github.com/moby/buildkit (v\S+)`).FindSubmatch(b)
		if found == nil {
			t.Fatalf("%s names no BuildKit", path)
		}
		return string(found[1])
	}
	if ours, theirs := version("../go.mod"), version("peers/go.mod"); ours != theirs {
		t.Errorf("Seaworthy embeds %s, and is compared with %s", ours, theirs)
	}
}
