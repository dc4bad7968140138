package tui

import (
	"bytes"
	"encoding/json"
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

	"github.com/seaworthyhq/seaworthy/internal/api"
	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/graph"
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

const eventsHead = `# Events

<!-- Generated from internal/event and internal/release: go test ./internal/tui -update -->

With ` + "`--json`" + `, a verb that does something writes what happens as it happens: one event a line, each a JSON object; a verb that
only looks has one [result](json.md). This is version %d of the schema, and every event says so in ` + "`v`" + `. The version changes when a
reader of the old form would misread the new one; new fields and new types of events may come at any time, so pass over what
you do not know. The last line is an event of type ` + "`end`" + `, with the error if there was one, also where the command line or the
project is wrong; without it the stream broke off.

Times are RFC 3339. Fields marked ` + "`?`" + ` are left out where they are empty.
`

// eventSchema writes docs/events.md: every type that an event can hold, from the top down.
func eventSchema(t *testing.T) []byte {
	s := readSources(t, "event", "release")
	var b bytes.Buffer
	fmt.Fprintf(&b, eventsHead, event.Version)
	s.sections(&b, reflect.TypeFor[event.Event]())
	return b.Bytes()
}

const resultsHead = `# Results

<!-- Generated from internal/api, internal/graph, internal/project and internal/release: go test ./internal/tui -update -->

What verbs that only look print with ` + "`--json`" + `: one JSON value, whole. Verbs that do something write [events](events.md). Where there is
no result, the value is ` + "`{\"error\": …}`" + ` ([exit codes](exit-codes.md)). New fields may come at any time: pass over what you do not know.

Times are RFC 3339. Fields marked ` + "`?`" + ` are left out where they are empty. Fields without a word are named as the Dockerfile and the
Compose Specification name them.

| verb | result |
| --- | --- |
`

// resultSchema writes docs/json.md: what verbs answer with, and every type in it.
func resultSchema(t *testing.T) []byte {
	s := readSources(t, "api", "event", "git", "graph", "project", "release")
	var b bytes.Buffer
	b.WriteString(resultsHead)
	var roots []reflect.Type
	for _, r := range []struct {
		verb string
		of   reflect.Type
	}{
		{"status", reflect.TypeFor[[]api.EnvironmentStatus]()},
		{"history", reflect.TypeFor[[]api.HistoryEntry]()},
		{"show", reflect.TypeFor[api.ReleaseInfo]()},
		{"why", reflect.TypeFor[[]api.StepInfo]()},
		{"ledger", reflect.TypeFor[[]api.LedgerEntry]()},
		{"ledger --verify", reflect.TypeFor[api.LedgerState]()},
		{"config", reflect.TypeFor[graph.Project]()},
		{"plan --graph json", reflect.TypeFor[graph.Graph]()},
		{"gc", reflect.TypeFor[api.GCResult]()},
		{"volume list", reflect.TypeFor[[]api.VolumeInfo]()},
		{"resume", reflect.TypeFor[api.ResumeResult]()},
		{"engine status", reflect.TypeFor[api.EngineInfo]()},
	} {
		text, refer := s.typeName(r.of)
		fmt.Fprintf(&b, "| `%s` | %s |\n", r.verb, text)
		roots = append(roots, refer)
	}
	s.sections(&b, roots...)
	return b.Bytes()
}

// sections writes a section for each of the types and for all that they hold, from the top down.
func (s sources) sections(b *bytes.Buffer, queue ...reflect.Type) {
	seen := map[reflect.Type]bool{}
	for len(queue) > 0 {
		typ := queue[0]
		queue = queue[1:]
		if !seen[typ] {
			seen[typ] = true
			queue = append(queue, s.section(b, typ)...)
		}
	}
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
	for _, f := range reflect.VisibleFields(typ) {
		if f.Anonymous || !f.IsExported() || f.Tag.Get("json") == "-" {
			continue
		}
		tag, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		mark := ""
		if strings.Contains(options, "omit") {
			mark = " ?"
		}
		text, refer := s.typeName(f.Type)
		if refer != nil {
			refers = append(refers, refer)
		}
		fmt.Fprintf(b, "| `%s`%s | %s | %s |\n", tag, mark, text, s.fieldDoc(typ, f))
	}
	return refers
}

// fieldDoc is the comment at a field, which may be promoted from an embedded type.
func (s sources) fieldDoc(typ reflect.Type, f reflect.StructField) string {
	for _, i := range f.Index[:len(f.Index)-1] {
		typ = typ.Field(i).Type
	}
	return s.doc[path.Base(typ.String())+"."+f.Name]
}

// typeName says how a type looks in JSON, and which type of ours has a section of its own.
func (s sources) typeName(typ reflect.Type) (text string, refer reflect.Type) {
	switch {
	case typ == reflect.TypeFor[time.Time]():
		return "time", nil
	case typ.Kind() == reflect.Pointer:
		return s.typeName(typ.Elem())
	case typ == reflect.TypeFor[json.RawMessage]():
		return "any", nil
	case typ == reflect.TypeFor[[]byte]():
		return "string (base64)", nil
	case typ.Kind() == reflect.Map:
		text, refer = s.typeName(typ.Elem())
		return "object: " + text + " by name", refer
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
	case typ.Kind() == reflect.Float64:
		return "number", nil
	}
	return "integer", nil
}

// title is the heading of a type's section: nouns of package release carry its name, since some are called as events are.
func title(typ reflect.Type) string {
	return strings.TrimPrefix(strings.TrimPrefix(path.Base(typ.String()), "event."), "api.")
}
