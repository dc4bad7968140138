package project_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/seaworthyhq/seaworthy/internal/project"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// Whatever stands in the files, Load returns a project or an error for people; it never panics. What the schema forbids
// never reaches compose-go, which relies on that.
func FuzzLoad(f *testing.F) {
	archives, err := filepath.Glob("testdata/problems/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, archive := range archives {
		parsed, err := txtar.ParseFile(archive)
		if err != nil {
			f.Fatal(err)
		}
		files := map[string]string{}
		for _, file := range parsed.Files {
			files[file.Name] = string(file.Data)
		}
		f.Add(files["Dockerfile"], files["compose.yaml"], files["seaworthy.yaml"])
	}
	f.Add("FROM scratch\nCOPY x /\n", fixtureText(), "name: a\n")
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, dockerfile, compose, settings string) {
		dir, err := os.MkdirTemp(dir, "") //nolint:usetesting // each of the many runs removes its own
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		for name, text := range map[string]string{"Dockerfile": dockerfile, "compose.yaml": compose, "seaworthy.yaml": settings} {
			if text == "" {
				continue
			}
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		_, err = project.Load(t.Context(), project.Options{Dir: dir})
		if _, forPeople := errors.AsType[*release.UserError](err); err != nil && !forPeople {
			t.Errorf("%T: %v", err, err)
		}
	})
}

func fixtureText() string {
	for _, file := range txtar.Parse([]byte(fixture(`{ports: ["80:80"], volumes: ["data:/data"], healthcheck: {test: "true"}, deploy: {resources: {limits: {cpus: "1"}}}}`))).Files {
		if file.Name == "compose.yaml" {
			return string(file.Data)
		}
	}
	return ""
}
