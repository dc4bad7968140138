package project

import (
	"encoding/json"
	"maps"
	"path/filepath"
	"slices"
	"testing"

	"github.com/compose-spec/compose-go/v2/schema"
	"github.com/rogpeppe/go-internal/txtar"

	published "github.com/seaworthyhq/seaworthy/schema"
)

// A keyword that shape does not know would let through what the schema forbids.
func TestSchemasUseOnlyWhatShapeKnows(t *testing.T) {
	known := []string{
		"type", "enum", "pattern", "minimum", "maximum", "uniqueItems", "items", "required", "properties", "patternProperties",
		"additionalProperties", "unevaluatedProperties", "allOf", "oneOf", "anyOf", "$ref", "$defs", "x-later",
		"$schema", "$id", "title", "description", "deprecated", "default", "examples", // say nothing about what is allowed
	}
	for name, text := range map[string][]byte{"compose": []byte(schema.Schema), "seaworthy": published.Seaworthy} {
		var root any
		if err := json.Unmarshal(text, &root); err != nil {
			t.Fatal(err)
		}
		keywords := map[string]bool{}
		collectKeywords(root, keywords)
		for _, word := range slices.Sorted(maps.Keys(keywords)) {
			if !slices.Contains(known, word) {
				t.Errorf("the schema of %s uses %q", name, word)
			}
		}
	}
}

func collectKeywords(schema any, into map[string]bool) {
	m, ok := schema.(map[string]any)
	if !ok {
		return
	}
	for word, v := range m {
		into[word] = true
		switch word {
		case "properties", "patternProperties", "$defs":
			for _, sub := range v.(map[string]any) {
				collectKeywords(sub, into)
			}
		case "allOf", "oneOf", "anyOf":
			for _, sub := range v.([]any) {
				collectKeywords(sub, into)
			}
		default:
			collectKeywords(v, into)
		}
	}
}

// What shape allows, the validator that compose-go comes with allows, and the other way round.
func TestShapeAgreesWithAFullValidator(t *testing.T) {
	archives, err := filepath.Glob("testdata/problems/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatalf("no archives: %v", err)
	}
	for _, archive := range archives {
		parsed, err := txtar.ParseFile(archive)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range parsed.Files {
			if f.Name == "compose.yaml" {
				agree(t, archive, f.Data)
			}
		}
	}
	for _, text := range []string{
		"services: {web: {ports: [80, \"80:80\", {target: 80}, {taget: 80}]}}",
		"services: {web: {ports: [[80]]}}",
		"services: {web: {command: {a: b}}}",
		"services: {web: {build: {context: 3}}}",
		"services: {web: {build: {contxt: .}}}",
		"services: {web: {environment: [A=b, A=b]}}",
		"services: {web: {environment: {A: [b]}}}",
		"services: {web: {environment: {A: , B: 1, C: 1.5, D: true}}}",
		"services: {web: {ulimits: {nofile: {soft: 1}}}}",
		"services: {web: {ulimits: {nofile: {soft: 1, hard: 2}, NPROC: 3}}}",
		"services: {web: {depends_on: {db: {}}}}",
		"services: {web: {depends_on: {db: {condition: service_happy}}}}",
		"services: {web: {cpu_percent: 101}}",
		"services: {web: {oom_score_adj: -2000}}",
		"services: {web: {pull_policy: every_3d}}",
		"services: {web: {pull_policy: sometimes}}",
		"services: {web: {x-anything: {}, volumes: [{type: volume, x-a: 1}, {target: /x}]}}",
		"services: {\"we b\": {}}",
		"services: {web: }",
		"services: {web: {healthcheck: {retries: many}}}",
		"services: {web: {healthcheck: {retries: \"3\", test: [CMD, true]}}}",
		"services: {web: {gpus: all}}",
		"services: {web: {gpus: some}}",
		"volumes: {data: , other: {driver: local}, third: {drivr: local}}",
		"networks: {n: {ipam: {config: [{subnet: 10.0.0.0/8}]}}}",
		"networks: {n: {ipam: {config: [{sbnet: 10.0.0.0/8}]}}}",
		"jobs: {j: {image: x, triggers: {manual: true}}}",
		"jobs: {j: {image: x}}",
		"models: {m: {}}",
		"include: [a, {path: [b, c]}]",
		"name: 3",
	} {
		agree(t, text, []byte(text))
	}
}

func agree(t *testing.T, name string, text []byte) {
	t.Helper()
	doc, p := parseDocument(newSource("/", "/compose.yaml", text))
	if p != nil {
		return // no values to judge
	}
	twice := false
	decoded, _ := doc.decode(doc.root, func(Problem) { twice = true })
	values, ok := decoded.(map[string]any)
	if !ok || twice {
		return
	}
	ours := composeShape().check(values)
	theirs := schema.Validate(values)
	if (len(ours) == 0) != (theirs == nil) {
		t.Errorf("%s: we say %v, the full validator says %v", name, ours, theirs)
	}
}
