package project_test

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	"golang.org/x/sys/unix"

	"github.com/seaworthyhq/seaworthy/internal/project"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// unpack writes the files of an archive into a directory named app, so that the project's name is known.
func unpack(t testing.TB, files []txtar.File) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "app")
	for _, f := range append(files, txtar.File{Name: ".keep"}) {
		path := filepath.Join(dir, f.Name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, f.Data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func unpackText(t testing.TB, archive string) string {
	t.Helper()
	return unpack(t, txtar.Parse([]byte(archive)).Files)
}

// TestProblems holds what Load says about each archive in testdata/problems against its file "want". A new case is a new
// archive; -update writes what Load says. Lines of the comment are options: "environment: staging", "variable: A=b". "pipe: NAME"
// makes a file that nobody writes to, "link: NAME TARGET" a symbolic link.
func TestProblems(t *testing.T) {
	archives, err := filepath.Glob("testdata/problems/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatalf("no archives: %v", err)
	}
	for _, file := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var want string
			var files []txtar.File
			for _, f := range archive.Files {
				if f.Name == "want" {
					want = string(f.Data)
				} else {
					files = append(files, f)
				}
			}
			dir := unpack(t, files)
			special(t, dir, string(archive.Comment))
			got := strings.ReplaceAll(said(t, dir, optionsIn(string(archive.Comment))), filepath.Dir(dir), "DIR")
			if flag.Lookup("update").Value.String() == "true" {
				archive.Files = append(slices.Clip(files), txtar.File{Name: "want", Data: []byte(got)})
				if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("what Load says has changed; -update writes it (-want +got):\n%s", diff)
			}
		})
	}
}

// special makes the files that an archive cannot hold.
func special(t *testing.T, dir, comment string) {
	t.Helper()
	for line := range strings.Lines(comment) {
		var err error
		kind, what, _ := strings.Cut(strings.TrimSpace(line), ": ")
		name, target, _ := strings.Cut(what, " ")
		switch kind {
		case "pipe":
			err = unix.Mkfifo(filepath.Join(dir, name), 0o644)
		case "link":
			err = os.Symlink(target, filepath.Join(dir, name))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func optionsIn(comment string) project.Options {
	var o project.Options
	for line := range strings.Lines(comment) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch key {
		case "environment":
			o.Environment = value
		case "profile":
			o.Profiles = append(o.Profiles, value)
		case "variable":
			name, v, _ := strings.Cut(value, "=")
			if o.Variables == nil {
				o.Variables = map[string]string{}
			}
			o.Variables[name] = v
		}
	}
	return o
}

func TestATextWithANULIsAProblemAtItsLine(t *testing.T) {
	for _, file := range []string{"Dockerfile", ".env", "vars.env", "seaworthy.yaml"} {
		files := []txtar.File{
			{Name: "Dockerfile", Data: []byte("FROM x\nENV KEY=value\n")},
			{Name: ".env", Data: []byte("A=b\nKEY=value\n")},
			{Name: "vars.env", Data: []byte("A=b\nKEY=value\n")},
			{Name: "seaworthy.yaml", Data: []byte("\nname: value\n")},
			{Name: "compose.yaml", Data: []byte("services: {web: {build: ., env_file: vars.env}}\n")},
		}
		i := slices.IndexFunc(files, func(f txtar.File) bool { return f.Name == file })
		files[i].Data = bytes.Replace(files[i].Data, []byte("value"), []byte("a\x00b"), 1)
		if got, want := said(t, unpack(t, files), project.Options{}), file+":2: a NUL character stands here\n\n\n\nremove it"; !strings.Contains(got, want) {
			t.Errorf("of %s it says\n%s", file, got)
		}
	}
}

// said is the error with its detail, or the warnings.
func said(t *testing.T, dir string, o project.Options) string {
	t.Helper()
	o.Dir = dir
	p, err := project.Load(t.Context(), o)
	if err == nil {
		return p.Warnings.Render() + "\n"
	}
	u, ok := errors.AsType[*release.UserError](err)
	if !ok {
		t.Fatalf("Load returned %T, which no user should see: %v", err, err)
	}
	return string(u.Kind) + ": " + u.Error() + "\n\n" + u.Detail + "\n\n" + u.Hint + "\n"
}

// explain is an error as the user sees it.
func explain(err error) string {
	if u, ok := errors.AsType[*release.UserError](err); ok {
		return u.Error() + "\n" + u.Detail
	}
	return err.Error()
}
