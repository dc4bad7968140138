package tui

import (
	"testing"
	"time"

	"github.com/seaworthyhq/seaworthy/internal/event"
)

func TestALineOfFourStagesNamesThemAll(t *testing.T) {
	v := newView(time.Now())
	keys := []string{"stage:a", "stage:b", "stage:c", "stage:d"}
	for _, key := range keys {
		v.step(key)
	}
	if got, want := v.logName(event.Log{Steps: keys}), "a, b, c, d"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
