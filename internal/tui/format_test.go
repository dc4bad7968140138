package tui

import (
	"testing"
	"time"
)

func TestDurationsReadAsPeopleSayThem(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0:                                       "<1 ms",
		430 * time.Millisecond:                  "430 ms",
		999400 * time.Microsecond:               "999 ms",
		999900 * time.Microsecond:               "1.0 s",
		1234 * time.Millisecond:                 "1.2 s",
		59960 * time.Millisecond:                "1 min 0 s",
		125 * time.Second:                       "2 min 5 s",
		59*time.Minute + 59600*time.Millisecond: "1 h 0 min",
		190 * time.Minute:                       "3 h 10 min",
	} {
		if got := Duration(d); got != want {
			t.Errorf("Duration(%v) = %q, want %q", d, got, want)
		}
	}
}

func TestTimesAreSeenFromNow(t *testing.T) {
	now := time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC)
	for ago, want := range map[time.Duration]string{
		0: "now", 3 * time.Minute: "3 minutes ago", 26 * time.Hour: "1 day ago", -2 * time.Hour: "2 hours from now",
	} {
		if got := Ago(now.Add(-ago), now); got != want {
			t.Errorf("%v: %q, want %q", ago, got, want)
		}
	}
	if got := Ago(time.Time{}, now); got != "never" {
		t.Errorf("no time at all: %q", got)
	}
}
