package main

import (
	"errors"
	"io"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// CountLinks counts the <a href> of a page.
func CountLinks(page io.Reader) (int, error) {
	links := 0
	tokens := html.NewTokenizer(page)
	for {
		switch tokens.Next() {
		case html.ErrorToken:
			if err := tokens.Err(); !errors.Is(err, io.EOF) {
				return links, err
			}
			return links, nil
		case html.StartTagToken, html.SelfClosingTagToken:
			if isLink(tokens.Token()) {
				links++
			}
		}
	}
}

func isLink(t html.Token) bool {
	if t.DataAtom != atom.A {
		return false
	}
	for _, a := range t.Attr {
		if a.Key == "href" {
			return true
		}
	}
	return false
}
