// Package redact blanks secrets in what programs write. It owns what a secret may look like there; it does not know where the text
// comes from or goes to.
package redact

import (
	"bytes"
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"
)

// Blank stands where a secret was.
const Blank = "•••"

const (
	// shortest is the least of a secret that is looked for: shorter ones are in any text.
	shortest = 4
	// shortestEncoded is the least of a secret that is looked for in other encodings, too.
	shortestEncoded = 8
)

// Redactor knows secrets. The zero Redactor knows none.
type Redactor struct {
	values   []string // longest first, so that of two that begin alike the whole one goes
	replacer *strings.Replacer
}

// New knows these secrets: as they are and in usual encodings, each line by itself, since that is how text comes.
func New(secrets ...[]byte) Redactor {
	var r Redactor
	for _, s := range secrets {
		r.add(shortest, string(s))
		if len(s) >= shortestEncoded {
			r.add(shortestEncoded, encodings(s)...)
		}
	}
	slices.SortFunc(r.values, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	r.values = slices.Compact(r.values)
	var pairs []string
	for _, v := range r.values {
		pairs = append(pairs, v, Blank)
	}
	r.replacer = strings.NewReplacer(pairs...)
	return r
}

// Files knows the secrets that are files in dir. A folder that is missing has none.
func Files(dir string) (Redactor, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return Redactor{}, nil
	}
	if err != nil {
		return Redactor{}, err
	}
	var secrets [][]byte
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return Redactor{}, err
		}
		secrets = append(secrets, b)
	}
	return New(secrets...), nil
}

func (r *Redactor) add(shortest int, texts ...string) {
	for _, text := range texts {
		for line := range strings.Lines(text) {
			if line = strings.TrimSpace(line); len(line) >= shortest {
				r.values = append(r.values, line)
			}
		}
	}
}

// Text is text without the secrets.
func (r Redactor) Text(text []byte) string {
	if len(r.values) == 0 {
		return string(text)
	}
	return r.replacer.Replace(string(text))
}

// Longest is the length in bytes of the longest that is looked for; 0: there is nothing.
func (r Redactor) Longest() int {
	if len(r.values) == 0 {
		return 0
	}
	return len(r.values[0])
}

// Cut is where text, which is longer, can be cut in two, at a place or before it, so that neither part has a part of a secret or
// of a character. It has to see Longest bytes of the text behind the place. A secret that begins the text and reaches beyond the
// place is a part of its own.
func (r Redactor) Cut(text []byte, at int) int {
	at = runeStart(text, at)
	for i := 0; i < len(r.values); i++ {
		value := []byte(r.values[i])
		from := max(0, at-len(value)+1)
		found := bytes.Index(text[from:min(len(text), at+len(value)-1)], value)
		switch {
		case found < 0:
		case from+found == 0:
			return len(value)
		default:
			at, i = from+found, -1 // another may lie across the new end
		}
	}
	return at
}

// runeStart is where the character begins that has the byte at i.
func runeStart(text []byte, i int) int {
	for back := range utf8.UTFMax {
		if i >= back && utf8.RuneStart(text[i-back]) {
			return i - back
		}
	}
	return i
}
