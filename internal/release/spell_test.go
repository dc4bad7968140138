package release

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestSpellsAreJoinedAndCut(t *testing.T) {
	at := func(second int) time.Time { return time.Unix(int64(second), 0) }
	spells := func(seconds ...int) (all Spells) {
		for i := 0; i < len(seconds); i += 2 {
			all = append(all, Spell{at(seconds[i]), at(seconds[i+1])})
		}
		return all
	}
	for name, tc := range map[string]struct{ got, want Spells }{
		"out of order, overlapping, within another": {spells(5, 9, 0, 3, 2, 4, 6, 7).Joined(0), spells(0, 4, 5, 9)},
		"with a pause":              {spells(0, 1, 3, 4, 7, 8).Joined(2 * time.Second), spells(0, 4, 7, 8)},
		"none":                      {Spells(nil).Joined(0), nil},
		"cut in the middle":         {spells(0, 10).Without(spells(2, 3, 5, 7)), spells(0, 2, 3, 5, 7, 10)},
		"cut at both ends":          {spells(2, 6).Without(spells(0, 3, 5, 9)), spells(3, 5)},
		"cut away":                  {spells(2, 6, 7, 8).Without(spells(1, 9)), nil},
		"nothing to cut":            {spells(2, 6).Without(spells(0, 2, 6, 7)), spells(2, 6)},
		"since":                     {append(spells(0, 1, 2, 5, 6, 9), Spell{Started: at(7)}).Since(at(3), at(8)), spells(3, 5, 6, 8, 7, 8)},
		"one cuts several":          {spells(0, 2, 4, 6, 8, 9).Without(spells(1, 5)), spells(0, 1, 5, 6, 8, 9)},
		"an empty one cuts nothing": {spells(0, 2).Without(spells(1, 1)).Joined(0), spells(0, 2)},
	} {
		if diff := cmp.Diff(tc.want, tc.got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if took := spells(0, 2, 5, 6).Took(); took != 3*time.Second {
		t.Errorf("they took %v", took)
	}
}
