package build

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

func TestOfReportsNoMoreIsKeptThanPeopleRead(t *testing.T) {
	dir := t.TempDir()
	for i := range maxReportFiles + 2 {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%05d", i)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if found := reportsIn(t, dir); len(found.files) != maxReportFiles || len(found.left) != 2 {
		t.Errorf("%d files are kept, %d left out", len(found.files), len(found.left))
	}

	dir = t.TempDir()
	for i, size := range []int64{maxReportBytes - 1, 2, 1} {
		name := filepath.Join(dir, fmt.Sprint(i))
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(name, size); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "not \xff UTF-8"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if found := reportsIn(t, dir); len(found.files) != 2 || found.bytes != maxReportBytes || len(found.left) != 1 || len(found.unnamed) != 1 {
		t.Errorf("%d bytes in %d files are kept, %v and %v left out", found.bytes, len(found.files), found.left, found.unnamed)
	}
}

func reportsIn(t *testing.T, dir string) *reportFiles {
	t.Helper()
	root, err := os.OpenRoot(filepath.Dir(dir))
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	found, err := findReports(t.Context(), root, []string{"/" + filepath.Base(dir)})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
