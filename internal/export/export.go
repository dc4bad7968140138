// Package export writes what an environment runs as a compose file by digest, for Docker or anything else that runs Compose. It
// is pure: a configuration goes in, and the text of a file, with a list of what has to lie beside it, comes out. It knows no
// engine and touches no file.
package export

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/distribution/reference"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

// Names of what an export is made of, in its folder.
const (
	ComposeFile = "compose.yaml"
	filesDir    = "files"   // contents that the release carries
	secretsDir  = "secrets" // values that whoever runs it fills in
)

// Mark is how an exported compose file begins.
const Mark = "# Made by seaworthy export"

// imageDomain is that of images which only an archive has. No registry can have it, so nobody can put another image there.
const imageDomain = "seaworthy.local"

// Input is what is exported.
type Input struct {
	Environment release.Environment
	Release     release.ID
	Config      release.Config
	// Archived takes every image from an archive, those that a registry has as well.
	Archived bool
}

// Export is a compose file and what belongs to it. Paths are relative to its folder.
type Export struct {
	Compose []byte
	Files   map[string]release.File // to be written, by path
	Secrets map[string]string       // names of the secrets whose values are to be filled in, by path
	Images  map[string]release.Image
	// Notes say what Docker will do otherwise than Seaworthy, for people.
	Notes []string
}

// Compose is the configuration as a compose file. Images that a registry has are named with their digest; those that were built
// are named for an archive, which Images lists by the names that Docker knows them by once it has loaded it.
func Compose(in Input) (*Export, error) {
	x := &exporter{
		Input:   in,
		Export:  &Export{Files: map[string]release.File{}, Secrets: map[string]string{}, Images: map[string]release.Image{}},
		project: &types.Project{Name: projectName(in.Environment), Services: types.Services{}, Networks: types.Networks{}, Volumes: types.Volumes{}, Secrets: types.Secrets{}},
	}
	for _, s := range in.Config.Services {
		if err := x.service(s); err != nil {
			return nil, fmt.Errorf("export service %s: %w", s.Name, err)
		}
	}
	x.networks()
	x.volumes()
	text, err := x.text()
	if err != nil {
		return nil, fmt.Errorf("write compose file of %s: %w", in.Environment, err)
	}
	x.Compose = text
	return x.Export, nil
}

type exporter struct {
	Input
	*Export
	project *types.Project
}

// projectName keeps environments of one project apart on one Docker.
func projectName(env release.Environment) string {
	if env.Name == "local" {
		return env.Project
	}
	return env.Project + "-" + env.Name
}

// image is the name under which Docker finds the image.
func (x *exporter) image(service string, img release.Image) (string, error) {
	if img.Stage != "" || x.Archived {
		return x.archived(service, img), nil
	}
	named, err := reference.ParseDockerRef(img.Ref)
	if err != nil {
		return "", fmt.Errorf("read image %s: %w", img.Ref, err)
	}
	name := reference.FamiliarName(named)
	if tagged, ok := named.(reference.Tagged); ok {
		name += ":" + tagged.Tag()
	}
	return name + "@" + string(img.Digest), nil
}

// archived names an image for the archive, those of several services once.
func (x *exporter) archived(service string, img release.Image) string {
	for name, other := range x.Images {
		if other.Digest == img.Digest {
			return name
		}
	}
	name := strings.ToLower(fmt.Sprintf("%s/%s/%s:%s", imageDomain, x.Environment.Project, service, img.Digest.Short()))
	x.Images[name] = img
	return name
}

// networks are those that Compose does not make by itself.
func (x *exporter) networks() {
	for _, n := range x.Config.Networks {
		if n.Name != "default" || n.Internal {
			x.project.Networks[n.Name] = types.NetworkConfig{Internal: n.Internal}
		}
	}
}

func (x *exporter) volumes() {
	for _, v := range x.Config.Volumes {
		x.project.Volumes[v.Name] = types.VolumeConfig{External: types.External(v.External)}
	}
}

// header are the lines that stand at the top of the file.
func (x *exporter) header() []string {
	lines := []string{
		Mark,
		fmt.Sprintf("%s of %s", x.Release, x.Environment),
	}
	if len(x.Images) > 0 {
		lines = append(lines, "", "Images that Docker is handed in an archive (seaworthy export --images FILE, docker load -i FILE):")
		for _, name := range slices.Sorted(maps.Keys(x.Images)) {
			lines = append(lines, "  "+name+"  "+string(x.Images[name].Digest))
		}
	}
	if len(x.Secrets) > 0 {
		lines = append(lines, "", "Values that are not exported; write them into these files:")
		for _, file := range slices.Sorted(maps.Keys(x.Secrets)) {
			lines = append(lines, "  "+file)
		}
	}
	if len(x.Notes) > 0 {
		lines = append(lines, "", "What to know before Docker runs it:")
		for _, note := range x.Notes {
			lines = append(lines, "  "+note)
		}
	}
	for i, line := range lines[1:] {
		lines[i+1] = strings.TrimRight("# "+line, " ")
	}
	return lines
}

// beside is a path in the folder as a compose file writes it.
func beside(dir string, more ...string) string {
	return "./" + path.Join(append([]string{dir}, more...)...)
}
