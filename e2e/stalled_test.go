package e2e

import (
	"bufio"
	"io"
	"os"
	"strings"
	"testing"
)

// A pager, or a terminal that was stopped, reads nothing: neither that build nor another one waits for it.
func TestWhoReadsNothingHoldsUpNoBuild(t *testing.T) {
	t.Parallel()
	s := newSite(t, map[string]string{
		"Dockerfile":       "FROM busybox\nRUN yes 0123456789012345678901234567890123456789012345678901234567890 | head -c 30000000\n",
		"other/Dockerfile": "FROM busybox\nRUN echo built\n",
	})
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	flood := s.command("build", "--plain")
	flood.Stdout, flood.Stderr = w, w
	if err := flood.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = flood.Process.Kill() }() // it may have ended
	_ = w.Close()
	out := bufio.NewReader(r)
	for line := ""; !strings.Contains(line, "0123456789"); {
		if line, err = out.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	other := s.session(s.command("build", "-C", s.path("other")))
	s.eventually("another build ends", other.hasEnded)
	if code := other.ends(); code != 0 {
		t.Errorf("it ends with %d:\n%s", code, other.out.String())
	}
	if _, err := io.Copy(io.Discard, out); err != nil {
		t.Fatal(err)
	}
	if err := flood.Wait(); err != nil {
		t.Errorf("the build that was read later: %v", err)
	}
}
