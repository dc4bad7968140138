package release

import "time"

// Service is what one service of an environment runs, with every value resolved: no variable is left to
// interpolate, no tag to look up. The names of the fields follow the Compose Specification
// (https://github.com/compose-spec/compose-spec/blob/main/05-services.md).
type Service struct {
	Name  string `json:"name"`
	Image Image  `json:"image"`

	Entrypoint  []string          `json:"entrypoint,omitzero"` // nil: the image's; empty: none
	Command     []string          `json:"command,omitzero"`    // nil: the image's; empty: none
	Environment map[string]string `json:"environment,omitempty"`
	User        string            `json:"user,omitempty"`
	GroupAdd    []string          `json:"groupAdd,omitempty"`
	WorkingDir  string            `json:"workingDir,omitempty"`
	Hostname    string            `json:"hostname,omitempty"`
	Labels      map[string]string `json:"labels,omitempty"`
	Init        bool              `json:"init,omitempty"`
	TTY         bool              `json:"tty,omitempty"`
	StdinOpen   bool              `json:"stdinOpen,omitempty"`

	ReadOnly   bool              `json:"readOnly,omitempty"`
	Privileges Privileges        `json:"privileges,omitzero"`
	Ulimits    map[string]Ulimit `json:"ulimits,omitempty"`
	Sysctls    map[string]string `json:"sysctls,omitempty"`
	ShmSize    int64             `json:"shmSize,omitempty"` // bytes; 0: 64 MiB
	Resources  Resources         `json:"resources,omitzero"`

	Mounts     []Mount       `json:"mounts,omitempty"`  // volumes, binds, tmpfs
	Files      []File        `json:"files,omitempty"`   // configs and read-only project files, by content
	Secrets    []Secret      `json:"secrets,omitempty"` // by name, never by value
	Networks   []Attachment  `json:"networks,omitempty"`
	ExtraHosts []HostMapping `json:"extraHosts,omitempty"`
	Ports      []Port        `json:"ports,omitempty"`  // published on the host
	Expose     []Expose      `json:"expose,omitempty"` // known inside, also those of the image
	// MayListen says that only its Dockerfile exposes ports, and that another command than the Dockerfile's runs: a worker answers at none.
	MayListen bool         `json:"mayListen,omitempty"`
	DependsOn []Dependency `json:"dependsOn,omitempty"`

	Health      *Health      `json:"health,omitempty"` // nil: the image's, if it has one
	StopSignal  string       `json:"stopSignal,omitempty"`
	StopGrace   Duration     `json:"stopGrace,omitempty"` // 0: DefaultStopGrace
	Restart     Restart      `json:"restart,omitzero"`
	Replicas    int          `json:"replicas"`
	OneShot     bool         `json:"oneShot,omitempty"` // someone waits for it with service_completed_successfully
	Update      UpdatePolicy `json:"update,omitzero"`
	Rollback    UpdatePolicy `json:"rollback,omitzero"`
	AppProtocol string       `json:"appProtocol,omitempty"` // default for ports that do not say
}

// Completed reports whether a replica of the service has done its work: it has ended with code 0, and somebody waits for that, or
// `restart` says that it may end. A service that publishes ports is there to answer at them: an end is none of its work.
func (s *Service) Completed(r Replica) bool {
	ends := s.OneShot || len(s.Ports) == 0 && (s.Restart.Condition == "none" || s.Restart.Condition == "on-failure")
	return ends && r.State == StateExited && r.ExitKnown && r.ExitCode == 0
}

// Privileges is what a replica may do beyond, or short of, the usual container defaults.
type Privileges struct {
	CapAdd      []string `json:"capAdd,omitempty"`
	CapDrop     []string `json:"capDrop,omitempty"`
	SecurityOpt []string `json:"securityOpt,omitempty"`
}

// Ulimit is a resource limit of the processes in a replica, in setrlimit(2)'s units.
type Ulimit struct {
	Soft int64 `json:"soft"`
	Hard int64 `json:"hard"`
}

// Resources limits what one replica may take. Zero means no limit of its own: the engine's default holds.
type Resources struct {
	MemoryBytes       int64   `json:"memoryBytes,omitempty"`
	MemoryReservation int64   `json:"memoryReservation,omitempty"` // bytes
	CPUs              float64 `json:"cpus,omitempty"`              // cores
	PIDs              int64   `json:"pids,omitempty"`
}

// MountKind says where the content of a Mount comes from.
type MountKind string

// The kinds of mounts.
const (
	MountVolume MountKind = "volume" // named, owned by the environment
	MountBind   MountKind = "bind"   // a path of the host; neither carried nor backed up
	MountTmpfs  MountKind = "tmpfs"
)

// Mount is a place in a replica's file system that is not the image's.
type Mount struct {
	Kind     MountKind `json:"kind"`
	Source   string    `json:"source,omitempty"` // volume name or host path; empty for tmpfs
	Target   string    `json:"target"`
	ReadOnly bool      `json:"readOnly,omitempty"`
	SubPath  string    `json:"subPath,omitempty"`
	NoCopy   bool      `json:"noCopy,omitempty"` // do not fill an empty volume from the image
	Size     int64     `json:"size,omitempty"`   // tmpfs, bytes
	Mode     uint32    `json:"mode,omitempty"`   // tmpfs, permission bits
	// Propagation of a bind, as mount(8) names it; empty means rprivate.
	Propagation string `json:"propagation,omitempty"`
}

