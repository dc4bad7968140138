package project

import (
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// at is an error about a path of the merged files: in the last file that sets it, or the closest to it.
func (c *composeFiles) at(p trail, message, hint string) Problem {
	doc, n := c.locate(p)
	if doc == nil {
		return Problem{Severity: Error, Message: message, Hint: hint}
	}
	return doc.problemAt(n, message, hint)
}

func (c *composeFiles) locate(p trail) (*document, *yaml.Node) {
	var best *document
	var node *yaml.Node
	deepest := -1
	for _, doc := range slices.Backward(c.all) {
		if doc.root == nil {
			continue
		}
		if n, depth := doc.near(p); depth > deepest {
			best, node, deepest = doc, n, depth
		}
	}
	return best, node
}

// item is an error about an element of a list, found by a word that is written in it: merging does not keep numbers.
func (c *composeFiles) item(list trail, word, message, hint string) Problem {
	for _, doc := range slices.Backward(c.all) {
		if doc.root == nil {
			continue
		}
		for _, n := range doc.match(list.with("[]")) {
			if mentions(n, word) {
				return doc.problemAt(n, message, hint)
			}
		}
	}
	return c.at(list.with(word), message, hint)
}

func mentions(n *yaml.Node, word string) bool {
	n = follow(n)
	if n.Kind == yaml.ScalarNode {
		return strings.Contains(n.Value, word)
	}
	return slices.ContainsFunc(n.Content, func(each *yaml.Node) bool { return mentions(each, word) })
}

func (c *composeFiles) warn(p Problem) {
	p.Severity = Warning
	c.add(p)
}

// fail reports an error of compose-go's, which says a path at best: otherwise a word of its message leads to the line.
func (c *composeFiles) fail(err error) {
	message := strings.ReplaceAll(err.Error(), c.dir+"/", "")
	if _, list, many := strings.Cut(message, "decoding failed due to the following error(s):"); many {
		for line := range strings.Lines(list) {
			c.failDecoding(strings.TrimSpace(line))
		}
		return
	}
	if at := pathInMessage.FindString(message); at != "" {
		c.blame(strings.Split(at, "."), message, "")
		return
	}
	c.byWord(message)
}

// blame reports an error about a path, and goes on without what is there.
func (c *composeFiles) blame(p trail, message, hint string) {
	c.add(c.at(p, message, hint))
	if doc, n := c.locate(p); doc != nil {
		c.leaveOut(doc, n)
	}
}

var decodingFailure = regexp.MustCompile(`^'([^']+)' (.*)$`)

// failDecoding reports a line such as "'services[web].mem_limit' invalid size: 'lots'".
func (c *composeFiles) failDecoding(line string) {
	if line == "" {
		return
	}
	m := decodingFailure.FindStringSubmatch(line)
	if m == nil {
		c.byWord(line)
		return
	}
	at := strings.Split(strings.NewReplacer("[", ".", "]", "").Replace(m[1]), ".")
	message := strings.TrimPrefix(m[2], "time: ")
	hint := ""
	if strings.Contains(message, "duration") {
		hint = "write a number with its unit: 90s, 1m30s, 2h"
	} else if strings.Contains(message, "size") {
		hint = "write a number with its unit: 64m, 1g"
	}
	c.blame(at, last(at)+": "+message, hint)
}

var wordsOfMessage = regexp.MustCompile(`[^\s"'\x60]+`)

// byWord reports a message at the last of its words that is a value of the files, and goes on without that value.
func (c *composeFiles) byWord(message string) {
	for _, word := range slices.Backward(wordsOfMessage.FindAllString(message, -1)) {
		if len(word) < 3 {
			continue
		}
		for _, doc := range slices.Backward(c.all) {
			if n := scalarWith(doc.root, word); n != nil {
				c.add(doc.problemAt(n, message, ""))
				c.leaveOut(doc, n)
				return
			}
		}
	}
	p := Problem{Severity: Error, Message: message}
	if len(c.main) > 0 {
		p.File = c.main[len(c.main)-1].name
	}
	c.add(p)
	c.stuck = true
}

// scalarWith is the first value, not key, that has the word in it.
func scalarWith(n *yaml.Node, word string) *yaml.Node {
	if n == nil {
		return nil
	}
	if n.Kind == yaml.ScalarNode && strings.Contains(n.Value, word) {
		return n
	}
	for i, each := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 0 {
			continue
		}
		if found := scalarWith(each, word); found != nil {
			return found
		}
	}
	return nil
}
