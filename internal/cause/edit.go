package cause

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/seaworthyhq/seaworthy/internal/phrase"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// edited is the reason of an instruction that had another text. It shows the first line where the two differ.
func (c Case) edited(before string) release.Reason {
	was, is := FirstLine(before), FirstLine(c.Op.Text)
	text := "it was " + was
	if was == is {
		was, is, text = c.editedBelow(before)
	}
	r := c.because(release.ReasonInstruction, text)
	r.Was, r.Is = was, is
	return r
}

// editedBelow is what differs where the beginning is the same.
func (c Case) editedBelow(before string) (was, is, text string) {
	gone, fresh, same := changed(strings.Split(before, "\n"), strings.Split(c.Op.Text, "\n"))
	at, rest := "", ""
	if c.Op.Line > 0 {
		at = fmt.Sprintf("line %d ", c.Op.Line+same)
	}
	if more := max(len(gone), len(fresh)) - 1; more > 0 {
		rest = ", and " + phrase.Count(more, "more line")
	}
	switch {
	case len(gone) == 0:
		_, is = around("", fresh[0])
		return "", is, at + "is new: " + is + rest
	case len(fresh) == 0:
		was, _ = around(gone[0], "")
		return was, "", "gone from it: " + was + rest
	}
	if was, is = around(gone[0], fresh[0]); was == is {
		return was, is, at + "ends otherwise: " + is + rest
	}
	return was, is, fmt.Sprintf("%swas %s, is %s%s", at, was, is, rest)
}

// changed are the lines that two texts do not have in common, and how many there are before them.
func changed(before, now []string) (gone, fresh []string, same int) {
	for same < min(len(before), len(now)) && before[same] == now[same] {
		same++
	}
	gone, fresh = before[same:], now[same:]
	for n := min(len(gone), len(fresh)); n > 0 && gone[len(gone)-1] == fresh[len(fresh)-1]; n-- {
		gone, fresh = gone[:len(gone)-1], fresh[:len(fresh)-1]
	}
	return gone, fresh, same
}

// around is what a list shows of two lines: from a little before they begin to differ.
func around(before, now string) (was, is string) {
	const lead = 20
	at := 0
	for at < min(len(before), len(now)) && before[at] == now[at] {
		at++
	}
	if at <= listed/2 {
		return FirstLine(strings.TrimSpace(before)), FirstLine(strings.TrimSpace(now))
	}
	for at -= lead; !utf8.RuneStart(now[at]); at-- {
	}
	return "… " + FirstLine(before[at:]), "… " + FirstLine(now[at:])
}
