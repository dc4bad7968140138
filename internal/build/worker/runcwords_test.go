package worker

import (
	"errors"
	"testing"
)

func TestWhatRuncSaysOfAProcessIsNoOutput(t *testing.T) {
	const notThere = "runc run failed: unable to start container process: exec: \"/x\": stat /x: no such file or directory\n"
	failed := errors.New("exit code: 1")
	for name, tc := range map[string]struct {
		wrote []string
		ended bool
		told  string
		err   string
	}{
		"could not be started":           {wrote: []string{notThere}, err: "could not be started: exec: \"/x\": stat /x: no such file or directory"},
		"in pieces":                      {wrote: []string{notThere[:30], notThere[30:]}, err: "could not be started: exec: \"/x\": stat /x: no such file or directory"},
		"was ended":                      {wrote: []string{"working\n..", "runc run failed: container process is already dead\n"}, ended: true, told: "working\n..", err: "exit code: 1"},
		"said so itself":                 {wrote: []string{"working\n" + notThere}, told: "working\n" + notThere, err: "exit code: 1"},
		"said so itself, and then more":  {wrote: []string{notThere, "more\n"}, told: notThere + "more\n", err: "exit code: 1"},
		"said so itself, before its end": {wrote: []string{notThere, "more\n"}, ended: true, told: notThere + "more\n", err: "exit code: 1"},
	} {
		t.Run(name, func(t *testing.T) {
			var k taker
			o := newOutput(k.take)
			stderr := &stream{of: o, number: 2}
			for _, text := range tc.wrote {
				write(t, stderr, text, len(text))
			}
			err := o.explain(failed, tc.ended)
			if o.finish(); k.told.String() != tc.told || err.Error() != tc.err || !errors.Is(err, failed) {
				t.Errorf("told %q, error %v", k.told.String(), err)
			}
		})
	}
}
