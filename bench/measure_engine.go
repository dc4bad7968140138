package main

import (
	"context"
	"errors"
	"time"
)

// measureEngine starts engine and daemons again and again with the same state, and then looks at what they hold when idle.
func measureEngine(ctx context.Context, l *lab) ([]table, error) {
	s, err := l.site(ctx)
	if err != nil {
		return nil, err
	}
	d, err := l.docker(ctx)
	if err != nil {
		return nil, err
	}
	got, err := interleave(ctx, l.rounds(7),
		subject{"seaworthy engine run, and its edge", func(ctx context.Context) (float64, error) {
			if err := s.stop(); err != nil {
				return 0, err
			}
			return timed(func() error { return s.start(ctx) })
		}},
		subject{"containerd, then dockerd", func(ctx context.Context) (float64, error) {
			if err := d.stop(); err != nil {
				return 0, err
			}
			return timed(func() error { return d.start(ctx) })
		}},
	)
	if err != nil {
		return nil, err
	}
	start := table{Title: "engine: start until it can build", Unit: "ms", Lines: []line{own(got[0]).most(200), beside(got[0], got[1])}}
	memory, err := memoryTable(ctx, "memory when idle, started and nothing done", s, d)
	return []table{start, memory}, err
}

// measureMemory looks at what is held after a day's work.
func measureMemory(ctx context.Context, l *lab) ([]table, error) {
	if _, err := l.serveOurs(ctx, "app", nil); err != nil {
		return nil, err
	}
	d, _, err := l.serveDockers(ctx, "docker")
	if err != nil {
		return nil, err
	}
	memory, err := memoryTable(ctx, "memory when idle, after builds and with what runs", l.ourSite, d)
	return []table{memory}, err
}

// settling is how long processes have to become idle.
const settling = 8 * time.Second

func memoryTable(ctx context.Context, title string, s *site, d *docker) (table, error) {
	select {
	case <-time.After(settling):
	case <-ctx.Done():
		return table{}, context.Cause(ctx)
	}
	t := table{Title: title, Unit: "MB"}
	engine, err := memoryOf("seaworthy: engine and edge", append(s.edge(), s.engine.pid())...)
	theirs, terr := memoryOf("dockerd and containerd", d.dockerd.pid(), d.containerd.pid())
	t.Lines = append(t.Lines, own(engine.resident).most(80), beside(engine.resident, theirs.resident))
	t.Lines = append(t.Lines, own(engine.proportional), own(theirs.proportional))
	only, oerr := memoryOf("of it the edge", s.edge()...)
	t.Lines = append(t.Lines, own(only.resident))
	if shims := s.shims(); len(shims) > 0 {
		each, err := memoryOf("seaworthy's shims, each", shims...)
		t.Lines = append(t.Lines, own(each.of(len(shims)).proportional))
		theirs, terr := memoryOf("docker's shims, each", d.shims()...)
		t.Lines = append(t.Lines, own(theirs.of(len(d.shims())).proportional))
		oerr = errors.Join(oerr, err, terr)
	}
	return t, errors.Join(err, terr, oerr)
}

// memory of processes together.
type memory struct{ resident, proportional series }

func memoryOf(name string, pids ...int) (memory, error) {
	var rss, pss float64
	for _, pid := range pids {
		r, p, err := megabytes(pid)
		if err != nil {
			return memory{}, err
		}
		rss, pss = rss+r, pss+p
	}
	return memory{series{name + ", RSS", []float64{rss}}, series{name + ", PSS", []float64{pss}}}, nil
}

func (m memory) of(n int) memory {
	m.resident.Samples[0] /= float64(max(n, 1))
	m.proportional.Samples[0] /= float64(max(n, 1))
	return m
}
