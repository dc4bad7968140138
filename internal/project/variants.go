package project

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/distribution/reference"
)

// user is a service of an environment.
type user struct{ service, environment string }

// settle gives Dockerfiles and their stages the names that they go by, now that all are known who build from them, and returns
// the Dockerfiles in order. What several builds of one Dockerfile make alike is one stage: where they differ in nothing but
// arguments and labels, it has one key in all that make it of the same.
func (b *builds) settle(environments []*Environment) []*Dockerfile {
	names := renaming{dockerfiles: map[string]string{}, stages: map[string]string{}}
	var all []*Dockerfile
	for _, f := range b.families(b.nameUsers(environments)) {
		f.joinNeeds()
		for i := range f.builds {
			f.share(i)
		}
		for i := range f.builds {
			f.rename(i, names)
		}
		all = append(all, f.builds...)
	}
	for _, env := range environments {
		for _, s := range env.Services {
			if s.Build != nil {
				s.Build.Dockerfile, s.Build.Stage = names.dockerfiles[s.Build.Dockerfile], names.stages[s.Build.Stage]
			}
		}
	}
	return all
}

// nameUsers says of each Dockerfile which services are built from it, and returns from which of its stages, by its key. A service
// that is built from another one in another environment than the one that was asked for has its environment with it.
func (b *builds) nameUsers(environments []*Environment) map[string][]need {
	asked, called := environments[0].Name, map[user]string{}
	uses := map[string]map[*Dockerfile]bool{}
	for d, users := range b.users {
		for _, u := range users {
			if uses[u.service] == nil {
				uses[u.service] = map[*Dockerfile]bool{}
			}
			uses[u.service][d] = true
		}
	}
	for d, users := range b.users {
		for _, u := range users {
			name := u.service
			if len(uses[name]) > 1 && !slices.Contains(users, user{name, asked}) {
				name += "@" + u.environment
			}
			called[u] = name
			d.Services = append(d.Services, name)
		}
		d.Services = inOrder(d.Services)
	}
	images := map[string][]need{}
	for _, env := range environments {
		for _, s := range env.Services {
			if s.Build != nil {
				images[s.Build.Dockerfile] = append(images[s.Build.Dockerfile], need{called[user{s.Name, env.Name}], s.Build.Stage})
			}
		}
	}
	return images
}

// family are the builds of one Dockerfile with one context.
type family struct {
	builds []*Dockerfile
	kinds  []string // of builds: equal where they differ in nothing but arguments and labels
	needs  []*needs
	main   bool // it is that of the project's main Dockerfile
}

// families are those of all builds, the main one first, then in the order of their services.
func (b *builds) families(images map[string][]need) []*family {
	var all []*family
	for _, d := range b.list {
		i := slices.IndexFunc(all, func(f *family) bool { return f.builds[0].SameFile(d) })
		if i < 0 {
			i, all = len(all), append(all, &family{})
		}
		f := all[i]
		f.builds, f.main = append(f.builds, d), f.main || d.Key == ""
	}
	byServices := func(x, y *Dockerfile) int { return slices.Compare(x.Services, y.Services) }
	for _, f := range all {
		slices.SortFunc(f.builds, byServices)
		for _, d := range f.builds {
			f.kinds, f.needs = append(f.kinds, kind(d)), append(f.needs, needsOf(d, images[d.Key]))
		}
	}
	slices.SortFunc(all, func(x, y *family) int { return byServices(x.builds[0], y.builds[0]) })
	main := slices.IndexFunc(all, func(f *family) bool { return f.main })
	if main > 0 {
		all = slices.Concat(all[main:main+1], all[:main], all[main+1:])
	}
	return all
}

// kind is all that decides what a Dockerfile makes, but for the arguments that only stages take heed of, and for the labels of images.
func kind(d *Dockerfile) string {
	if d.otherLanguage() {
		return identity(d)
	}
	d2 := *d
	d2.Labels = nil
	d2.Args = maps.Clone(d.Args)
	maps.DeleteFunc(d2.Args, func(name, _ string) bool { return !heededAnyway(name) })
	return identity(&d2)
}

// otherLanguage reports whether the text is for another frontend than the Dockerfile's: what that makes of arguments is not known.
func (d *Dockerfile) otherLanguage() bool {
	named, err := reference.ParseNormalizedNamed(d.Syntax)
	return err == nil && !strings.HasPrefix(reference.FamiliarName(named), "docker/dockerfile")
}

// dateArg is the argument by which BuildKit dates what it makes.
const dateArg = "SOURCE_DATE_EPOCH"

// heededAnyway reports whether an argument counts in stages that do not declare it: for the builder, for FROM, or as a proxy of RUN.
func heededAnyway(argument string) bool {
	_, platform := platformArgs()[argument]
	return platform || argument == dateArg || strings.HasPrefix(argument, "BUILDKIT_") || strings.HasSuffix(strings.ToLower(argument), "_proxy")
}