// File is content that a release carries and a replica sees read-only at Target.
type File struct {
	Target string `json:"target"`
	Digest Digest `json:"digest"` // of the content, kept in the engine's content store
	UID    string `json:"uid,omitempty"`
	GID    string `json:"gid,omitempty"`
	Mode   uint32 `json:"mode,omitempty"` // permission bits; 0: 0444
	Size   int64  `json:"size"`           // bytes
}

// Secret names a value that is handed to a replica as a file. A release knows its name only; the value reaches the
// engine beside the release and is kept per environment.
type Secret struct {
	Name   string `json:"name"`
	Target string `json:"target"` // absolute path in the replica
	UID    string `json:"uid,omitempty"`
	GID    string `json:"gid,omitempty"`
	Mode   uint32 `json:"mode,omitempty"` // permission bits; 0: 0400
	// Mark is a keyed digest of the value, so that another value makes another Spec. It is empty in a release: the engine
	// sets it in what an environment runs.
	Mark Digest `json:"mark,omitempty"`
}

// Attachment is a service's place in a network of its environment.
type Attachment struct {
	Network string   `json:"network"`
	Aliases []string `json:"aliases,omitempty"` // names it answers to, besides its own
}

// Network is a network of an environment.
type Network struct {
	Name     string `json:"name"`
	Internal bool   `json:"internal,omitempty"` // no way out
}

// HostMapping is a line of a replica's /etc/hosts.
type HostMapping struct {
	Host    string `json:"host"`
	Address string `json:"address"` // "host-gateway" means the host
}

// Port is a port of the host that leads to a service.
type Port struct {
	HostIP      string `json:"hostIP,omitempty"` // empty: all addresses
	Published   int    `json:"published"`        // 0: chosen by the engine and then kept
	First       int    `json:"first,omitempty"`  // of those that the engine may choose from; 0: any that is free
	Last        int    `json:"last,omitempty"`   // of those that the engine may choose from
	Target      int    `json:"target"`
	Protocol    string `json:"protocol"`              // tcp or udp
	AppProtocol string `json:"appProtocol,omitempty"` // http, http2, tcp, …; empty: told from the first bytes
}

// Expose is a port that a service listens on.
type Expose struct {
	Port     int    `json:"port"`
	Protocol string `json:"protocol"` // tcp or udp
}

// Condition is what a dependent service waits for.
type Condition string

// The conditions of the Compose Specification.
const (
	Started   Condition = "service_started"
	Healthy   Condition = "service_healthy"
	Completed Condition = "service_completed_successfully"
)

// Dependency says what has to be true of another service before this one starts.
type Dependency struct {
	Service   string    `json:"service"`
	Condition Condition `json:"condition"`
	Required  bool      `json:"required"`
	Restart   bool      `json:"restart,omitempty"` // replaced with the service it depends on
}

// Health is how a replica is asked whether it is well.
type Health struct {
	Test          []string `json:"test,omitempty"` // CMD …, CMD-SHELL …, or NONE, as in the image specification
	Interval      Duration `json:"interval,omitempty"`
	Timeout       Duration `json:"timeout,omitempty"`
	Retries       int      `json:"retries,omitempty"`
	StartPeriod   Duration `json:"startPeriod,omitempty"`
	StartInterval Duration `json:"startInterval,omitempty"`
}

// Disabled reports whether the test is NONE.
func (h *Health) Disabled() bool { return h != nil && len(h.Test) > 0 && h.Test[0] == "NONE" }

// Restart says what happens to a replica whose process ends.
type Restart struct {
	Condition   string   `json:"condition,omitempty"` // any (the default), on-failure, none
	Delay       Duration `json:"delay,omitempty"`
	MaxAttempts int      `json:"maxAttempts,omitempty"` // 0: no limit
	Window      Duration `json:"window,omitempty"`
}

// Order of an update.
type Order string

// The orders of the Compose Specification's deploy.update_config. An empty Order lets the planner decide: start-first,
// but stop-first for a single replica with a writable volume.
const (
	StartFirst Order = "start-first"
	StopFirst  Order = "stop-first"
)

// FailureAction says what happens when an update fails.
type FailureAction string

// The failure actions of the Compose Specification.
const (
	ActionRollback FailureAction = "rollback" // the default
	ActionPause    FailureAction = "pause"
	ActionContinue FailureAction = "continue"
)

// UpdatePolicy says how the replicas of a service are replaced.
type UpdatePolicy struct {
	Order           Order         `json:"order,omitempty"`
	Parallelism     int           `json:"parallelism,omitempty"` // started at once; 0: all
	Delay           Duration      `json:"delay,omitempty"`       // between groups of Parallelism
	Monitor         Duration      `json:"monitor,omitempty"`     // watched for this long after the swap; 0: not at all
	FailureAction   FailureAction `json:"failureAction,omitempty"`
	MaxFailureRatio float64       `json:"maxFailureRatio,omitempty"`
}

// Defaults of a service's times. DefaultMonitor is how long a replica that can be asked nothing has to run to count as well.
const (
	DefaultStopGrace = 10 * time.Second
	DefaultMonitor   = 5 * time.Second
)
