package tui

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/phrase"
)

// planLines are a plan, set apart: its title, what the project's history has had since, what happens to each service and why,
// and what is done in which order.
func planLines(o Output, p event.Plan) []string {
	title := cleanLines(p.Text)
	if len(title) == 0 {
		return nil
	}
	lines := []string{"", o.Paint(Strong, title[0])}
	if len(p.Changes) == 0 { // of an engine that says no more
		return append(append(lines, title[1:]...), "")
	}
	if since := sinceLines(o, p.Since); len(since) > 0 {
		lines = append(append(lines, since...), "")
	}
	width := 0
	for _, c := range p.Changes {
		width = max(width, ansi.StringWidth(Clean(c.Service)))
	}
	for _, c := range p.Changes {
		lines = append(lines, changeLines(o, c, width)...)
	}
	if len(p.Rounds) > 0 {
		lines = append(lines, "")
	}
	for i, round := range p.Rounds {
		lines = append(lines, hanging(o, fmt.Sprintf("%3d. ", i+1), Clean(round))...)
	}
	return append(lines, "")
}

// planWarnings is what of a plan is told to who wants to hear warnings only.
func planWarnings(o Output, p event.Plan) []string {
	var lines []string
	for _, c := range p.Changes {
		for _, warning := range warningsOf(c) {
			lines = append(lines, hanging(o, "", o.Paint(Warning, "! "+Clean(c.Service)+": "+Clean(warning)))...)
		}
	}
	return lines
}

// hanging is a text behind its head, on a narrow terminal in several lines: of a plan nothing is cut off.
func hanging(o Output, head, text string) []string {
	const narrowest = 20
	indent := ansi.StringWidth(head)
	if o.Width <= 0 || o.Width-indent < narrowest {
		return []string{head + text}
	}
	lines := wrap(text, o.Width-indent)
	for i := range lines {
		if i == 0 {
			lines[i] = head + lines[i]
		} else {
			lines[i] = strings.Repeat(" ", indent) + lines[i]
		}
	}
	return lines
}

// sinceLines are the commits since the release that serves was made.
func sinceLines(o Output, s *event.Since) []string {
	if s == nil || len(s.Commits)+len(s.Dirty)+s.Behind == 0 {
		return nil
	}
	head := phrase.Count(len(s.Commits)+s.More, "commit")
	if n := len(s.Dirty); n > 0 {
		head += ", " + phrase.Count(n, "path") + " not committed"
	}
	lines := []string{"  " + o.Paint(Dim, "since "+Clean(short(s.Commit))+", which serves: "+head)}
	if s.Behind > 0 {
		lines = append(lines, "    "+o.Paint(Warning, "! "+phrase.Count(s.Behind, "commit")+" of what serves "+areNot(s.Behind)+" in this checkout"))
	}
	for _, c := range s.Commits {
		lines = append(lines, hanging(o, "    "+o.Paint(Dim, Clean(c.Hash))+" ", oneLine(c.Subject))...)
	}
	if s.More > 0 {
		lines = append(lines, o.Paint(Dim, "    and "+itoa(s.More)+" more"))
	}
	if len(s.Changed) > 0 && len(s.Commits) > 0 { // without commits, they are those that are not committed
		lines = append(lines, hanging(o, "    "+o.Paint(Dim, "changed: "), phrase.First(cleaned(s.Changed), namesListed))...)
	}
	if len(s.Dirty) > 0 {
		lines = append(lines, hanging(o, "    "+o.Paint(Warning, "not committed: "), phrase.First(cleaned(s.Dirty), namesListed))...)
	}
	return lines
}

func cleaned(paths []string) []string {
	all := make([]string, len(paths))
	for i, path := range paths {
		all[i] = Clean(path)
	}
	return all
}

func areNot(n int) string {
	if n == 1 {
		return "is not"
	}
	return "are not"
}

// short is a commit's hash as people write it.
func short(hash string) string { return hash[:min(len(hash), 7)] }

// kindMarks stand before the services, so that a glance tells what happens.
var kindMarks = map[event.ChangeKind]struct {
	mark string
	tone Tone
}{
	event.Added:   {"+", Good},
	event.Changed: {"~", Warning},
	event.Removed: {"-", Bad},
}

func changeLines(o Output, c event.Change, width int) []string {
	kind, changes := kindMarks[c.Kind]
	if !changes {
		return []string{o.Paint(Dim, "    "+pad(Clean(c.Service), width)+"  "+Clean(c.Action))}
	}
	indent := strings.Repeat(" ", width+6)
	lines := []string{"  " + o.Paint(kind.tone, kind.mark) + " " + o.Paint(Strong, pad(Clean(c.Service), width)) + "  " + Clean(c.Action)}
	for _, cause := range c.Causes {
		if cause == "new" { // the mark says so
			continue
		}
		lines = append(lines, hanging(o, indent, Clean(cause))...)
		if strings.HasPrefix(cause, "image ") {
			for _, reason := range c.Because {
				lines = append(lines, hanging(o, indent+"  ", o.Paint(Dim, Clean(reason)))...)
			}
		}
	}
	for _, p := range c.Ports {
		if p.New {
			lines = append(lines, indent+portLine(o, p))
		}
	}
	for _, warning := range warningsOf(c) {
		lines = append(lines, hanging(o, indent, o.Paint(Warning, "! "+Clean(warning)))...)
	}
	return lines
}

func warningsOf(c event.Change) []string {
	return slices.DeleteFunc([]string{c.Interruption, c.Warning}, func(w string) bool { return w == "" })
}

func portLine(o Output, p event.Port) string {
	published := "a port that the engine chooses"
	if p.Published > 0 {
		published = strconv.Itoa(p.Published)
	}
	if p.HostIP != "" {
		published = net.JoinHostPort(Clean(p.HostIP), published)
	}
	line := "port " + published + " → " + strconv.Itoa(p.Target)
	if p.Protocol == "udp" {
		line += "/udp"
	}
	if p.World {
		line += "  " + o.Paint(Warning, "! the world can reach it")
	}
	return line
}

// planOutcome counts what a plan that nothing follows would do.
func planOutcome(o Output, p event.Plan) string {
	counts := map[event.ChangeKind]int{}
	for _, c := range p.Changes {
		counts[c.Kind]++
	}
	var said []string
	for _, k := range []struct {
		kind event.ChangeKind
		text string
	}{{event.Added, "to add"}, {event.Changed, "to change"}, {event.Removed, "to remove"}, {event.Unchanged, "unchanged"}} {
		if n := counts[k.kind]; n > 0 {
			said = append(said, itoa(n)+" "+k.text)
		}
	}
	if len(said) == 0 {
		said = []string{phrase.Count(len(p.Operations), "operation")}
	}
	return o.Paint(Strong, "plan:") + " " + strings.Join(said, ", ")
}
