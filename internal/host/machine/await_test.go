package machine

import (
	"strings"
	"testing"
)

func TestAnErrorQuotesOneLineOfAHealthCheck(t *testing.T) {
	for output, want := range map[string]string{
		"":                              "",
		"I am sick":                     ": I am sick",
		"no database\nat line 1":        ": no database …",
		strings.Repeat("é", 1000):       ": " + strings.Repeat("é", maxDetail/2) + " …",
		"x" + strings.Repeat("é", 1000): ": x" + strings.Repeat("é", maxDetail/2-1) + " …",
	} {
		if got := detail(output); got != want {
			t.Errorf("%.20q: %q, not %q", output, got, want)
		}
	}
}
