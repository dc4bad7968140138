package build

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

// Variant is the Dockerfile with other build arguments, or labels of its images. A stage that has the same key in several is the
// same in all of them.
type Variant struct {
	Args   map[string]string
	Labels map[string]string
	Stages []Stage
	Takes  [][]int
}

// variants are all ways to build the Dockerfile, as targets count them.
func (r *Request) variants() []Variant {
	return append([]Variant{{r.Args, r.Labels, r.Stages, r.Takes}}, r.Variants...)
}

// stages are those of all variants, each once.
func (r *Request) stages() []Stage {
	if len(r.Variants) == 0 {
		return r.Stages
	}
	var all []Stage
	known := map[string]bool{}
	for _, v := range r.variants() {
		for _, s := range v.Stages {
			if !known[s.Key] {
				known[s.Key], all = true, append(all, s)
			}
		}
	}
	return all
}

// differing are the build arguments that are not the same in all variants.
func (r *Request) differing() map[string]bool {
	all := map[string]bool{}
	compare := func(args, others map[string]string) {
		for name, value := range args {
			other, given := others[name]
			all[name] = all[name] || !given || other != value
		}
	}
	for _, v := range r.Variants {
		compare(v.Args, r.Args)
		compare(r.Args, v.Args)
	}
	return all
}

// triggersArgument is an error where an image shows that a stage which was taken to be the same in several variants is not: an
// ONBUILD of it declares an argument that differs. Who formed the request could not know that, and has to be told with an ARG.
func (r *Request) triggersArgument(ref string, config []byte) error {
	if len(r.Variants) == 0 {
		return nil
	}
	var img dockerspec.DockerOCIImage
	_ = json.Unmarshal(config, &img) // the frontend says what is wrong with it
	for _, trigger := range img.Config.OnBuild {
		word, rest, _ := strings.Cut(strings.TrimSpace(trigger), " ")
		name, _, _ := strings.Cut(strings.TrimSpace(rest), "=")
		if s := r.sharedFrom(ref); s != nil && strings.EqualFold(word, "ARG") && r.differing()[name] {
			return &release.UserError{
				Kind: release.KindProject,
				Err:  fmt.Errorf("stage %s (%s:%d): %s declares the argument %s by ONBUILD, which services give different values", s.Name, r.filename(), s.Line, ref, name),
				Hint: fmt.Sprintf("declare it in the stage, too, so that there is one of it for each: ARG %s behind FROM", name),
			}
		}
	}
	return nil
}

// sharedFrom is a stage that several variants have and that begins with an image, or nil.
func (r *Request) sharedFrom(ref string) *Stage {
	count := map[string]int{}
	for _, v := range r.variants() {
		for i := range v.Stages {
			s := &v.Stages[i]
			from := func(use ImageUse) bool { return use.Line == s.Line && imageName(use.Ref) == imageName(ref) }
			if count[s.Key]++; count[s.Key] > 1 && slices.ContainsFunc(s.Images, from) {
				return s
			}
		}
	}
	return nil
}