// same are the builds, by index, that have the very stage that one of them has. Labels tell images from each other; where a stage is
// no image, it goes with one that is.
func (f *family) same(build, stage int) []int {
	var like []int
	var labels map[string]string // of an image
	for i, d := range f.builds {
		if i != build && (f.kinds[i] != f.kinds[build] || stage >= len(d.Stages) || d.Stages[stage].sum != f.builds[build].Stages[stage].sum) {
			continue
		}
		if like = append(like, i); labels == nil && f.needs[i].images[stage] {
			labels = d.Labels
		}
	}
	labelsOf := func(i int) map[string]string {
		if f.needs[i].images[stage] {
			return f.builds[i].Labels
		}
		return labels
	}
	return slices.DeleteFunc(like, func(i int) bool { return !maps.Equal(labelsOf(i), labelsOf(build)) })
}

// joinNeeds lets a stage be needed wherever it is needed in one of the builds that have it.
func (f *family) joinNeeds() {
	if len(f.builds) == 1 {
		return
	}
	own := make([]map[int][]string, len(f.builds))
	for i, n := range f.needs {
		own[i], n.image = n.image, map[int][]string{}
	}
	for build, n := range f.needs {
		for i := range n.Stages {
			for _, o := range f.same(build, i) {
				n.image[i] = append(n.image[i], own[o][i]...)
			}
			n.image[i] = inOrder(n.image[i])
		}
	}
}

// share says for which services the stages of a build are. The name has them in it where others have another stage of that name; there,
// only those that it is needed for. What it takes from may be for services that have another one of it: two stages have no service
// in common, and so not their names.
func (f *family) share(build int) {
	for i := range f.builds[build].Stages {
		s := &f.builds[build].Stages[i]
		same := f.same(build, i)
		var needing []string
		for _, o := range same {
			s.Services = append(s.Services, f.builds[o].Services...)
			needing = append(needing, f.needs[o].of(i)...)
		}
		s.Services = inOrder(s.Services)
		needing = slices.DeleteFunc(needing, func(service string) bool { return !slices.Contains(s.Services, service) })
		if len(needing) == 0 {
			needing = slices.Clone(s.Services)
		}
		switch {
		case len(same) < len(f.builds):
			s.Prefix = joined(inOrder(needing))
		case !f.main:
			s.Prefix = joined(s.Services)
		}
	}
}

func inOrder(names []string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}

// renaming has the keys of Dockerfiles and stages by those that they were parsed with.
type renaming struct{ dockerfiles, stages map[string]string }

// rename gives a build and its stages their keys.
func (f *family) rename(build int, names renaming) {
	d := f.builds[build]
	was := d.Key
	if d.Key = joined(d.Services); f.main && len(f.builds) == 1 {
		d.Key = ""
	}
	names.dockerfiles[was] = d.Key
	if first := slices.Index(f.kinds, f.kinds[build]); first < build {
		d.VariantOf = f.builds[first].Key
	}
	for i := range d.Stages {
		s := &d.Stages[i]
		names.stages[s.Key] = keyOf(s.Prefix, s.Name)
		s.Key = names.stages[s.Key]
	}
	for i := range d.Stages {
		s := &d.Stages[i]
		s.From.Stage = names.stages[s.From.Stage]
		for j := range s.Copies {
			s.Copies[j].Stage = names.stages[s.Copies[j].Stage]
		}
	}
}

// joined are names as one word.
func joined(names []string) string {
	const most = 3
	if len(names) > most {
		names = append(slices.Clip(names[:most-1]), fmt.Sprintf("%d-more", len(names)-most+1))
	}
	return strings.Join(names, "+")
}

// sums tell what stages make, as far as arguments decide that: equal in two builds that differ in arguments only, a stage is
// the same in both.
func (p *dockerfileParser) sums() {
	dated := p.dated()
	for i := range p.Stages {
		p.sum(&p.Stages[i], dated)
	}
}

// dated are the arguments that can decide about the time that all stages get: its own may come from others, and may be the name of
// a stage, of which it takes that of the image.
func (p *dockerfileParser) dated() []string {
	if p.Args[dateArg] == "" && p.args[dateArg] == "" {
		return nil
	}
	var all []string
	for name, value := range p.args {
		all = append(all, name+"="+value)
	}
	slices.Sort(all)
	return all
}

func (p *dockerfileParser) sum(s *Stage, dated []string) string {
	if s.sum != "" {
		return s.sum
	}
	takes := [][]string{{fmt.Sprint(s.Index), s.Platform}, p.given[s.Index], dated}
	for _, e := range s.edges() {
		from := ""
		if source := p.stageByKey(e.Stage); source != nil {
			from = p.sum(source, dated)
		}
		takes = append(takes, []string{string(e.Kind), e.Image, e.Context, from})
	}
	text, err := json.Marshal(takes)
	if err != nil {
		panic(err) // plain data
	}
	s.sum = fmt.Sprintf("%x", sha256.Sum256(text))
	return s.sum
}
