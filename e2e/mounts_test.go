package e2e

import (
	"os"
	"testing"
)

func TestNoMountHandsTheHostOver(t *testing.T) {
	t.Parallel()
	s := newSite(t, shop)
	s.write("inside", "carried")
	for name, to := range map[string]string{"out": "/etc/hostname", "in": "inside"} {
		if err := os.Symlink(to, s.path(name)); err != nil {
			t.Fatal(err)
		}
	}
	volumes := func(mount string) {
		s.write("compose.yaml", shop["compose.yaml"]+"    volumes: ["+mount+"]\n")
	}
	volumes(`"./in:/in:ro"`)
	s.up(0)
	for mount, words := range map[string]string{
		s.root + "/engine.sock:/x":          "hand over the engine",
		s.root + ":/x:ro":                   "hand over the engine",
		s.tmp + ":/x:ro":                    "hand over the engine",
		"./out:/x:ro":                       "leads out of the project",
		"/var/run/docker.sock:/docker.sock": "hand the host over",
	} {
		volumes(`"` + mount + `"`)
		s.refused(3, []string{"up"}, words)
	}
	s.answers("one")
}
