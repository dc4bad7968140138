package machine

import (
	"strings"
	"testing"

	"github.com/seaworthyhq/seaworthy/internal/release"
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

func TestWhatIsMeantToBeIsSaidWithWhatToWrite(t *testing.T) {
	exposes := release.Service{Expose: []release.Expose{{Port: 8000, Protocol: "tcp"}}}
	disabled := exposes
	disabled.Health = &release.Health{Test: []string{"NONE"}}
	starting := release.Replica{State: release.StateRunning, Health: release.HealthStarting}
	ended := release.Replica{State: release.StateExited, ExitKnown: true}
	failed := release.Replica{State: release.StateExited, ExitKnown: true, ExitCode: 1}
	for _, c := range []struct {
		name    string
		service release.Service
		replica release.Replica
		want    string
	}{
		{"no port answers", exposes, starting, "healthcheck: {disable: true}"},
		{"no port is asked", disabled, starting, ""},
		{"it ended well", release.Service{}, ended, `restart: "no"`},
		{"it failed", release.Service{}, failed, ""},
		{"it ended and should answer", release.Service{Ports: []release.Port{{Published: 80, Target: 80}}}, ended, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := meantToBe(c.service, c.replica); !strings.Contains(got, c.want) || c.want == "" && got != "" {
				t.Errorf("%q, not %q", got, c.want)
			}
		})
	}
	if got := unanswered(exposes); got != "port 8000, which it or its image exposes, does not answer" {
		t.Error(got)
	}
}
