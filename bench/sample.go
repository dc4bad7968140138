package main

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// subject is one of those that are measured in turns.
type subject struct {
	name string
	once func(ctx context.Context) (float64, error)
}

// interleave measures each subject once a round, so that what disturbs the machine disturbs all of them. The first round is
// not counted; each round begins with another subject.
func interleave(ctx context.Context, rounds int, subjects ...subject) ([]series, error) {
	out := make([]series, len(subjects))
	for round := range rounds + 1 {
		for i := range subjects {
			at := (i + round) % len(subjects)
			s := subjects[at]
			v, err := s.once(ctx)
			if err == nil {
				err = context.Cause(ctx)
			}
			if err != nil {
				return nil, fmt.Errorf("%s: %w", s.name, err)
			}
			out[at].Name = s.name
			if round > 0 {
				out[at].Samples = append(out[at].Samples, v)
			}
		}
	}
	return out, nil
}

// series is what was measured of one subject, round by round.
type series struct {
	Name    string
	Samples []float64
}

// fastest has the least of all series in each round.
func fastest(name string, all ...series) series {
	out := series{Name: name, Samples: slices.Clone(all[0].Samples)}
	for _, s := range all[1:] {
		for i, v := range s.Samples {
			out.Samples[i] = min(out.Samples[i], v)
		}
	}
	return out
}

// over is how much s is of other, round by round.
func (s series) over(other series) []float64 {
	var ratios []float64
	for i := range min(len(s.Samples), len(other.Samples)) {
		ratios = append(ratios, s.Samples[i]/other.Samples[i])
	}
	return ratios
}

// spread is the median, the least and the most.
func spread(values []float64) (median, low, high float64) {
	if len(values) == 0 {
		return 0, 0, 0
	}
	v := slices.Sorted(slices.Values(values))
	median = v[len(v)/2]
	if len(v)%2 == 0 {
		median = (v[len(v)/2-1] + v[len(v)/2]) / 2
	}
	return median, v[0], v[len(v)-1]
}

// timed is how long f takes, in milliseconds.
func timed(f func() error) (float64, error) {
	begin := time.Now()
	err := f()
	return milliseconds(time.Since(begin)), err
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
