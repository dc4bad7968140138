package tui

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

// inStep compares a generated document with the one in docs, or writes it with -update.
func inStep(t *testing.T, name string, want []byte) {
	t.Helper()
	path := filepath.Join("..", "..", "docs", name)
	if *update {
		if err := os.WriteFile(path, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("docs/%s is out of step (go test ./internal/tui -update): -want +got\n%s", name, diff)
	}
}

func TestExitCodesAreDocumented(t *testing.T) {
	var b bytes.Buffer
	b.WriteString(`# Exit codes

<!-- Generated from internal/release/exit.go: go test ./internal/tui -update -->

Every verb ends with one of these, and a script that reads it needs nothing else. With ` + "`--json`" + ` standard output ends
with the error too, in the same form wherever it came from (kind, message, hint, detail): in the last event of the verbs
that write events ([events](events.md#error)), and for the others as ` + "`{\"error\": {\"kind\": …, \"message\": …}}`" + ` in the
place of a result. People read it on standard error in any case.

| code | kind | meaning |
| ---: | --- | --- |
`)
	for _, e := range release.Exits() {
		fmt.Fprintf(&b, "| %d | %s | %s |\n", e.Code, e.Kind, e.Meaning)
	}
	inStep(t, "exit-codes.md", b.Bytes())
}

func TestEventsAreDocumented(t *testing.T) {
	doc := eventSchema(t)
	explains(t, doc, "")
	inStep(t, "events.md", doc)
}

func TestResultsAreDocumented(t *testing.T) {
	doc := resultSchema(t)
	explains(t, doc, ".") // nouns of the project are explained by what they are named after
	inStep(t, "json.md", doc)
}

// explains has every field in a document carry a meaning, but in sections whose heading has that in it.
func explains(t *testing.T, doc []byte, but string) {
	t.Helper()
	heading := ""
	for line := range strings.Lines(string(doc)) {
		if strings.HasPrefix(line, "## ") {
			heading = strings.TrimSpace(line)
		}
		if strings.HasSuffix(line, "|  |\n") && (but == "" || !strings.Contains(heading, but)) {
			t.Errorf("%s: a comment is missing in the source: %s", heading, line)
		}
	}
}
