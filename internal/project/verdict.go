package project

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// Verdict says what Seaworthy does about a key of a compose file.
type Verdict string

// The verdicts. Ignored is said with a warning, Refused with an error: never a silence.
const (
	Honoured Verdict = "honoured"
	Ignored  Verdict = "ignored"
	Refused  Verdict = "refused"
)

// Rule is the verdict on a key of a compose file, and on all below it that has no rule of its own.
type Rule struct {
	Path    string // keys with dots between; "*" is any name, "[]" any element of a list
	Verdict Verdict
	Word    string // why, or how, or what to do instead: a sentence without its full stop
	// When limits Ignored and Refused to some values (nil: all); every other value is honoured.
	When func(v any) bool
}

// Rules returns the verdict on every key of the Compose Specification, in the order of the documentation.
func Rules() []Rule {
	return slices.Concat(topRules, serviceRules, buildRules, deployRules, resourceRules)
}

func is(values ...string) func(any) bool {
	return func(v any) bool { return slices.Contains(values, fmt.Sprint(v)) }
}

func isNot(values ...string) func(any) bool {
	return func(v any) bool { return !slices.Contains(values, fmt.Sprint(v)) }
}

func begins(prefixes ...string) func(any) bool {
	return func(v any) bool {
		return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(fmt.Sprint(v), p) })
	}
}

func isTrue(v any) bool { return fmt.Sprint(v) == "true" }

// ruleTree finds the rule of a path in one walk.
type ruleTree struct {
	rule *Rule
	next map[string]*ruleTree
}

var ruleTreeOfAll = sync.OnceValue(func() *ruleTree {
	root := &ruleTree{}
	for _, rule := range Rules() {
		at := root
		for _, name := range strings.Split(rule.Path, ".") {
			if at.next[name] == nil {
				if at.next == nil {
					at.next = map[string]*ruleTree{}
				}
				at.next[name] = &ruleTree{}
			}
			at = at.next[name]
		}
		at.rule = &rule
	}
	return root
})

func (t *ruleTree) child(name string) *ruleTree {
	if t == nil {
		return nil
	}
	if next := t.next[name]; next != nil {
		return next
	}
	if name != "[]" {
		return t.next["*"]
	}
	return nil
}

// applies finds the keys of the merged model that are not honoured.
func (t *ruleTree) applies(v any, at trail, found func(at trail, rule *Rule)) {
	if t == nil || isNothing(v) {
		return
	}
	if r := t.rule; r != nil && r.Verdict != Honoured && (r.When == nil || r.When(v)) {
		found(at, r)
		return
	}
	switch v := v.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			t.child(key).applies(v[key], at.with(key), found)
		}
	case []any:
		for _, each := range v {
			t.child("[]").applies(each, at.with("[]"), found)
		}
	}
}

func isNothing(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case map[string]any:
		return len(v) == 0
	case []any:
		return len(v) == 0
	}
	return false
}

// judge reports what the files say that is not honoured. What compose-go has added by itself stands in no file and is
// not reported, nor what belongs to a service that does not run.
func (c *composeFiles) judge() {
	c.judgeVersion()
	ruleTreeOfAll().applies(c.model, nil, func(at trail, rule *Rule) {
		if len(at) > 1 && at[0] == "services" {
			if _, runs := c.project.Services[at[1]]; !runs {
				return
			}
		}
		if p := c.written(at); p != nil {
			p.Message, p.Hint = rule.message(at), rule.Word
			if rule.Verdict == Ignored {
				p.Severity = Warning
			}
			c.add(*p)
		}
	})
}

// judgeVersion stands alone because compose-go removes the key.
func (c *composeFiles) judgeVersion() {
	for _, doc := range c.all {
		if at, _ := doc.find(trail{"version"}); at != nil && doc.root != nil {
			p := doc.problemAt(at, "version is ignored", "the Compose Specification has no versions any more: remove it")
			p.Severity = Warning
			c.add(p)
		}
	}
}

func (r *Rule) message(at trail) string {
	key := strings.TrimSuffix(strings.ReplaceAll(at.String(), ".[]", ""), ".")
	if r.Verdict == Ignored {
		return key + " is ignored"
	}
	return key + " is refused"
}

// written is where a path of the merged model stands in the files, or nil. A service that extends another one may have it
// from any.
func (c *composeFiles) written(at trail) *Problem {
	patterns := []trail{at}
	if at[0] == "services" {
		patterns = append(patterns, trail{"services", "*"}.with(at[2:]...))
	}
	for i, pattern := range patterns {
		for _, doc := range slices.Backward(c.all) {
			if doc.root == nil {
				continue
			}
			if i == 1 && !c.extends(at[1]) {
				continue
			}
			if nodes := doc.match(pattern); len(nodes) > 0 {
				p := doc.problemAt(nodes[0], "", "")
				return &p
			}
		}
	}
	return nil
}

func (c *composeFiles) extends(service string) bool {
	return slices.ContainsFunc(c.all, func(d *document) bool {
		at, _ := d.find(trail{"services", service, "extends"})
		return at != nil
	})
}
