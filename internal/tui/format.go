package tui

import (
	"fmt"
	"time"

	"github.com/dustin/go-humanize"
)

// Duration writes a duration for people: "430 ms", "1.2 s", "2 min 5 s", "3 h 10 min".
func Duration(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return "<1 ms"
	case d < 999500*time.Microsecond:
		return fmt.Sprintf("%d ms", d.Round(time.Millisecond).Milliseconds())
	case d < 59950*time.Millisecond:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d.Round(time.Second) < time.Hour:
		d = d.Round(time.Second)
		return fmt.Sprintf("%d min %d s", d/time.Minute, d%time.Minute/time.Second)
	default:
		d = d.Round(time.Minute)
		return fmt.Sprintf("%d h %d min", d/time.Hour, d%time.Hour/time.Minute)
	}
}

// ticking is Duration for something that still runs: whole seconds, so that it moves once a second; empty before that.
func ticking(d time.Duration) string {
	switch {
	case d < time.Second:
		return ""
	case d < time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	default:
		return Duration(d.Truncate(time.Second))
	}
}

// Ago writes a time as seen from now: "3 minutes ago".
func Ago(t, now time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return humanize.RelTime(t, now, "ago", "from now")
}

// Bytes writes a size in powers of 1000: "12 MB".
func Bytes(n int64) string { return humanize.Bytes(uint64(max(0, n))) }

// transfer writes how far one has come.
func transfer(current, total int64) string {
	switch {
	case total > 0:
		return Bytes(current) + " of " + Bytes(total)
	case current > 0:
		return Bytes(current)
	}
	return ""
}
