package release

import (
	"context"
	"errors"
	"slices"
)

// Exit is one row of the table of exit codes.
type Exit struct {
	Kind    Kind // empty: no error
	Code    int
	Meaning string
}

// 130 is what shells report for a process that SIGINT ended: 128 and the signal's number.
var exits = []Exit{
	{"", 0, "Done. What was asked for is so, whether or not there was anything to do."},
	{KindInternal, 1, "An unexpected error: a defect of Seaworthy's, or of the machine."},
	{KindUsage, 2, "The command line is wrong, or a question could not be asked: no terminal, and no `--yes`."},
	{KindProject, 3, "The Dockerfile, a compose file or `seaworthy.yaml` is wrong. All problems are listed."},
	{KindBuild, 4, "A stage of an image did not build. Nothing was released."},
	{KindCheck, 5, "A check failed. Nothing was released."},
	{KindRollout, 6, "The new version did not come up. What ran before serves."},
	{KindConflict, 7, "Something else holds what is needed: a port, a lock, a newer plan."},
	{KindNotFound, 8, "No such release, environment, service or image; of images also one that a stage, a check's too, is FROM."},
	{KindDenied, 9, "Permission is missing."},
	{KindEngine, 10, "No engine answers, or the machine lacks something that it needs."},
	{KindChanges, 11, "`plan --exit-code`: there is something to do."},
	{KindDeclined, 12, "A question was answered with no. Nothing was done."},
	{KindInterrupted, 130, "Interrupted by the user. Running the same command again finishes the work."},
}

// Exits is the table of exit codes, by code.
func Exits() []Exit { return slices.Clone(exits) }

// ExitCode is the exit code of a process that ends with an error of this kind.
func (k Kind) ExitCode() int {
	for _, e := range exits {
		if e.Kind == k && k != "" {
			return e.Code
		}
	}
	return KindInternal.ExitCode()
}

// ExitCode is the exit code of a process that ends with err: 0 for nil.
func ExitCode(err error) int {
	if err == nil {
		return 0
	}
	kind := KindOf(err)
	if kind == KindInternal && errors.Is(err, context.Canceled) {
		kind = KindInterrupted
	}
	return kind.ExitCode()
}
