package tui

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// sources is what the Go sources say about types that reflection does not: comments, and the constants of a type. Keys are
// "event.Step", "event.Step.Key"; a type's constants are in the order of the source.
type sources struct {
	doc       map[string]string
	constants map[string][]constant
}

type constant struct{ value, doc string }

func readSources(t *testing.T, packages ...string) sources {
	s := sources{doc: map[string]string{}, constants: map[string][]constant{}}
	for _, pkg := range packages {
		files, err := filepath.Glob(filepath.Join("..", pkg, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			for _, decl := range file.Decls {
				if decl, ok := decl.(*ast.GenDecl); ok {
					s.declaration(pkg, decl)
				}
			}
		}
	}
	return s
}

func (s sources) declaration(pkg string, decl *ast.GenDecl) {
	for _, spec := range decl.Specs {
		switch spec := spec.(type) {
		case *ast.TypeSpec:
			name := pkg + "." + spec.Name.Name
			s.doc[name] = sentence(decl.Doc, spec.Doc)
			if fields, ok := spec.Type.(*ast.StructType); ok {
				for _, f := range fields.Fields.List {
					for _, n := range f.Names {
						s.doc[name+"."+n.Name] = sentence(f.Doc, f.Comment)
					}
				}
			}
		case *ast.ValueSpec:
			if of, ok := spec.Type.(*ast.Ident); ok && len(spec.Values) == 1 {
				if lit, ok := spec.Values[0].(*ast.BasicLit); ok {
					name := pkg + "." + of.Name
					s.constants[name] = append(s.constants[name], constant{strings.Trim(lit.Value, `"`), sentence(spec.Doc, spec.Comment)})
				}
			}
		}
	}
}

// sentence is comments in one line, fit for a cell of a table.
func sentence(groups ...*ast.CommentGroup) string {
	var texts []string
	for _, g := range groups {
		if text := strings.Join(strings.Fields(g.Text()), " "); text != "" {
			texts = append(texts, text)
		}
	}
	return strings.ReplaceAll(strings.Join(texts, " "), "|", "\\|")
}

// eventSchema writes docs/events.md: every type that an event can hold, from the top down.
func eventSchema(t *testing.T) []byte {
	s := readSources(t, "event", "release")
	var b bytes.Buffer
	fmt.Fprintf(&b, `# Events

<!-- Generated from internal/event and internal/release: go test ./internal/tui -update -->

With `+"`--json`"+`, a verb that does something writes what happens as it happens: one event a line, each a JSON object.
This is version %d of the schema, and every event says so in `+"`v`"+`. The version changes when a reader of the old form would
misread the new one; new fields and new types of events may come at any time, so pass over what you do not know. The last
line is an event of type `+"`end`"+`, with the error if there was one, also where the command line or the project is wrong;
without it the stream broke off.

Times are RFC 3339. Fields marked `+"`?`"+` are left out where they are empty.
`, event.Version)
	seen := map[reflect.Type]bool{}
	queue := []reflect.Type{reflect.TypeFor[event.Event]()}
	for len(queue) > 0 {
		typ := queue[0]
		queue = queue[1:]
		if !seen[typ] {
			seen[typ] = true
			queue = append(queue, s.section(&b, typ)...)
		}
	}
	return b.Bytes()
}

// section writes the section of one type and returns the types that it refers to.
func (s sources) section(b *bytes.Buffer, typ reflect.Type) (refers []reflect.Type) {
	name := path.Base(typ.String())
	fmt.Fprintf(b, "\n## %s\n\n%s\n\n", title(typ), s.doc[name])
	if typ.Kind() != reflect.Struct {
		b.WriteString("| value | meaning |\n| --- | --- |\n")
		for _, c := range s.constants[name] {
			fmt.Fprintf(b, "| `%s` | %s |\n", c.value, c.doc)
		}
		return nil
	}
	b.WriteString("| field | type | meaning |\n| --- | --- | --- |\n")
	for f := range typ.Fields() {
		tag, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		mark := ""
		if strings.Contains(options, "omit") {
			mark = " ?"
		}
		text, refer := s.typeName(f.Type)
		if refer != nil {
			refers = append(refers, refer)
		}
		fmt.Fprintf(b, "| `%s`%s | %s | %s |\n", tag, mark, text, s.doc[name+"."+f.Name])
	}
	return refers
}

// typeName says how a type looks in JSON, and which type of ours has a section of its own.
func (s sources) typeName(typ reflect.Type) (text string, refer reflect.Type) {
	switch {
	case typ == reflect.TypeFor[time.Time]():
		return "time", nil
	case typ.Kind() == reflect.Pointer:
		return s.typeName(typ.Elem())
	case typ.Kind() == reflect.Slice:
		text, refer = s.typeName(typ.Elem())
		return "list of " + text, refer
	case typ.Kind() == reflect.Struct, len(s.constants[path.Base(typ.String())]) > 0:
		anchor := strings.NewReplacer(" ", "-", ".", "").Replace(strings.ToLower(title(typ)))
		return "[" + title(typ) + "](#" + anchor + ")", typ
	case typ == reflect.TypeFor[release.Duration]():
		return `duration ("1m30s")`, nil
	case typ.Kind() == reflect.Bool:
		return "boolean", nil
	case typ.Kind() == reflect.String:
		return "string", nil
	}
	return "integer", nil
}

// title is the heading of a type's section: nouns of package release carry its name, since some are called as events are.
func title(typ reflect.Type) string { return strings.TrimPrefix(path.Base(typ.String()), "event.") }
