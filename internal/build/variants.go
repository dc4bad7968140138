package build

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
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

// sharedStage is a stage that several variants have.
type sharedStage struct {
	Stage
	variants []Variant
}

// sharedFrom are the stages that several variants have and that begin with an image.
func (r *Request) sharedFrom(ref string) []sharedStage {
	var all []sharedStage
	for _, v := range r.variants() {
		for _, s := range v.Stages {
			if !slices.ContainsFunc(s.Images, func(use ImageUse) bool { return use.Line == s.Line && imageName(use.Ref) == imageName(ref) }) {
				continue
			}
			i := slices.IndexFunc(all, func(o sharedStage) bool { return o.Key == s.Key })
			if i < 0 {
				i, all = len(all), append(all, sharedStage{Stage: s})
			}
			all[i].variants = append(all[i].variants, v)
		}
	}
	return slices.DeleteFunc(all, func(s sharedStage) bool { return len(s.variants) < 2 })
}

// differing are the build arguments that are not the same in all variants that have the stage, and those of the Dockerfile that are
// made of others.
func (s *sharedStage) differing(dockerfile []byte) []string {
	var all []string
	first := s.variants[0].Args
	compare := func(args, others map[string]string) {
		for name, value := range args {
			if other, given := others[name]; !given || other != value {
				all = append(all, name)
			}
		}
	}
	for _, v := range s.variants[1:] {
		compare(v.Args, first)
		compare(first, v.Args)
	}
	if parsed, err := parser.Parse(bytes.NewReader(dockerfile)); err == nil {
		_, global, _ := instructions.Parse(parsed.AST, nil)
		for _, command := range global {
			for _, a := range command.Args {
				if _, given := first[a.Key]; !given && len(all) > 0 && a.Value != nil && strings.Contains(*a.Value, "$") {
					all = append(all, a.Key)
				}
			}
		}
	}
	return all
}

// takesDiffering reports whether a stage that is named is not the same in all variants that have this one.
func (s *sharedStage) takesDiffering(of *outline, from string) bool {
	i, known := of.index(from)
	return known && from != "" && slices.ContainsFunc(s.variants, func(v Variant) bool {
		return i < len(v.Stages) && v.Stages[i].Key != s.variants[0].Stages[i].Key
	})
}

// triggersWhatDiffers is an error where an image shows that a stage which was taken to be the same in several variants is not: an
// ONBUILD of it declares an argument that differs, or takes from a stage that does. Who formed the request could not know that, and
// has to be told with an ARG.
func (r *Request) triggersWhatDiffers(ref string, config []byte) error {
	if len(r.Variants) == 0 {
		return nil
	}
	var img dockerspec.DockerOCIImage
	_ = json.Unmarshal(config, &img) // the frontend says what is wrong with it
	if len(img.Config.OnBuild) == 0 {
		return nil
	}
	of := outlineOf(r.Dockerfile, nil)
	for _, s := range r.sharedFrom(ref) {
		differing := s.differing(r.Dockerfile)
		if len(differing) == 0 {
			continue // labels are no matter of it
		}
		for _, trigger := range img.Config.OnBuild {
			arguments, sources := triggered(trigger)
			for _, name := range arguments {
				if slices.Contains(differing, name) {
					return r.notShared(s.Stage, fmt.Sprintf("%s declares the argument %s by ONBUILD, which services give different values", ref, name), name)
				}
			}
			for _, from := range sources {
				if s.takesDiffering(of, from) {
					return r.notShared(s.Stage, fmt.Sprintf("%s takes from the stage %s by ONBUILD, which is not the same for all services", ref, from), slices.Min(differing))
				}
			}
		}
	}
	return nil
}

func (r *Request) notShared(s Stage, why, argument string) error {
	return &release.UserError{
		Kind: release.KindProject,
		Err:  fmt.Errorf("stage %s (%s:%d): %s", s.Name, r.filename(), s.Line, why),
		Hint: fmt.Sprintf("let there be one of the stage for each of them: ARG %s behind its FROM", argument),
	}
}

// triggered are the arguments that an ONBUILD declares, and what it takes from.
func triggered(trigger string) (arguments, sources []string) {
	parsed, err := parser.Parse(strings.NewReader(trigger))
	if err != nil || len(parsed.AST.Children) != 1 {
		return nil, nil // the frontend says what is wrong with it
	}
	command, _ := instructions.ParseCommand(parsed.AST.Children[0])
	switch c := command.(type) {
	case *instructions.ArgCommand:
		for _, a := range c.Args {
			arguments = append(arguments, a.Key)
		}
	case *instructions.CopyCommand:
		sources = append(sources, c.From)
	case *instructions.RunCommand:
		for _, m := range instructions.GetMounts(c) {
			sources = append(sources, m.From)
		}
	}
	return arguments, sources
}
