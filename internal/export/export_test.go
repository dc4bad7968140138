package export

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

var update = flag.Bool("update", false, "write the goldens anew")

// TestComposeFiles compares what becomes of the configuration in each file of testdata with the compose file behind it. A new
// case is a new file with a configuration alone, and -update.
func TestComposeFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no cases", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var in Input
			if err := yaml.UnmarshalWithOptions(archive.Files[0].Data, &in, yaml.UseJSONUnmarshaler()); err != nil {
				t.Fatal(err)
			}
			out, err := Compose(in)
			if err != nil {
				t.Fatal(err)
			}
			if *update {
				archive.Files = append(archive.Files[:1], txtar.File{Name: ComposeFile, Data: out.Compose})
				if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if len(archive.Files) != 2 {
				t.Fatal("no golden: -update")
			}
			if diff := cmp.Diff(string(archive.Files[1].Data), string(out.Compose)); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestSecretsAndFilesLieBeside(t *testing.T) {
	out, err := Compose(Input{
		Environment: release.Environment{Project: "shop", Name: "production"}, Release: "r-1",
		Config: release.Config{Services: []release.Service{{
			Name: "web", Image: release.Image{Digest: release.DigestOf([]byte("web")), Ref: "web", Stage: "final"}, Replicas: 1,
			Files:   []release.File{{Target: "/etc/../etc/app.conf", Digest: "sha256:00", Size: 3}},
			Secrets: []release.Secret{{Name: "token", Target: "/run/secrets/token", Mode: 0o444, Mark: "sha256:11"}},
		}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if f, ok := out.Files["files/web/etc/app.conf"]; !ok || f.Digest != "sha256:00" || len(out.Files) != 1 {
		t.Errorf("files: %v", out.Files)
	}
	if diff := cmp.Diff(map[string]string{"secrets/token": "token"}, out.Secrets); diff != "" {
		t.Errorf("secrets (-want +got):\n%s", diff)
	}
	if bytes.Contains(out.Compose, []byte("sha256:11")) {
		t.Errorf("the mark of a secret is exported:\n%s", out.Compose)
	}
}

func TestAnImageThatCannotBeNamedIsAnError(t *testing.T) {
	_, err := Compose(Input{Config: release.Config{Services: []release.Service{{Name: "web", Image: release.Image{Ref: "No Such Image"}}}}})
	if err == nil || !strings.Contains(err.Error(), "web") {
		t.Errorf("got %v", err)
	}
}
