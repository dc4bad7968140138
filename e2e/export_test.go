package e2e

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestExportIsWholeAndReadsAgain(t *testing.T) {
	t.Parallel()
	files := maps.Clone(planned)
	files["app.conf"] = "level = 3\n"
	files["compose.yaml"] = `services:
  shop:
    build: .
    ports: ["127.0.0.1:{{port}}:8080"]
    secrets: [token]
    volumes: ["data:/data", "./app.conf:/etc/app.conf:ro"]
    stop_grace_period: 1s
    deploy: {replicas: 2}
volumes: {data: {}}
secrets: {token: {file: ./token}}
`
	s := newSite(t, files)
	s.up(0)

	s.refused(2, []string{"export"}, "-o DIR") // the release carries a file
	out := filepath.Join(s.tmp, "out")
	archive := filepath.Join(out, "images.tar")
	said := s.run(0, "export", "-o", out, "--images", archive)
	for _, word := range []string{"docker load", "1 replica instead of 2", "secrets/token"} {
		if !strings.Contains(said, word) {
			t.Errorf("export does not say %q:\n%s", word, said)
		}
	}
	if content, err := os.ReadFile(filepath.Join(out, "files/shop/etc/app.conf")); err != nil || string(content) != "level = 3\n" {
		t.Errorf("the carried file: %q, %v", content, err)
	}
	compose, err := os.ReadFile(filepath.Join(out, "compose.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(compose), "open sesame") {
		t.Errorf("a secret is exported:\n%s", compose)
	}
	for _, name := range loadable(t, archive) {
		if !strings.HasPrefix(name, "seaworthy.local/shop/shop:") || !strings.Contains(string(compose), "image: "+name) {
			t.Errorf("Docker would not find %s by:\n%s", name, compose)
		}
	}
	s.run(0, "export", "-o", out) // over one of its own
	s.write(filepath.Join(s.tmp, "other", "compose.yaml"), "services: {}\n")
	s.refused(7, []string{"export", "-o", filepath.Join(s.tmp, "other")}, "not made")

	var plain struct{ Images map[string]string }
	s.readJSON(&plain, "export", "-o", out, "--all-images")
	if len(plain.Images) != 1 {
		t.Errorf("images: %v", plain.Images)
	}
	s.refused(3, []string{"config", "-C", out}, "secrets/token") // what is to be filled in
	s.write(filepath.Join(out, "secrets/token"), "open sesame")
	s.run(0, "config", "-C", out)
}

// loadable are the names that `docker load` gives the images of an archive, all of whose parts have to be there.
func loadable(t *testing.T, path string) (names []string) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var manifest []struct {
		Config           string
		RepoTags, Layers []string
	}
	there := map[string]bool{}
	r := tar.NewReader(f)
	for {
		head, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		there[head.Name] = true
		if head.Name == "manifest.json" {
			if err := json.NewDecoder(r).Decode(&manifest); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, image := range manifest {
		for _, part := range append(image.Layers, image.Config) {
			if !there[part] {
				t.Errorf("%s is not in the archive", part)
			}
		}
		names = append(names, image.RepoTags...)
	}
	if len(names) == 0 || !there["index.json"] {
		t.Errorf("no images in the archive: %v", manifest)
	}
	return names
}
