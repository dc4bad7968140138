package tui

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seaworthyhq/seaworthy/internal/event"
)

// crowded is a view of many stages of which a few run at once, by a clock of its own.
type crowded struct {
	*view
	now time.Time
}

func newCrowded(stages int) *crowded {
	c := &crowded{now: time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC)}
	c.view = newView(c.now)
	graph := event.Graph{}
	for i := range stages {
		graph.Steps = append(graph.Steps, event.Node{Key: fmt.Sprintf("stage:s%d", i), Name: fmt.Sprintf("s%d", i), Role: checkRole})
	}
	c.apply(event.Event{Graph: &graph}, c.now)
	return c
}

// instruction has the one instruction of a stage begin or end.
func (c *crowded) instruction(i int, state event.State) {
	key := fmt.Sprintf("stage:s%d", i)
	c.apply(event.Event{Instruction: &event.Instruction{Digest: key, Steps: []string{key}, Text: "RUN make", State: state}}, c.now)
	c.apply(event.Event{Step: &event.Step{Key: key, State: state}}, c.now)
}

func (c *crowded) log(i, lines int) {
	for n := range lines {
		c.apply(event.Event{Log: &event.Log{Step: fmt.Sprintf("stage:s%d", i), Line: fmt.Sprintf("line %d", n)}}, c.now)
	}
}

// look is the next frame.
func (c *crowded) look(height int) []string {
	c.now = c.now.Add(tick)
	return c.frame(Output{Width: 79}, height, false, c.now)
}

// at is the row in which a frame has a stage, -1 if it is not seen.
func at(frame []string, stage int) int {
	return slices.IndexFunc(frame, func(row string) bool { return strings.Contains(row, fmt.Sprintf(" s%d ", stage)) })
}

func TestInACrowdRowsStayInTheirPlaces(t *testing.T) {
	const running = 5
	c := newCrowded(200)
	before := map[int]int{}
	var runs []int
	for next := range 200 {
		c.instruction(next, event.Started)
		c.log(next, next%7)
		if runs = append(runs, next); len(runs) > running {
			ends := next % running
			c.instruction(runs[ends], event.Done)
			runs = slices.Delete(runs, ends, ends+1)
		}
		frame := c.look(24)
		after := map[int]int{}
		for _, i := range runs {
			if after[i] = at(frame, i); after[i] < 0 {
				t.Fatalf("stage %d runs and is not seen:\n%s", i, strings.Join(frame, "\n"))
			}
			if was, ok := before[i]; ok && next > 3*running && was != after[i] {
				t.Fatalf("stage %d went from row %d to row %d:\n%s", i, was, after[i], strings.Join(frame, "\n"))
			}
		}
		before = after
	}
}

func TestInACrowdFailuresComeFirst(t *testing.T) {
	c := newCrowded(100)
	for i := range 20 {
		c.instruction(i, event.Started)
	}
	c.look(12)
	c.log(19, 40)
	c.instruction(19, event.Failed)
	c.instruction(0, event.Done)
	frame := c.look(12)
	if at(frame, 19) != 0 {
		t.Errorf("the failure is not in the first row:\n%s", strings.Join(frame, "\n"))
	}
	if want := "  and 13 run, 80 wait, 1 done"; !slices.Contains(frame, want) {
		t.Errorf("there is no %q:\n%s", want, strings.Join(frame, "\n"))
	}
	if len(frame) != 12 {
		t.Errorf("%d lines in a window of 12", len(frame))
	}
}

