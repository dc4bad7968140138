package runtime

import (
	"os"
	"path/filepath"
)

const cgroupRoot = "/sys/fs/cgroup"

// hierarchies are the mount points of all cgroup hierarchies: one with version 2, one a controller with version 1.
func hierarchies() []string {
	if _, err := os.Stat(filepath.Join(cgroupRoot, "cgroup.controllers")); err == nil {
		return []string{cgroupRoot}
	}
	all, _ := filepath.Glob(filepath.Join(cgroupRoot, "*")) // the pattern is valid
	return all
}

// removeEmptyCgroups removes the cgroup and its parents as long as nothing is in them: the kernel refuses otherwise.
func removeEmptyCgroups(path string) {
	for _, h := range hierarchies() {
		for p := path; p != "/" && p != "."; p = filepath.Dir(p) {
			if err := os.Remove(filepath.Join(h, p)); err != nil && !os.IsNotExist(err) {
				break
			}
		}
	}
}

// leftCgroups are the paths below ours that hold no other cgroup, in all hierarchies.
func leftCgroups(ours string) []string {
	var found []string
	for _, h := range hierarchies() {
		_ = filepath.WalkDir(filepath.Join(h, ours), func(path string, e os.DirEntry, err error) error {
			if err != nil {
				return nil //nolint:nilerr // it has gone meanwhile
			}
			if e.IsDir() {
				if rel, err := filepath.Rel(h, path); err == nil {
					found = append(found, "/"+rel)
				}
			}
			return nil
		})
	}
	return found
}
