package project

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/schema"
	"github.com/google/go-cmp/cmp"
	"github.com/invopop/jsonschema"
)

var update = flag.Bool("update", false, "write the generated files and the goldens anew")

func TestGenerated(t *testing.T) {
	published := schemaOfSettings(t)
	for file, content := range map[string][]byte{
		"schema/seaworthy.schema.json": published,
		"docs/seaworthy-yaml.md":       settingsDocument(t, published),
		"docs/compose.md":              composeDocument(),
	} {
		t.Run(file, func(t *testing.T) {
			file := filepath.Join("..", "..", file)
			if *update {
				if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, content, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			got, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(content), string(got)); diff != "" {
				t.Errorf("%s is not what the types and tables say; go generate ./internal/project writes it anew (-want +got):\n%s", file, diff)
			}
		})
	}
}

// schemaOfSettings reflects the types; their comments become the descriptions. The methods that describe types with two
// forms are below: only the generator needs them.
func schemaOfSettings(t *testing.T) []byte {
	t.Helper()
	r := &jsonschema.Reflector{FieldNameTag: "yaml", RequiredFromJSONSchemaTags: true}
	if err := r.AddGoComments("github.com/seaworthyhq/seaworthy/internal/project", ".", jsonschema.WithFullComment()); err != nil {
		t.Fatal(err)
	}
	for key, comment := range r.CommentMap { // the keys are import path joined with "."
		r.CommentMap[strings.Replace(key, "project/..", "project.", 1)] = strings.Join(strings.Fields(comment), " ")
	}
	s := r.Reflect(&Settings{})
	s.ID, s.Title = "https://raw.githubusercontent.com/seaworthyhq/seaworthy/main/schema/seaworthy.schema.json", "seaworthy.yaml"
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(b, '\n')
}

