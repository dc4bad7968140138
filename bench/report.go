package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// table is what one measure has found: the first line is Seaworthy's, the others are those that it is set beside.
type table struct {
	Title string   `json:"title"`
	Unit  string   `json:"unit"`
	Lines []line   `json:"lines"`
	Notes []string `json:"notes,omitempty"`
}

type line struct {
	Name    string    `json:"name"`
	Samples []float64 `json:"samples"`
	// Ratios are Seaworthy's samples over these, round by round; none in lines of Seaworthy's own.
	Ratios []float64 `json:"ratios,omitempty"`
	Goal   *goal     `json:"goal,omitempty"`
}

// goal is the most that the median should be: of the ratios, or of the samples where there are none.
type goal struct {
	Most float64 `json:"most"`
	Met  bool    `json:"met"`
}

// own is a line of Seaworthy's.
func own(s series) line { return line{Name: s.Name, Samples: s.Samples} }

// beside is the line of a peer.
func beside(ours, peer series) line {
	return line{Name: peer.Name, Samples: peer.Samples, Ratios: ours.over(peer)}
}

// most sets the goal.
func (l line) most(limit float64) line {
	values := l.Ratios
	if values == nil {
		values = l.Samples
	}
	median, _, _ := spread(values)
	l.Goal = &goal{Most: limit, Met: median <= limit}
	return l
}

func writeJSON(w io.Writer, tables []table) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(tables)
}

func printTables(w io.Writer, tables []table) {
	for _, t := range tables {
		fmt.Fprintf(w, "\n%s\n", t.Title)
		tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		for _, l := range t.Lines {
			fmt.Fprintf(tw, "  %s\t%s\t%s\t%s\n", l.Name, figures(l.Samples, t.Unit), figures(l.Ratios, "×"), l.Goal.text(l, t.Unit))
		}
		tw.Flush() //nolint:errcheck // it goes to the terminal
		for _, n := range t.Notes {
			fmt.Fprintln(w, "  "+n)
		}
	}
	fmt.Fprintln(w)
}

func (g *goal) text(l line, unit string) string {
	if g == nil {
		return ""
	}
	if l.Ratios != nil {
		unit = "×"
	}
	verdict := "met"
	if !g.Met {
		verdict = "missed"
	}
	return fmt.Sprintf("goal ≤ %s: %s", figure(g.Most, unit), verdict)
}

// figures are a median with the least and the most.
func figures(values []float64, unit string) string {
	median, low, high := spread(values)
	switch len(values) {
	case 0:
		return ""
	case 1:
		return figure(median, unit)
	}
	number := func(v float64) string { return strings.TrimSuffix(figure(v, unit), " "+unit) }
	return fmt.Sprintf("%s (%s–%s)", figure(median, unit), number(low), number(high))
}

func figure(v float64, unit string) string {
	switch {
	case unit == "×":
		return fmt.Sprintf("%.2f ×", v)
	case v == 0 || v >= 100:
		return fmt.Sprintf("%.0f %s", v, unit)
	}
	return fmt.Sprintf("%.1f %s", v, unit)
}
