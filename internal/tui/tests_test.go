package tui

import (
	"testing"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

func TestOfTestsThoseThatFailedComeFirst(t *testing.T) {
	failed := release.Tests{Total: 5, Failed: 3, Skipped: 1}
	for want, got := range map[string]string{
		"5 tests passed":                                testsText(release.Tests{Total: 5}),
		"5 tests, 1 skipped":                            testsText(release.Tests{Total: 5, Skipped: 1}),
		"5 tests, 3 failed, 1 skipped":                  testsText(failed),
		"5 tests, 3 failed: A, B and 1 more; 1 skipped": TestsText(failed, []string{"A", "B"}),
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
