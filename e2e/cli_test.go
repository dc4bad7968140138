package e2e

import (
	"encoding/json"
	"strings"
	"testing"
)

// Scripts find the error where they read everything else, whatever it is about.
func TestErrorsAreJSONToo(t *testing.T) {
	t.Parallel()
	s := newSite(t, map[string]string{"Dockerfile": "FROM busybox\nCOPPY x y\n"})
	for _, c := range []struct {
		args   string
		code   int
		kind   string
		stream bool
	}{
		{"up", 3, "project", true},
		{"up --bogus", 2, "usage", true},
		{"up --plain", 2, "usage", true},
		{"plan -C /none", 2, "usage", true},
		{"status -C /", 2, "usage", false},
		{"status extra", 2, "usage", false},
		{"config", 3, "project", false},
		{"staus", 2, "usage", false},
		{"volume lst", 2, "usage", false},
		{"exec nosuch", 2, "usage", false},
	} {
		r := s.try(append(strings.Fields(c.args), "--json")...)
		type failure struct{ Kind, Message string }
		var last struct {
			Type  string
			Error failure
			End   struct{ Error failure }
		}
		if err := json.Unmarshal([]byte(r.out), &last); err != nil {
			t.Errorf("%s: standard output is not one document: %v\n%s", c.args, err, r.out)
			continue
		}
		got := last.Error
		if c.stream {
			got = last.End.Error
		}
		if r.code != c.code || got.Kind != c.kind || got.Message == "" || c.stream != (last.Type == "end") {
			t.Errorf("%s: exit code %d\n%s", c.args, r.code, r.out)
		}
		if !strings.Contains(r.err, got.Message) {
			t.Errorf("%s: people are not told %q:\n%s", c.args, got.Message, r.err)
		}
	}
}

func TestWrongCommandLinesSayWhatIsMeant(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	for args, words := range map[string][]string{
		"staus":                 {"no verb staus", "did you mean seaworthy status?"},
		"staus --all":           {"no verb staus", "did you mean seaworthy status?"},
		"ps":                    {"did you mean seaworthy status?"},
		"volume rm new":         {"no verb rm", "did you mean seaworthy volume remove?"},
		"engine foo":            {"no verb foo", "seaworthy engine --help"},
		"help nosuch":           {"no verb nosuch", "seaworthy --help"},
		"status --json --plain": {"--json and --plain exclude each other"},
	} {
		s.refused(2, strings.Fields(args), words...)
	}
	if out := s.run(0, "version"); !strings.Contains(out, "seaworthy e2e") {
		t.Errorf("version: %s", out)
	}
	if out := s.run(0, "help", "volume", "list"); !strings.Contains(out, "seaworthy volume list") {
		t.Errorf("help volume list: %s", out)
	}
}
