package project

import (
	"go.yaml.in/yaml/v4"

	"github.com/seaworthyhq/seaworthy/schema"
)

//go:generate go test -run ^TestGenerated -update .

// Settings is seaworthy.yaml: when and where the stages of the Dockerfile run. The published JSON Schema and
// docs/seaworthy-yaml.md are generated from this type and its comments.
type Settings struct {
	// The project's name, in lower case. Without it the compose file's name counts, then the folder's. An environment
	// other than local needs it.
	Name string `yaml:"name" jsonschema:"pattern=^[a-z0-9][a-z0-9_-]*$,example=hrefcounter"`
	// What to do about stages that no image needs. Without an entry a stage is built and gates the release, unless its
	// name says that it is for developers (dev*, debug*). Where several Dockerfiles, or services with other build arguments, have
	// a stage of that name, all are meant, and api/test is the one of the service api.
	Checks map[string]CheckSetting `yaml:"checks"`
	// The places where the project runs. Without any there is one, local, on this machine. A release has the configuration of
	// each; of one whose files are wrong or not there, only where that one is asked for: else a warning says that it has not.
	Environments map[string]*EnvironmentSettings `yaml:"environments"`
}

// EnvironmentSettings is an entry of environments.
type EnvironmentSettings struct {
	// What runs the environment: local is the engine on this machine. Others (ssh://, docker://, kubernetes://) are not built yet.
	Host string `yaml:"host" jsonschema:"default=local"`
	// The compose files, merged in this order. Without it compose.yaml counts, and for local compose.override.yaml too.
	Compose Strings `yaml:"compose"`
	// The profiles of the compose files that run.
	Profiles Strings `yaml:"profiles"`
	// Files with variables for the compose files. They count more than .env.
	EnvFile Strings `yaml:"env_file"`
	// What differs from the compose files, by service.
	Services map[string]*ServiceSettings `yaml:"services"`
	// Stages that run inside the environment before traffic moves.
	Verify Strings `yaml:"verify" jsonschema_extras:"x-later=true"`
	// What has to be true before a release may go here.
	Require *RequireSettings `yaml:"require" jsonschema_extras:"x-later=true"`
	// A stage that runs before traffic moves.
	Migrate string `yaml:"migrate" jsonschema_extras:"x-later=true"`
	// A SOPS file with the environment's secrets.
	Secrets string `yaml:"secrets" jsonschema_extras:"x-later=true"`
	// The repository that images are pushed to.
	Registry string `yaml:"registry" jsonschema_extras:"x-later=true"`
	// What is backed up, when, and how it is proven.
	Backup *BackupSettings `yaml:"backup" jsonschema_extras:"x-later=true"`
	// When to look for newer base images.
	Rebuild string `yaml:"rebuild" jsonschema_extras:"x-later=true"`
	// Who is told of what.
	Notify []NotifySettings `yaml:"notify" jsonschema_extras:"x-later=true"`
	// Stages that run on a schedule.
	Jobs map[string]JobSettings `yaml:"jobs" jsonschema_extras:"x-later=true"`
}

// ServiceSettings is an entry of environments.*.services.
type ServiceSettings struct {
	// How many replicas run.
	Replicas *int `yaml:"replicas" jsonschema:"minimum=0"`
	// The published ports, instead of those of the compose files, as Compose writes them.
	Ports []string `yaml:"ports" jsonschema:"example=80:8080"`
	// The name under which the world reaches the service, with a certificate.
	Domain string `yaml:"domain" jsonschema_extras:"x-later=true"`
	// How many replicas run, by load.
	Scale *ScaleSettings `yaml:"scale" jsonschema_extras:"x-later=true"`
}

// ScaleSettings is services.*.scale.
type ScaleSettings struct {
	// The fewest replicas.
	Min int `yaml:"min" jsonschema:"minimum=0"`
	// The most replicas.
	Max int `yaml:"max" jsonschema:"minimum=1"`
	// The use of CPU, in percent of the limit, that is aimed at.
	CPU int `yaml:"cpu" jsonschema:"minimum=1,maximum=100"`
}

// RequireSettings is environments.*.require.
type RequireSettings struct {
	// The environment that a release has to have been in before.
	After string `yaml:"after"`
	// How many people have to approve.
	Approvals int `yaml:"approvals" jsonschema:"minimum=0"`
	// How long it has to have served there.
	Soak string `yaml:"soak" jsonschema:"example=30m"`
	// How old the last successful drill may be.
	Drill string `yaml:"drill" jsonschema:"example=7d"`
}

// BackupSettings is environments.*.backup.
type BackupSettings struct {
	// A restic repository.
	Repository string `yaml:"repository"`
	// When.
	Schedule string `yaml:"schedule" jsonschema:"example=@daily"`
	// How many snapshots are kept.
	Keep KeepSettings `yaml:"keep"`
	// The stages that write a volume's dump, by volume.
	Dump map[string]string `yaml:"dump"`
	// The stages that put a volume's dump back, by volume.
	Load map[string]string `yaml:"load"`
	// How the backup is proven.
	Drill DrillSettings `yaml:"drill"`
}

// KeepSettings is backup.keep.
type KeepSettings struct {
	// Daily snapshots.
	Daily int `yaml:"daily" jsonschema:"minimum=0"`
	// Weekly snapshots.
	Weekly int `yaml:"weekly" jsonschema:"minimum=0"`
	// Monthly snapshots.
	Monthly int `yaml:"monthly" jsonschema:"minimum=0"`
}

// DrillSettings is backup.drill.
type DrillSettings struct {
	// When.
	Schedule string `yaml:"schedule" jsonschema:"example=@weekly"`
	// The stages that check the restored data.
	Verify Strings `yaml:"verify"`
}

// NotifySettings is an element of environments.*.notify.
type NotifySettings struct {
	// Where to.
	URL string `yaml:"url"`
	// Of what.
	On []string `yaml:"on"`
}

// JobSettings is an entry of environments.*.jobs.
type JobSettings struct {
	// The stage that runs.
	Stage string `yaml:"stage"`
	// When.
	Schedule string `yaml:"schedule"`
}

// Strings is one text or a list of them.
type Strings []string

// UnmarshalYAML reads both forms.
func (s *Strings) UnmarshalYAML(n *yaml.Node) error {
	var one string
	if n.Kind == yaml.ScalarNode {
		err := n.Decode(&one)
		*s = Strings{one}
		return err
	}
	return n.Decode((*[]string)(s))
}

// CheckSetting is an entry of checks: a word, or a mapping, which means run.
type CheckSetting struct {
	Check   Check
	Reports Strings
	Timeout *string
}

// UnmarshalYAML reads a word or a mapping.
func (s *CheckSetting) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		return n.Decode(&s.Check)
	}
	var long struct {
		Reports Strings `yaml:"reports"`
		Timeout *string `yaml:"timeout"`
	}
	err := n.Decode(&long)
	*s = CheckSetting{CheckRun, long.Reports, long.Timeout}
	return err
}

var settingsShape = shapeOf(func() []byte { return schema.Seaworthy })