func TestInACrowdPlacesThatAreNotNeededAreGivenBack(t *testing.T) {
	c := newCrowded(100)
	for i := range 10 {
		c.instruction(i, event.Started)
	}
	c.look(24)
	for i := range 9 {
		c.instruction(i, event.Done)
	}
	c.log(9, 9)
	if frame := c.look(24); at(frame, 9) != at(frame, 0)+9 {
		t.Errorf("what runs has moved:\n%s", strings.Join(frame, "\n"))
	}
	c.now = c.now.Add(settling)
	want := []string{"⠸ s9   check  RUN make", "  │ line 6", "  │ line 7", "  │ line 8", "✓ s8   check  1 instruction"}
	frame := c.look(24)
	for i := range frame {
		frame[i], _, _ = strings.Cut(frame[i], "    ")
	}
	if diff := cmp.Diff(want, frame[:5]); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestInACrowdAStageThatWaitsForItsTurnMakesWayForWhatRuns(t *testing.T) {
	c := newCrowded(100)
	for i := range 60 {
		c.instruction(i, event.Started)
		if i != 50 { // between two instructions
			key := fmt.Sprintf("stage:s%d", i)
			c.apply(event.Event{Instruction: &event.Instruction{Digest: key, Steps: []string{key}, State: event.Done}}, c.now)
		}
	}
	frame := c.look(24)
	if at(frame, 50) != 0 || !slices.Contains(frame, "  and 79 wait") {
		t.Errorf("it shows:\n%s", strings.Join(frame, "\n"))
	}
}

func TestInACrowdWhatStartsTogetherIsInTheOrderOfTheGraph(t *testing.T) {
	c := newCrowded(100)
	for _, i := range []int{5, 3, 9} {
		c.instruction(i, event.Started)
		c.now = c.now.Add(time.Millisecond)
	}
	frame := c.look(24)
	if at(frame, 3) != 0 || at(frame, 5) != 1 || at(frame, 9) != 2 {
		t.Errorf("it shows:\n%s", strings.Join(frame, "\n"))
	}
	other := newCrowded(100)
	for _, i := range []int{5, 9, 3} {
		other.instruction(i, event.Started)
		other.now = other.now.Add(time.Millisecond)
	}
	if frame := other.look(5); at(frame, 5) != 0 || at(frame, 9) != 1 { // for two there is room
		t.Errorf("it shows:\n%s", strings.Join(frame, "\n"))
	}
}

func TestInACrowdTheRowsThatAreLeftHaveWhatEndedLastAndWhatWaits(t *testing.T) {
	c := newCrowded(28)
	for i := range 4 {
		c.instruction(i, event.Started)
		c.instruction(i, event.Done)
	}
	for i := range 4 {
		c.instruction(4+i, event.Started)
	}
	c.now = c.now.Add(time.Minute)
	frame := c.look(23)
	if len(frame) != 23 {
		t.Errorf("%d lines in a window of 23", len(frame))
	}
	for i := range 20 {
		if at(frame, i) < 0 {
			t.Errorf("there is no stage %d", i)
		}
	}
	if want := "  and 8 wait"; !slices.Contains(frame, want) {
		t.Errorf("there is no %q:\n%s", want, strings.Join(frame, "\n"))
	}
}

func TestInACrowdWhatIsShownBesideWhatRunsStaysInItsPlace(t *testing.T) {
	const running = 4
	c := newCrowded(201)
	before := map[int]int{}
	for next := range 150 {
		c.instruction(next, event.Started)
		c.log(next, next%7)
		if next >= running {
			c.instruction(next-running, event.Done)
		}
		c.now = c.now.Add(breath)
		frame := c.look(23)
		if len(frame) != 23 {
			t.Fatalf("%d lines in a window of 23:\n%s", len(frame), strings.Join(frame, "\n"))
		}
		after := map[int]int{}
		for i := range 201 {
			row := at(frame, i)
			if row < 0 {
				continue
			}
			after[i] = row
			runs := i <= next && i > next-2*running // it starts, or has just made way
			if was, ok := before[i]; ok && next > 5*running && !runs && was != row {
				t.Fatalf("stage %d went from row %d to row %d:\n%s", i, was, row, strings.Join(frame, "\n"))
			}
		}
		if slices.Contains(frame, strings.TrimRight(listMargin, " ")) {
			t.Fatalf("an empty line of log:\n%s", strings.Join(frame, "\n"))
		}
		before = after
	}
}
