package project

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// shape checks values against a JSON Schema, as far as the Compose Specification's and our own use the language, and finds
// all violations at once, each with its path. A validator for the whole language spends twice the time that Load has for
// everything on compiling the schema; that this one agrees with it is tested.
type shape struct {
	root    map[string]any
	regexps sync.Map // *regexp.Regexp by pattern
}

// violation is a value that its schema does not allow.
type violation struct {
	at      trail
	message string
	hint    string
	meant   string // the key that an unknown one is likely to be; may be empty
	missing bool   // something is not there that has to be; a later file of a merge may leave that to an earlier one
}

func parseShape(schema []byte) (*shape, error) {
	s := &shape{}
	if err := json.Unmarshal(schema, &s.root); err != nil {
		return nil, fmt.Errorf("read JSON Schema: %w", err)
	}
	return s, nil
}

// shapeOf reads an embedded schema once.
func shapeOf(schema func() []byte) func() *shape {
	return sync.OnceValue(func() *shape {
		s, err := parseShape(schema())
		if err != nil {
			panic(err) // embedded, and read by every test
		}
		return s
	})
}

func (s *shape) check(value any) []violation { return s.value(s.root, value, nil) }

// deref follows a schema's $ref; our schemas have nothing of note beside one.
func (s *shape) deref(schema map[string]any) map[string]any {
	for {
		ref, ok := schema["$ref"].(string)
		if !ok {
			return schema
		}
		defs, _ := s.root["$defs"].(map[string]any)
		schema, _ = defs[strings.TrimPrefix(ref, "#/$defs/")].(map[string]any)
	}
}

func (s *shape) value(schema map[string]any, v any, at trail) []violation {
	if schema["x-later"] != nil {
		return []violation{{at: at, message: fmt.Sprintf("%s is known but not built yet", last(at)), hint: "remove it until it is"}}
	}
	schema = s.deref(schema)
	if wrong := s.checkType(schema, v, at); wrong != nil {
		return wrong
	}
	found := s.scalar(schema, v, at)
	switch v := v.(type) {
	case map[string]any:
		found = append(found, s.mapping(schema, v, at)...)
	case []any:
		found = append(found, s.list(schema, v, at)...)
	}
	for _, part := range schemas(schema["allOf"]) {
		found = append(found, s.value(part, v, at)...)
	}
	for _, word := range []string{"oneOf", "anyOf"} {
		if branches := schemas(schema[word]); branches != nil {
			found = append(found, s.alternatives(branches, v, at)...)
		}
	}
	return found
}

// alternatives is what is wrong with v by the branch that it comes closest to. A value that several branches of a oneOf
// allow is allowed: schemas mean them as "any of these forms".
func (s *shape) alternatives(branches []map[string]any, v any, at trail) []violation {
	var closest []violation
	var kinds []string
	for _, branch := range branches {
		branch = s.deref(branch)
		kinds = append(kinds, typesOf(branch)...)
		found := s.value(branch, v, at)
		if len(found) == 0 {
			return nil
		}
		if s.checkType(branch, v, at) == nil && (closest == nil || deepest(found) > deepest(closest)) {
			closest = found
		}
	}
	if closest == nil {
		return []violation{wrongType(kinds, v, at)}
	}
	return closest
}

func deepest(vs []violation) int {
	depth := 0
	for _, v := range vs {
		depth = max(depth, len(v.at))
	}
	return depth
}

func (s *shape) checkType(schema map[string]any, v any, at trail) []violation {
	want := typesOf(schema)
	if len(want) == 0 || slices.ContainsFunc(want, func(t string) bool { return isType(t, v) }) {
		return nil
	}
	return []violation{wrongType(want, v, at)}
}

func (s *shape) scalar(schema map[string]any, v any, at trail) []violation {
	var found []violation
	text := fmt.Sprint(v)
	if names := stringsOf(schema["enum"]); names != nil && !slices.Contains(names, text) {
		found = append(found, violation{at: at, message: fmt.Sprintf("%s cannot be %q", last(at), text), hint: "write " + oneOf(names) + didYouMean(text, names)})
	}
	if pattern, ok := schema["pattern"].(string); ok && !s.matches(pattern, text) {
		found = append(found, violation{at: at, message: fmt.Sprintf("%s cannot be %q", last(at), text), hint: "write something of the form " + pattern})
	}
	if _, numeric := toNumber(v); numeric {
		found = append(found, s.bounds(schema, v, at)...)
	}
	return found
}

func (s *shape) bounds(schema map[string]any, v any, at trail) []violation {
	n, _ := toNumber(v)
	if least, ok := schema["minimum"].(float64); ok && n < least {
		return []violation{{at: at, message: fmt.Sprintf("%s is %v, it has to be at least %v", last(at), v, least)}}
	}
	if most, ok := schema["maximum"].(float64); ok && n > most {
		return []violation{{at: at, message: fmt.Sprintf("%s is %v, it can be at most %v", last(at), v, most)}}
	}
	return nil
}

func toNumber(v any) (float64, bool) {
	switch v.(type) {
	case int, int32, int64, uint, uint32, uint64, float32, float64:
		n, err := strconv.ParseFloat(fmt.Sprint(v), 64)
		return n, err == nil
	}
	return 0, false
}

func (s *shape) matches(pattern, text string) bool {
	known, ok := s.regexps.Load(pattern)
	if !ok {
		known, _ = s.regexps.LoadOrStore(pattern, regexp.MustCompile(pattern))
	}
	return known.(*regexp.Regexp).MatchString(text)
}

func (s *shape) list(schema map[string]any, list []any, at trail) []violation {
	var found []violation
	if items, ok := schema["items"].(map[string]any); ok {
		for i, each := range list {
			found = append(found, s.value(items, each, at.with(strconv.Itoa(i)))...)
		}
	}
	if unique, _ := schema["uniqueItems"].(bool); unique {
		seen := map[string]bool{}
		for i, each := range list {
			text := fmt.Sprintf("%T %v", each, each) // fmt writes maps in the order of their keys
			if seen[text] {
				found = append(found, violation{at: at.with(strconv.Itoa(i)), message: fmt.Sprintf("%s has %v twice", last(at), each), hint: "remove one of the two"})
			}
			seen[text] = true
		}
	}
	return found
}
