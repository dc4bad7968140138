package tui

import (
	"bytes"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"
)

func TestATimelineIsDrawnInLessRoom(t *testing.T) {
	for _, row := range []struct {
		bar     string
		columns int
		want    string
	}{
		{strings.Repeat("━", barWidth), 15, strings.Repeat("━", 15)},
		{strings.Repeat("·", 10) + strings.Repeat("─", 20), 15, "·····──────────"},
		{strings.Repeat("·", 29) + "━", 15, "··············━"},
		{"─", 15, "─"},
		{"━━─", 20, "━━"},
		{"", 15, ""},
	} {
		if diff := cmp.Diff(row.want, squeeze(row.bar, row.columns)); diff != "" {
			t.Errorf("%s in %d columns: -want +got\n%s", row.bar, row.columns, diff)
		}
	}
}

func TestATimelineTakesTheRoomThereIs(t *testing.T) {
	bar := strings.Repeat("·", 15) + strings.Repeat("━", 15)
	for width, want := range map[int]string{0: bar, 60: bar, 30: "··········━━━━━━━━━━", 17: ""} {
		table := NewTable("step", "timeline").Spare("timeline").Explain("timeline", "━ marks")
		table.Add(Text("base"), Text(""))
		table.Add(Text("builders"), Text(bar))
		fitTimeline(table, width)
		var b bytes.Buffer
		if err := table.Write(Output{Writer: &b, Width: width}); err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(b.String(), "\n")
		if got := strings.TrimPrefix(strings.TrimPrefix(lines[2], "builders"), "  "); got != want || width > 0 && ansi.StringWidth(lines[2]) > width {
			t.Errorf("in %d columns it is %q, not %q", width, got, want)
		}
		if explained := strings.Contains(b.String(), "━ marks"); explained != (want != "") {
			t.Errorf("in %d columns:\n%s", width, b.String())
		}
	}
}
