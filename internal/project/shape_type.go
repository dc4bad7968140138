package project

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

func wrongType(want []string, v any, at trail) violation {
	var names []string
	for _, t := range want {
		if name := typeNames[t]; !slices.Contains(names, name) && t != "null" {
			names = append(names, name)
		}
	}
	return violation{at: at, message: fmt.Sprintf("%s has to be %s, not %s", last(at), oneOf(names), typeNames[typeOf(v)])}
}

var typeNames = map[string]string{
	"object": "a mapping", "array": "a list", "string": "text", "number": "a number", "integer": "a whole number",
	"boolean": "true or false", "null": "empty",
}

func last(at trail) string {
	if len(at) == 0 {
		return "the file"
	}
	name := at[len(at)-1]
	if _, err := strconv.Atoi(name); err == nil && len(at) > 1 {
		return "each of " + at[len(at)-2]
	}
	return name
}

// oneOf is "a, b or c".
func oneOf(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " or " + names[len(names)-1]
}

func typesOf(schema map[string]any) []string {
	switch t := schema["type"].(type) {
	case string:
		return []string{t}
	case []any:
		names := make([]string, len(t))
		for i := range t {
			names[i], _ = t[i].(string)
		}
		return names
	}
	return nil
}

func typeOf(v any) string {
	for _, t := range []string{"null", "object", "array", "boolean", "integer", "number"} {
		if isType(t, v) {
			return t
		}
	}
	return "string"
}

func isType(t string, v any) bool {
	switch v := v.(type) {
	case nil:
		return t == "null"
	case map[string]any:
		return t == "object"
	case []any:
		return t == "array"
	case bool:
		return t == "boolean"
	case float32:
		return t == "number" || t == "integer" && v == float32(int64(v))
	case float64:
		return t == "number" || t == "integer" && v == float64(int64(v))
	case int, int32, int64, uint, uint32, uint64:
		return t == "number" || t == "integer"
	}
	return t == "string" // times too: YAML reads 2026-01-01 as one, its author did not
}
