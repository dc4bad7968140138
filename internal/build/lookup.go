package build

import (
	"strings"

	"github.com/containerd/platforms"
	"github.com/distribution/reference"
	"github.com/moby/buildkit/client/llb/sourceresolver"
	"github.com/opencontainers/go-digest"
)

// The schemes of images in the solver's sources.
const (
	imageSource  = "docker-image://"
	layoutSource = "oci-layout://"
)

// lookUpKey is what vertices that look up the same image have in common.
func lookUpKey(ref string) string { return "look up " + ref }

// looksUp notes that a target is about to ask what an image is. That is a vertex of the solver's, too, whose digest is of the
// image's name: it belongs to the stages that name the image, as far as the Dockerfile alone says so, and to those that turn
// out to use it.
func (p *progress) looksUp(target Target, ref string, opt sourceresolver.Opt) {
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return // the solver says what is wrong with it
	}
	source, platform := imageSource, platforms.DefaultSpec()
	switch {
	case opt.OCILayoutOpt != nil:
		source = layoutSource
		if opt.OCILayoutOpt.Platform != nil {
			platform = *opt.OCILayoutOpt.Platform
		}
	case opt.ImageOpt != nil && opt.ImageOpt.Platform != nil:
		platform = *opt.ImageOpt.Platform
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	v := p.vertex(digest.FromString(source + named.String() + platforms.FormatAll(platform)))
	v.source = source + named.String()
	in := p.join(v, lookUpKey(imageName(named.String())))
	in.text = plain(opt.LogName)
	p.need(v, p.targets[target.Key])
	p.belongs(in, p.all.named(imageName(named.String())))
}

// image is the name of the image that a node fetches, or "".
func (n node) image() string {
	for _, scheme := range []string{imageSource, layoutSource} {
		if ref, ok := strings.CutPrefix(n.source, scheme); ok {
			return imageName(ref)
		}
	}
	return ""
}

// imageName is a reference in full, without the digest where there is a tag: what it was called before it was looked up.
func imageName(ref string) string {
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return ref
	}
	if tagged, ok := named.(reference.NamedTagged); ok {
		return reference.TrimNamed(named).Name() + ":" + tagged.Tag()
	}
	return reference.TagNameOnly(named).String()
}
