package proxy

import (
	"bytes"
	"net/http"
	"slices"
)

type verdict int

const (
	unsure verdict = iota
	isHTTP
	notHTTP
)

const (
	// firstBytes are enough for most first lines.
	firstBytes = 256
	// longestLine is how much of a first line is waited for. Longer ones are HTTP's: the targets of its requests are long.
	longestLine = 4 << 10
	// longestForeign is how much is waited for of a line whose first word is no method; there are servers that take any.
	longestForeign = 64 << 10
)

// sniff judges the first bytes of a connection; unsure: more are needed. HTTP begins with a line of text of which the last word is
// the version. It is as lenient as the most lenient servers: what one of them took for a request would otherwise go by us unseen.
func sniff(first []byte) verdict {
	line := bytes.TrimLeft(first, blanks+"\r\n")
	end := bytes.IndexAny(line, "\r\n")
	if end >= 0 {
		line = line[:end]
	}
	_, spaced := firstWord(line)
	switch {
	case end >= 0:
		return ifTrue(spaced && endsInVersion(line))
	case len(first) > longestForeign:
		return ifTrue(!isForeign(first) && (spaced || len(line) == 0))
	case len(first) > longestLine && !isForeign(first):
		return ifTrue(spaced || len(line) == 0)
	}
	return unsure
}

// isForeign reports whether the first word is no method. That tells little of HTTP, but what other protocols begin with.
func isForeign(first []byte) bool {
	word, _ := firstWord(bytes.TrimLeft(first, blanks+"\r\n"))
	return slices.ContainsFunc(word, noToken)
}

const blanks = " \t\v\f"

func firstWord(line []byte) (word []byte, ends bool) {
	if i := bytes.IndexAny(line, blanks); i >= 0 {
		return line[:i], true
	}
	return line, false
}

func ifTrue(http bool) verdict {
	if http {
		return isHTTP
	}
	return notHTTP
}

// noToken tells what no method consists of (RFC 9110, 5.6.2).
func noToken(c byte) bool {
	return c <= ' ' || c >= 0x7f || bytes.IndexByte([]byte(`"(),/:;<=>?@[\]{}`), c) >= 0
}

func endsInVersion(line []byte) bool {
	line = bytes.TrimRight(line, blanks)
	last := line[bytes.LastIndexAny(line, blanks)+1:]
	return len(last) >= 5 && bytes.EqualFold(last[:5], []byte("HTTP/"))
}

// methods are those that nearly all requests have.
var methods = []string{
	http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions, "PRI",
}

// seemsHTTP guesses from less than a line.
func seemsHTTP(first []byte) bool {
	method, spaced := firstWord(first)
	return slices.ContainsFunc(methods, func(m string) bool {
		return len(method) > 0 && (m == string(method) || !spaced && bytes.HasPrefix([]byte(m), method))
	})
}
