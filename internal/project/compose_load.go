package project

import (
	"context"
	"maps"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
)

// load merges the files. What the schema forbids has been reported before, so compose-go need not compile it.
func (c *composeFiles) load(ctx context.Context) bool {
	details := types.ConfigDetails{WorkingDir: c.dir, Environment: maps.Clone(c.variables)}
	for _, doc := range c.main {
		details.ConfigFiles = append(details.ConfigFiles, types.ConfigFile{Filename: doc.path, Content: doc.repaired()})
	}
	configure := func(o *loader.Options) {
		o.SetProjectName(c.name, true)
		o.SkipValidation = true
		o.SkipNormalization = true
		o.SkipConsistencyCheck = true
		o.SkipResolveEnvironment = true
		o.SkipResolveLabels = true
		o.Interpolate.Substitute = c.substitute
		o.Profiles = c.profiles
	}
	model, err := loader.LoadModelWithContext(ctx, details, configure)
	if err != nil {
		c.fail(err)
		return false
	}
	delete(model, "version")
	model["name"] = c.name
	c.model = cloneModel(model).(map[string]any)
	if model, err = loader.Normalize(model, details.Environment); err == nil {
		c.project, err = loader.ModelToProject(model, loader.ToOptions(&details, []func(*loader.Options){configure}), details)
	}
	if err != nil {
		c.fail(err)
		return false
	}
	return true
}

func cloneModel(v any) any {
	switch v := v.(type) {
	case map[string]any:
		m := make(map[string]any, len(v))
		for k, each := range v {
			m[k] = cloneModel(each)
		}
		return m
	case []any:
		list := make([]any, len(v))
		for i, each := range v {
			list[i] = cloneModel(each)
		}
		return list
	}
	return v
}
