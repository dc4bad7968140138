package release

import (
	"slices"
	"time"
)

// Spell is a stretch of time, by the engine's clock.
type Spell struct {
	Started time.Time `json:"started"` // its begin
	Ended   time.Time `json:"ended"`   // its end
}

// Took is how long it lasted.
func (s Spell) Took() time.Duration { return s.Ended.Sub(s.Started) }

// Spells are stretches of time.
type Spells []Spell

// Took is how long all of them lasted; what two of them share counts twice, unless they are joined.
func (all Spells) Took() (took time.Duration) {
	for _, s := range all {
		took += s.Took()
	}
	return took
}

// Joined are the spells in order of time, without those that overlap or follow each other within a pause: these are one.
func (all Spells) Joined(pause time.Duration) Spells {
	var joined Spells
	for _, s := range slices.SortedFunc(slices.Values(all), func(a, b Spell) int { return a.Started.Compare(b.Started) }) {
		last := len(joined) - 1
		switch {
		case last < 0 || s.Started.Sub(joined[last].Ended) > pause:
			joined = append(joined, s)
		case s.Ended.After(joined[last].Ended):
			joined[last].Ended = s.Ended
		}
	}
	return joined
}

// Since is what of the spells lies between two times; one without an end lasts until the second.
func (all Spells) Since(from, to time.Time) Spells {
	var within Spells
	for _, s := range all {
		if s.Started.Before(from) {
			s.Started = from
		}
		if s.Ended.IsZero() || s.Ended.After(to) {
			s.Ended = to
		}
		if !s.Ended.Before(s.Started) {
			within = append(within, s)
		}
	}
	return within
}

// Without is what is left of joined spells when others, joined as well, are cut out of them.
func (all Spells) Without(others Spells) Spells {
	var left Spells
	for _, s := range all {
		for _, o := range others {
			if !o.Ended.After(s.Started) || !o.Started.Before(s.Ended) {
				continue
			}
			if o.Started.After(s.Started) {
				left = append(left, Spell{s.Started, o.Started})
			}
			if s.Started = o.Ended; !s.Started.Before(s.Ended) {
				break
			}
		}
		if s.Started.Before(s.Ended) {
			left = append(left, s)
		}
	}
	return left
}
