package release

import "errors"

// Kind classes an error for people and scripts: it decides the exit code (docs/exit-codes.md) and nothing else.
type Kind string

// The kinds of errors, one a row of the table of exit codes.
const (
	KindInternal    Kind = "internal"    // a defect of Seaworthy's
	KindUsage       Kind = "usage"       // the command line is wrong
	KindProject     Kind = "project"     // Dockerfile, compose file or seaworthy.yaml is wrong
	KindBuild       Kind = "build"       // a stage of the image did not build
	KindCheck       Kind = "check"       // a check failed
	KindRollout     Kind = "rollout"     // the new version did not come up; the old one serves
	KindConflict    Kind = "conflict"    // something else holds it: a port, a lock, a stale plan
	KindNotFound    Kind = "not-found"   // no such release, environment, service, image
	KindDenied      Kind = "denied"      // permission
	KindEngine      Kind = "engine"      // no engine, or the machine lacks something
	KindInterrupted Kind = "interrupted" // by the user
	KindChanges     Kind = "changes"     // plan --exit-code: there is something to do
	KindDeclined    Kind = "declined"    // the user answered no
)

// UserError is an error that a person is shown: what failed, and what to type next.
type UserError struct {
	Kind Kind
	Err  error
	// Hint is what to do next, best with a command; may be empty.
	Hint string
	// Detail is shown below the message as it is: an excerpt, the end of a log. May be empty.
	Detail string
}

func (e *UserError) Error() string { return e.Err.Error() }
func (e *UserError) Unwrap() error { return e.Err }

// KindOf is the kind of the outermost UserError in err's chain, or KindInternal.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*UserError](err); ok {
		return e.Kind
	}
	return KindInternal
}
