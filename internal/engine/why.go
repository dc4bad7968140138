package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/seaworthyhq/seaworthy/internal/cause"
	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/project"
	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/state"
)

// explaining returns a sink that adds to plans what made images others than those that serve.
func (e *Engine) explaining(ctx context.Context, known state.Environment, now release.Release, p *project.Project, sink event.Sink) event.Sink {
	if known.Serving == nil {
		return sink
	}
	was, is := known.Serving.Generation, now.Environments[known.Environment.Name]
	reasons := imageReasons{makings: &e.makings, project: p, now: now.Bases, read: func(d release.Digest) (ocispec.Image, error) {
		img, err := e.store.Image(ctx, d)
		return img.Config, err
	}, kept: func() (made recipe) {
		_ = e.db.View(func(tx state.Tx) error { return tx.Making(was.Release, &made) }) // nor without this
		return made
	}, files: e.builder.Files, same: func(was, is release.Digest) bool {
		same, err := e.store.SameButTimes(ctx, was, is)
		return same && err == nil
	}}
	_ = e.db.View(func(tx state.Tx) error { // without the record, which may have been collected, there are fewer reasons
		rec, err := tx.Release(was.Release)
		reasons.before = rec.Release.Bases
		return err
	})
	var first sync.Once // a plan that follows is the way back
	return event.SinkFunc(func(ev event.Event) {
		if ev.Plan != nil {
			first.Do(func() { explainImages(ev.Plan.Changes, was.Config, is, reasons.of) })
		}
		sink.Emit(ev)
	})
}

// explainImages says for each service whose image is another one what made it so.
func explainImages(changes []event.Change, was, is release.Config, because func(was, is release.Service) []string) {
	for i := range changes {
		old, fresh := was.Service(changes[i].Service), is.Service(changes[i].Service)
		if old != nil && fresh != nil && old.Image.Digest != fresh.Image.Digest {
			changes[i].Because = because(*old, *fresh)
		}
	}
}

// imageReasons says what made a service's image another one.
type imageReasons struct {
	makings *makings
	project *project.Project
	before  []release.Base // of the release that serves
	now     []release.Base
	read    func(release.Digest) (ocispec.Image, error)
	kept    func() recipe                     // of the release that serves
	files   func(digest.Digest) cause.Files   // of a list
	same    func(was, is release.Digest) bool // images that differ in nothing but times
}

func (r imageReasons) of(was, is release.Service) []string {
	if is.Image.Stage == "" {
		return pulledReasons(was.Image, is.Image)
	}
	service := r.project.Environment.Service(is.Name)
	if service == nil || service.Build == nil {
		return nil
	}
	reasons, moved := r.baseReasons(r.basesOf(service.Build.Stage))
	name := serviceIn(r.project.Environment.Name, is.Name)
	known := r.makings.between(r.project.Name, name, was.Image.Digest, is.Image.Digest)
	if known.was.operations == nil { // it was made before this engine started
		known.was = r.kept().of(name)
	}
	if known.older && len(reasons) == 0 {
		return []string{"as it was made before"}
	}
	if r.same(was.Image.Digest, is.Image.Digest) {
		return append([]string{"made anew, with the same content: only times are others"}, r.again(known)...)
	}
	if reasons = append(reasons, r.operationReasons(known, moved)...); len(reasons) > 0 {
		return reasons
	}
	return r.contentReasons(was.Image.Digest, is.Image.Digest)
}

// contentReasons compares the images themselves, where what made them is not known any more.
func (r imageReasons) contentReasons(was, is release.Digest) []string {
	old, err := r.read(was)
	if err != nil {
		return nil // a plan does not fail for want of a reason
	}
	fresh, err := r.read(is)
	if err != nil {
		return nil
	}
	layer := 0
	for _, h := range fresh.History {
		if h.EmptyLayer {
			continue
		}
		if layer >= len(fresh.RootFS.DiffIDs) {
			break
		}
		if layer >= len(old.RootFS.DiffIDs) || old.RootFS.DiffIDs[layer] != fresh.RootFS.DiffIDs[layer] {
			return []string{"from the layer on of: " + cause.FirstLine(strings.TrimSuffix(h.CreatedBy, " # buildkit"))}
		}
		layer++
	}
	return []string{"its configuration, not its content"}
}

func pulledReasons(was, is release.Image) []string {
	switch {
	case was.Stage != "":
		return []string{"it is no longer built, but " + is.Ref}
	case was.Ref != is.Ref:
		return []string{was.Ref + " → " + is.Ref}
	}
	return []string{is.Ref + " stands for another image now"}
}

// basesOf are the images that the stage with this key, and those that it is made of, begin with or take from.
func (r imageReasons) basesOf(key string) (bases []string) {
	seen := map[string]bool{}
	var visit func(string)
	visit = func(key string) {
		s := r.project.Stage(key)
		if s == nil || seen[key] {
			return
		}
		seen[key] = true
		for _, e := range append([]project.Edge{s.From}, s.Copies...) {
			visit(e.Stage)
			if e.Image != "" {
				bases = append(bases, e.Image)
			}
		}
	}
	visit(key)
	return bases
}

// baseReasons are the base images that stand for others than in the release that serves, and their references.
func (r imageReasons) baseReasons(used []string) (reasons, moved []string) {
	for _, b := range r.now {
		i := slices.IndexFunc(r.before, func(o release.Base) bool { return o.Ref == b.Ref })
		if i >= 0 && r.before[i].Digest != b.Digest && slices.ContainsFunc(used, func(ref string) bool { return familiar(ref) == b.Ref }) {
			reasons = append(reasons, fmt.Sprintf("base %s %s → %s", b.Ref, r.before[i].Digest.Short(), b.Digest.Short()))
			moved = append(moved, b.Ref)
		}
	}
	return reasons, moved
}

// familiar is an image's reference as releases write that of a base: "golang:1.26".
func familiar(ref string) string {
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return ref
	}
	return reference.FamiliarString(reference.TagNameOnly(named))
}
