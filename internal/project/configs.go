package project

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"slices"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/seaworthyhq/seaworthy/internal/plainfile"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// configs puts the contents of configs at their places.
func (c *converter) configs(s types.ServiceConfig, out *release.Service) {
	for _, use := range s.Configs {
		config, ok := c.project.Configs[use.Source]
		if !ok {
			c.reportUnknown(servicePath(s.Name, "configs"), use.Source, "config", slices.Sorted(maps.Keys(c.project.Configs)))
			continue
		}
		target := cmp.Or(use.Target, "/"+use.Source)
		f := release.File{Target: target, UID: use.UID, GID: use.GID, Mode: 0o444}
		if use.Mode != nil {
			f.Mode = uint32(*use.Mode)
		}
		if c.configContent(use.Source, config, &f) {
			out.Files = append(out.Files, f)
		}
	}
}

func (c *converter) configContent(name string, config types.ConfigObjConfig, f *release.File) bool {
	if config.File != "" {
		if message := c.astray(config.File); message != "" {
			c.add(c.at(trail{"configs", name, "file"}, message, astrayHint))
			return false
		}
		read, err := c.file(config.File, f.Target)
		if err != nil {
			c.add(c.at(trail{"configs", name, "file"}, fmt.Sprintf("%s cannot be read: %s", relative(c.dir, config.File), reason(err)), "make it, or correct the path"))
			return false
		}
		f.Digest, f.Size = read.Digest, read.Size
		return true
	}
	if _, set := c.lookup(config.Environment); config.Environment != "" && !set {
		c.add(c.at(trail{"configs", name, "environment"}, fmt.Sprintf("the variable %s is not set", config.Environment), "set it in .env"))
		return false
	}
	b := []byte(config.Content)
	f.Digest, f.Size = release.DigestOf(b), int64(len(b))
	c.contents[f.Digest] = content{bytes: b}
	return true
}

// secrets names the secrets and their places. Only the source is checked, no value is read.
func (c *converter) secrets(s types.ServiceConfig, out *release.Service) {
	for _, use := range s.Secrets {
		secret, ok := c.project.Secrets[use.Source]
		if !ok {
			c.reportUnknown(servicePath(s.Name, "secrets"), use.Source, "secret", slices.Sorted(maps.Keys(c.project.Secrets)))
			continue
		}
		c.checkSecret(use.Source, secret)
		target := cmp.Or(use.Target, use.Source)
		if !path.IsAbs(target) {
			target = path.Join("/run/secrets", target)
		}
		r := release.Secret{Name: use.Source, Target: target, UID: use.UID, GID: use.GID, Mode: 0o444}
		if use.Mode != nil {
			r.Mode = uint32(*use.Mode)
		}
		out.Secrets = append(out.Secrets, r)
	}
}

// checkSecret reports a value that is not there. Those of other environments need not be at hand here.
func (c *converter) checkSecret(name string, secret types.SecretConfig) {
	switch {
	case !c.asked:
	case secret.File != "":
		if message := c.astray(secret.File); message != "" {
			c.add(c.at(trail{"secrets", name, "file"}, message, astrayHint))
		} else if err := plainfile.Check(secret.File); err != nil {
			c.add(c.at(trail{"secrets", name, "file"}, whyNot(c.dir, secret.File, err), "make it; it should not be in git"))
		}
	case secret.Environment != "":
		if _, set := c.secretVariable(secret.Environment); !set {
			c.add(c.at(trail{"secrets", name, "environment"}, fmt.Sprintf("the variable %s is not set", secret.Environment), "set it in your shell or in .env"))
		}
	}
}

// secretVariable is a variable that a secret may come from: that of the shell in every environment, since a value is handed
// over beside the release and is no part of it.
func (c *composeFiles) secretVariable(name string) (string, bool) {
	if v, ok := c.shell[name]; ok {
		return v, true
	}
	return c.lookup(name)
}
