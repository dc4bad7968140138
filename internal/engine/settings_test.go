package engine

import (
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/seaworthyhq/seaworthy/internal/build/worker"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

func TestBuildsNeverTakeAllThereIsUnlessTheyMay(t *testing.T) {
	var machine unix.Sysinfo_t
	if err := unix.Sysinfo(&machine); err != nil {
		t.Fatal(err)
	}
	all := int64(machine.Totalram) * int64(machine.Unit)
	for _, c := range []struct {
		settings BuildSettings
		want     worker.Limits
	}{
		{BuildSettings{}, worker.Limits{MemoryBytes: all / 4 * 3, PIDs: 4096}},
		{BuildSettings{MemoryBytes: 1 << 30, CPUs: 1.5, PIDs: 100}, worker.Limits{MemoryBytes: 1 << 30, CPUs: 1.5, PIDs: 100}},
		{BuildSettings{MemoryBytes: -1, PIDs: -1}, worker.Limits{}},
	} {
		got, err := c.settings.limits()
		if err != nil || got != c.want {
			t.Errorf("%+v gives %+v (%v), want %+v", c.settings, got, err, c.want)
		}
	}
}

func TestSettingsNameTrustedProxies(t *testing.T) {
	path := filepath.Join(t.TempDir(), "engine.yaml")
	if err := os.WriteFile(path, []byte("trustedProxies: [127.0.0.0/8, 2001:db8::/32]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := LoadSettings(path)
	want := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("2001:db8::/32")}
	if err != nil || !slices.Equal(s.TrustedProxies, want) {
		t.Errorf("trusted %v (%v), want %v", s.TrustedProxies, err, want)
	}
}

func TestSettingsMayBeEmpty(t *testing.T) {
	if s, err := LoadSettings(os.DevNull); err != nil || s.KeepReleases != 5 {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestSettingsAreReadFromAFile(t *testing.T) {
	_, err := LoadSettings(t.TempDir())
	if release.KindOf(err) != release.KindUsage || !strings.Contains(err.Error(), "it is not a regular file") {
		t.Errorf("got %v", err)
	}
}
