package phrase_test

import (
	"testing"

	"github.com/seaworthyhq/seaworthy/internal/phrase"
)

func TestNames(t *testing.T) {
	abcd := []string{"a", "b", "c", "d"}
	for _, row := range []struct{ got, want string }{
		{phrase.Count(0, "stage"), "0 stages"},
		{phrase.Count(1, "stage"), "1 stage"},
		{phrase.Count(2, "stage"), "2 stages"},
		{phrase.First(nil, 3), ""},
		{phrase.First(abcd[:3], 3), "a, b, c"},
		{phrase.First(abcd, 3), "a, b, c and 1 more"},
		{phrase.More(abcd[:1], 0), "a"},
		{phrase.More(abcd[:1], 7), "a and 7 more"},
		{phrase.And(nil, 0), ""},
		{phrase.And(abcd[:1], 0), "a"},
		{phrase.And(abcd[:2], 0), "a and b"},
		{phrase.And(abcd[:3], 0), "a, b and c"},
		{phrase.And(abcd[:2], 2), "a, b and 2 more"},
	} {
		if row.got != row.want {
			t.Errorf("said %q, want %q", row.got, row.want)
		}
	}
}
