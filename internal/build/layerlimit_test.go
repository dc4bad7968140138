package build_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

// A stage of so many layers that they cannot be mounted says so, whether the kernel is what refuses them or the page that their names
// have to fit into, along with folders whose own names take much of it.
func TestTooManyLayers(t *testing.T) {
	for name, tc := range map[string]struct {
		root         string // where layers lie, within the folder for temporary files
		least, below int    // layers
	}{
		"for the kernel":     {"", 501, 501},
		"for a mount's page": {strings.Repeat(strings.Repeat("long", 50)+"/", 4), 100, 400},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(os.TempDir(), tc.root)
			if err := os.MkdirAll(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			t.Setenv("TMPDIR", dir)
			y := newYard(t)
			project := project(t, map[string]string{"f": "", "Dockerfile": "FROM busybox AS web\n" + strings.Repeat("COPY f /\n", 510)})

			u, _ := y.fail(t, y.request(t, project, "=web"))

			found := regexp.MustCompile(`^stage web: COPY f / is on top of (\d+) layers, which is more than the kernel mounts at once$`).FindStringSubmatch(u.Error())
			if found == nil || u.Kind != release.KindBuild {
				t.Fatalf("%s: %s", u.Kind, u)
			}
			if below, _ := strconv.Atoi(found[1]); below < tc.least || below > tc.below {
				t.Errorf("it is on top of %d layers", below)
			}
			if !strings.Contains(u.Detail, ">>> COPY f /") || !strings.Contains(u.Hint, "RUN a && b") {
				t.Errorf("detail:\n%s\nhint: %s", u.Detail, u.Hint)
			}
		})
	}
}
