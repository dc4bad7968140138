package release

import (
	"context"
	"errors"
	"fmt"
	"testing"
)

func TestEveryKindHasAnExitCodeOfItsOwn(t *testing.T) {
	kinds := []Kind{
		KindInternal, KindUsage, KindProject, KindBuild, KindCheck, KindRollout, KindConflict, KindNotFound,
		KindDenied, KindEngine, KindInterrupted, KindChanges, KindDeclined,
	}
	seen := map[int]Kind{0: "no error"}
	for _, k := range kinds {
		code := k.ExitCode()
		if other, taken := seen[code]; taken {
			t.Errorf("%s and %s both exit with %d", k, other, code)
		}
		seen[code] = k
	}
	if len(seen) != len(Exits()) {
		t.Errorf("the table has %d rows for %d codes", len(Exits()), len(seen))
	}
}

func TestExitCodeFollowsTheOutermostKind(t *testing.T) {
	check := &UserError{Kind: KindCheck, Err: errors.New("test failed")}
	for _, row := range []struct {
		err  error
		want int
	}{
		{nil, 0},
		{errors.New("unexpected"), 1},
		{fmt.Errorf("up: %w", check), 5},
		{&UserError{Kind: KindRollout, Err: check}, 6},
		{fmt.Errorf("build: %w", context.Canceled), 130},
		{&UserError{Kind: "of a newer engine", Err: check}, 1},
	} {
		if got := ExitCode(row.err); got != row.want {
			t.Errorf("ExitCode(%v) = %d, want %d", row.err, got, row.want)
		}
	}
}
