package project

import (
	"fmt"
	"maps"
	"slices"

	"github.com/moby/buildkit/util/suggest"
)

func (s *shape) mapping(schema map[string]any, m map[string]any, at trail) []violation {
	var found []violation
	for _, name := range stringsOf(schema["required"]) {
		if _, there := m[name]; !there {
			found = append(found, violation{at: at, missing: true, message: fmt.Sprintf("%s lacks %s", last(at), name), hint: fmt.Sprintf("add %q", name+": …")})
		}
	}
	properties, patterns := members(schema)
	var unknown []string
	for _, key := range slices.Sorted(maps.Keys(m)) {
		known := false
		if sub, ok := properties[key].(map[string]any); ok {
			known = true
			found = append(found, s.value(sub, m[key], at.with(key))...)
		}
		for pattern, sub := range patterns {
			if sub, ok := sub.(map[string]any); ok && s.matches(pattern, key) {
				known = true
				found = append(found, s.value(sub, m[key], at.with(key))...)
			}
		}
		if !known {
			unknown = append(unknown, key)
		}
	}
	return append(found, s.further(schema, unknown, m, at)...)
}

// further judges the keys that neither properties nor patternProperties name.
func (s *shape) further(schema map[string]any, keys []string, m map[string]any, at trail) []violation {
	var found []violation
	if sub, ok := schema["additionalProperties"].(map[string]any); ok {
		for _, key := range keys {
			found = append(found, s.value(sub, m[key], at.with(key))...)
		}
		return found
	}
	closed, sealed := schema["additionalProperties"] == false, schema["unevaluatedProperties"] == false
	if len(keys) == 0 || !closed && !sealed {
		return nil
	}
	properties, patterns := members(schema)
	if sealed {
		properties, patterns = s.allMembers(schema)
	}
	for _, key := range keys {
		if _, ok := properties[key]; !ok && !s.anyMatches(patterns, key) {
			found = append(found, unknownKey(key, at, properties, patterns))
		}
	}
	return found
}

func (s *shape) anyMatches(patterns map[string]any, key string) bool {
	for pattern := range patterns {
		if s.matches(pattern, key) {
			return true
		}
	}
	return false
}

func unknownKey(key string, at trail, properties, patterns map[string]any) violation {
	names := slices.Sorted(maps.Keys(properties))
	v := violation{at: at.with(key), message: fmt.Sprintf("unknown key %q", key), hint: "remove it" + didYouMean(key, names)}
	v.meant, _ = suggest.Search(key, names, true)
	if len(at) > 0 {
		v.message += " in " + at.String()
	}
	for pattern := range patterns {
		if pattern != "^x-" {
			v.message = fmt.Sprintf("%q cannot be a name in %s", key, last(at))
			v.hint = "write something of the form " + pattern
		}
	}
	return v
}

func didYouMean(word string, words []string) string {
	if match, ok := suggest.Search(word, words, true); ok {
		return fmt.Sprintf("; did you mean %q?", match)
	}
	return ""
}

func members(schema map[string]any) (properties, patterns map[string]any) {
	properties, _ = schema["properties"].(map[string]any)
	patterns, _ = schema["patternProperties"].(map[string]any)
	return properties, patterns
}

// allMembers also has those of the schemas that a schema is composed of.
func (s *shape) allMembers(schema map[string]any) (properties, patterns map[string]any) {
	properties, patterns = map[string]any{}, map[string]any{}
	own, ownPatterns := members(schema)
	maps.Copy(properties, own)
	maps.Copy(patterns, ownPatterns)
	for _, part := range schemas(schema["allOf"]) {
		p, pp := s.allMembers(s.deref(part))
		maps.Copy(properties, p)
		maps.Copy(patterns, pp)
	}
	return properties, patterns
}

func schemas(v any) []map[string]any {
	list, _ := v.([]any)
	var all []map[string]any
	for _, each := range list {
		if m, ok := each.(map[string]any); ok {
			all = append(all, m)
		}
	}
	return all
}

func stringsOf(v any) []string {
	list, _ := v.([]any)
	var all []string
	for _, each := range list {
		if s, ok := each.(string); ok {
			all = append(all, s)
		}
	}
	return all
}