func composeDocument() []byte {
	var b bytes.Buffer
	b.WriteString(`# Compose files

Seaworthy reads the [Compose Specification](https://github.com/compose-spec/compose-spec). Each key is **honoured**,
**ignored** with a warning that names it, or **refused** with an error that names it: never a silence. What stands
below a key that is not listed by itself shares its verdict. Keys that begin with ` + "`x-`" + ` are yours.

What counts: ` + "`compose.yaml`" + ` (or ` + "`compose.yml`, `docker-compose.yml`, `docker-compose.yaml`" + `), or the files that
` + "`environments.*.compose`" + ` names in ` + "`seaworthy.yaml`" + `. ` + "`compose.override.yaml`" + ` and the variables of your shell count for the
environment ` + "`local`" + ` only, so that what other environments run does not depend on who deploys; ` + "`.env`" + ` counts for all of
them. A secret's value may come from your shell everywhere, since it is handed over beside the release and is no part of it.

Read-only mounts of files and folders of the project (up to ` + fmt.Sprintf("%d files and %d MiB", maxFolderFiles, maxFolderBytes>>20) + `) become part of the release, by digest.
So do configs. A config or a secret may name a file outside of the project; a link inside that leads there is refused, for them as
for read-only mounts: what is handed over can be seen in the file.
A ` + "`VOLUME`" + ` of the Dockerfile for which the compose file mounts nothing gets a named volume, ` + "`SERVICE-PATH`" + `.

`)
	group := ""
	for _, rule := range Rules() {
		if g := groupOf(rule.Path); g != group {
			group = g
			fmt.Fprintf(&b, "\n## %s\n\n| key | | |\n| --- | --- | --- |\n", group)
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", rule.Path, rule.verdictForPeople(), rule.Word)
	}
	return b.Bytes()
}

func (r *Rule) verdictForPeople() string {
	if r.When != nil {
		return string(r.Verdict) + ", by value"
	}
	return string(r.Verdict)
}

func groupOf(path string) string {
	parts := strings.Split(path, ".")
	switch {
	case len(parts) > 3 && (parts[2] == "build" || parts[2] == "deploy"):
		return "services.*." + parts[2]
	case len(parts) > 2 && parts[0] == "services":
		return "services"
	case len(parts) > 1 && parts[0] != "services":
		return parts[0]
	}
	return "The file"
}

func settingsDocument(t *testing.T, published []byte) []byte {
	t.Helper()
	var root map[string]any
	if err := json.Unmarshal(published, &root); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	b.WriteString(`# seaworthy.yaml

Optional. It says when and where the stages of the Dockerfile run; what a step does is written in the Dockerfile. Unknown
keys are errors. Keys that are known but not built yet are errors that say so. The JSON Schema is
[schema/seaworthy.schema.json](../schema/seaworthy.schema.json); an editor with a YAML language server takes it from a first line

    # yaml-language-server: $schema=https://raw.githubusercontent.com/seaworthyhq/seaworthy/main/schema/seaworthy.schema.json

An example:

` + "```yaml" + `
name: hrefcounter
checks:
  test: {reports: /src/reports, timeout: 10m}
  bench: skip          # listed as skipped
  dev: run             # gates although its name says it is for developers
environments:
  staging:
    compose: [compose.yaml, compose.staging.yaml]
    services:
      web: {replicas: 4, ports: ["80:8080"]}
` + "```" + `

| key | type | |
| --- | --- | --- |
`)
	s := &shape{root: root}
	writeKeys(&b, s, s.deref(root), "")
	b.WriteString(aboutReports)
	return b.Bytes()
}

const aboutReports = `
## Reports

` + "```yaml" + `
checks:
  test: {reports: /src/reports, timeout: 10m}
  lint: {reports: [/src/lint.xml, "/src/**/*.sarif"]}
` + "```" + `

A mapping means ` + "`run`" + `. The files of a check are in ` + "`.seaworthy/reports/STAGE/`" + ` of your project when its build has ended: those of
a folder, a single file by its name, and what a glob finds by its path behind the part without ` + "`*`" + `. They are taken from the file system
that the stage left, so it needs no shell; where it failed or ran out of time, from that of the instruction it ended in. What an earlier run
left in the folder goes when all has come. A check that was stopped (an image failed, or Ctrl-C) or not reached, or whose files could not be
written whole, leaves it as it is; of one that had begun, a warning says so. Links, pipes and devices in a folder are not taken, and at
most 10,000 files of 256 MiB in all. What is on a
` + "`RUN --mount=type=cache`" + ` or ` + "`tmpfs`" + ` is no part of the stage: copy it out. A path that is a link leads where it does within the stage. One
that is not there, a pipe or a device, or of which something had to be left out, is a warning that says so. Of a Dockerfile that
a service brought with it, the folder is ` + "`.seaworthy/reports/SERVICE/STAGE/`" + `.

Where several names mean a stage, as ` + "`test`" + ` and ` + "`api/test`" + ` do, each key counts from the most precise name that has it: with
` + "`test: {reports: /r}`" + ` and ` + "`api/test: {timeout: 5s}`" + `, ` + "`api/test`" + ` has both.

A check without ` + "`timeout`" + ` may take any time. While one hangs, the end of the build waits for it, but not the news that another one
failed: that is told at once, and Ctrl-C ends the rest. An instruction that several stages have in common, or that an image needs, may
run as long as the most patient of them allows.

JUnit XML and what ` + "`go test -json`" + ` writes are summed up, found by their content: "142 tests, 2 failed: TestParse, TestRead; 1 skipped". Where no report
says anything of tests, ` + "`go test -json`" + ` on the check's standard output counts; the log shows what counts as ` + "`go test -v`" + ` would write it,
and all else as it is. Test cases count, and what the attributes of JUnit XML say of them only where there are none. A report that is
empty, broken off, or says that tests failed and not which, is a warning that names it; what it has counts. UTF-16 is read as well.
The exit code alone decides whether a check passes; that one passes which reports tests that failed is a warning.
`

func writeKeys(b *bytes.Buffer, s *shape, schema map[string]any, prefix string) {
	properties, _ := members(schema)
	for _, name := range slices.SortedFunc(maps.Keys(properties), byBuilt(properties)) {
		field := properties[name].(map[string]any)
		sub := s.deref(field)
		text, _ := field["description"].(string)
		if field["x-later"] != nil {
			text = "**Not built yet.** " + text
		}
		fmt.Fprintf(b, "| `%s%s` | %s | %s |\n", prefix, name, typeForPeople(s, sub), text)
		if field["x-later"] != nil {
			continue
		}
		writeKeys(b, s, sub, prefix+name+".")
		if items, ok := sub["additionalProperties"].(map[string]any); ok {
			items = s.deref(items)
			for _, form := range append(schemas(items["oneOf"]), items) {
				writeKeys(b, s, s.deref(form), prefix+name+".*.")
			}
		}
	}
}

func byBuilt(properties map[string]any) func(a, b string) int {
	later := func(name string) string {
		if properties[name].(map[string]any)["x-later"] != nil {
			return "1" + name
		}
		return "0" + name
	}
	return func(a, b string) int { return strings.Compare(later(a), later(b)) }
}

func typeForPeople(s *shape, schema map[string]any) string {
	if branches := schemas(schema["oneOf"]); branches != nil {
		var names []string
		for _, branch := range branches {
			names = append(names, typeForPeople(s, s.deref(branch)))
		}
		return oneOf(names)
	}
	if values := stringsOf(schema["enum"]); values != nil {
		return "`" + strings.Join(values, "` or `") + "`"
	}
	return typeNames[strings.Join(typesOf(schema), "")]
}

// Every key of the specification has a rule of its own, or shares that of what it stands below. Services are where
// silence would hurt: each of their keys has one of its own.
func TestEveryKeyOfTheSpecificationHasAVerdict(t *testing.T) {
	known := map[string]bool{}
	for _, p := range schema.AttributePaths() {
		known[string(p)] = true
		at, rule := ruleTreeOfAll(), (*Rule)(nil)
		parts := strings.Split(string(p), ".")
		exact := false
		for _, name := range parts {
			if at = at.child(name); at == nil {
				exact = false
				break
			}
			if exact = at.rule != nil; exact {
				rule = at.rule
			}
		}
		if rule == nil || strings.HasPrefix(string(p), "services.") && len(parts) == 3 && !exact {
			t.Errorf("%s has no rule", p)
		}
		if len(parts) == 4 && parts[0] == "services" && (parts[2] == "build" || parts[2] == "deploy") && parts[3] != "*" && !exact {
			t.Errorf("%s has no rule of its own", p)
		}
		if len(parts) == 3 && parts[1] == "*" && slices.Contains([]string{"networks", "volumes", "configs", "secrets"}, parts[0]) && !exact {
			t.Errorf("%s has no rule of its own", p)
		}
	}
	seen := map[string]bool{}
	for _, rule := range Rules() {
		if !known[rule.Path] && !known[rule.Path+".*"] {
			t.Errorf("there is a rule for %s, which the specification does not have", rule.Path)
		}
		if seen[rule.Path] {
			t.Errorf("%s has two rules", rule.Path)
		}
		seen[rule.Path] = true
		if rule.Verdict != Honoured && rule.Word == "" {
			t.Errorf("%s is %s without a word", rule.Path, rule.Verdict)
		}
	}
}

// JSONSchema describes both forms.
func (Strings) JSONSchema() *jsonschema.Schema {
	text := &jsonschema.Schema{Type: "string"}
	return &jsonschema.Schema{OneOf: []*jsonschema.Schema{text, {Type: "array", Items: text}}}
}

// JSONSchema describes both forms.
func (CheckSetting) JSONSchema() *jsonschema.Schema {
	properties := jsonschema.NewProperties()
	reports := Strings{}.JSONSchema()
	reports.Description = "Where in the stage the check leaves its reports: files, folders or globs (`*`, `**`), from the root. They are kept in " +
		"`.seaworthy/reports/STAGE/` of the project, whether it passes, comes from cache, fails or runs out of time."
	reports.Examples = []any{"/src/reports"}
	properties.Set("reports", reports)
	properties.Set("timeout", &jsonschema.Schema{
		Type: "string", Description: "How long the check may take, from its first instruction after FROM; waiting for other stages or for its turn does not count. Then it is ended, and fails.", Examples: []any{"10m"},
	})
	return &jsonschema.Schema{OneOf: []*jsonschema.Schema{
		{Type: "string", Enum: []any{string(CheckSkip), string(CheckRun)}, Description: "skip: listed, not built. run: gates the release, whatever its name."},
		{Type: "object", Properties: properties, AdditionalProperties: jsonschema.FalseSchema},
	}}
}
