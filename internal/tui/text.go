package tui

import (
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"github.com/charmbracelet/x/ansi"
)

// maxLine is how many bytes of one foreign line are shown; more of it helps nobody and could be gigabytes.
const maxLine = 16 << 10

// Clean makes one line of foreign text harmless: escape sequences go, other control characters become visible, invalid
// UTF-8 is replaced, and of a line that was written over with carriage returns the last state stays.
func Clean(line string) string {
	if printable(line) {
		return line
	}
	if len(line) > maxLine {
		line = line[:maxLine] + "…"
	}
	line = ansi.Strip(strings.ToValidUTF8(line, "�"))
	line = strings.TrimRight(line, "\r\n")
	if i := strings.LastIndexByte(line, '\r'); i >= 0 {
		line = line[i+1:]
	}
	line = strings.ReplaceAll(line, "\t", "    ")
	return strings.Map(visible, line)
}

// printable is the quick way out for what nearly every line is: short, ASCII, no control characters.
func printable(line string) bool {
	if len(line) > maxLine {
		return false
	}
	for i := range len(line) {
		if line[i] < ' ' || line[i] > '~' {
			return false
		}
	}
	return true
}

// visible is the rune itself, or the picture of a control character. Those that turn the direction of writing count as
// control characters: they make text read as what it is not.
func visible(r rune) rune {
	switch {
	case r < ' ':
		return '␀' + r
	case r == 0x7f:
		return '␡'
	case unicode.Is(unicode.Cc, r), unicode.Is(unicode.Bidi_Control, r), r == '\u2028', r == '\u2029':
		return '�'
	}
	return r
}

// cleanLines is Clean for a text of several lines, without the blank ones around it.
func cleanLines(text string) []string {
	text = strings.Trim(text, "\r\n")
	if text == "" {
		return nil
	}
	var lines []string
	for line := range strings.SplitSeq(text, "\n") {
		lines = append(lines, strings.TrimRight(Clean(line), " "))
	}
	return lines
}

// cut shortens text, which may be painted, to a number of columns; 0 and less means no limit.
func cut(text string, width int) string {
	if width <= 0 {
		return text
	}
	return ansi.Truncate(text, width, "…")
}

// wrap breaks text, which may be painted, into lines of at most so many columns, between words: a longer word, such as an
// address or a path, stays whole. 0 and less means no limit.
func wrap(text string, width int) []string {
	if width <= 0 || ansi.StringWidth(text) <= width {
		return []string{text}
	}
	var lines []string
	line, used := "", 0
	for i, word := range wordsOf(text) {
		w := ansi.StringWidth(word)
		switch {
		case i == 0:
			line, used = word, w
		case used+1+w > width && strings.TrimSpace(line) != "":
			lines = append(lines, strings.TrimRight(line, " "))
			line, used = word, w
		default:
			line, used = line+" "+word, used+1+w
		}
	}
	return append(lines, line)
}

var (
	endsInDigit = regexp.MustCompile(`[0-9]$`)
	isUnit      = regexp.MustCompile(`^(ms|s|min|h|k?B|[MGT]B)([^0-9A-Za-z]|$)`)
)

// wordsOf are what is between the blanks of a text; a number and its unit are one word.
func wordsOf(text string) []string {
	var words []string
	for word := range strings.SplitSeq(text, " ") {
		if last := len(words) - 1; last >= 0 && isUnit.MatchString(word) && endsInDigit.MatchString(words[last]) {
			words[last] += " " + word
		} else {
			words = append(words, word)
		}
	}
	return words
}

// pad fills text up with blanks to a number of columns.
func pad(text string, width int) string {
	return text + strings.Repeat(" ", max(0, width-ansi.StringWidth(text)))
}

// oneLine is foreign text of several lines in one: continuation lines joined, runs of blanks made one.
func oneLine(text string) string {
	if len(text) > maxLine {
		text = text[:maxLine]
	}
	var words []string
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(strings.TrimRight(line, " \t\r\n"), "\\")
		words = append(words, strings.Fields(Clean(line))...)
	}
	return strings.Join(words, " ")
}

func itoa(n int) string { return strconv.Itoa(n) }
