package e2e

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/vt"
	"golang.org/x/sys/unix"
)

// screen is a terminal whose screen a person looks at.
type screen struct {
	*terminal
	mu       sync.Mutex // guards the rest
	emulator *vt.Emulator
	part     []byte // of a frame that has not ended
	open     bool   // a frame has begun and not ended
	frames   []picture
}

// picture is a screen at the end of a frame, with what has scrolled out above it.
type picture []string

const (
	frameBegin = ansi.SetModeSynchronizedOutput
	frameEnd   = ansi.ResetModeSynchronizedOutput
)

// openScreen starts a command before a person who looks at so many rows and columns.
func openScreen(t *testing.T, cmd *exec.Cmd, rows, columns uint16) *screen {
	t.Helper()
	cmd.Env = append(cmd.Env, "TERM=xterm-256color", "NO_COLOR=")
	s := &screen{emulator: vt.NewEmulator(int(columns), int(rows))}
	s.terminal = openTerminalOf(t, cmd, rows, columns, s.take)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the screen:\n%s", s.now())
		}
	})
	return s
}

// take shows what the terminal is sent, and keeps a picture of each frame.
func (s *screen) take(p []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.part = append(s.part, p...); ; {
		i := bytes.Index(s.part, []byte(frameEnd))
		if i < 0 {
			break
		}
		i += len(frameEnd)
		_, _ = s.emulator.Write(s.part[:i])
		s.part = s.part[i:]
		s.frames = append(s.frames, s.picture())
	}
	s.open = bytes.Contains(s.part, []byte(frameBegin))
	if !s.open {
		_, _ = s.emulator.Write(s.part)
		s.part = nil
	}
}

func (s *screen) picture() picture {
	var p picture
	for _, line := range s.emulator.Scrollback().Lines() {
		p = append(p, strings.TrimRight(line.String(), " "))
	}
	for y := range s.emulator.Height() {
		var b strings.Builder
		for x := range s.emulator.Width() {
			if cell := s.emulator.CellAt(x, y); cell != nil {
				b.WriteString(cell.Content)
			}
		}
		p = append(p, strings.TrimRight(b.String(), " "))
	}
	return p
}

func (p picture) String() string { return strings.TrimRight(strings.Join(p, "\n"), "\n") + "\n" }

// row is the one row that has all of these texts, in that order; empty where there is none, or more than one.
func (p picture) row(texts ...string) string {
	for i := range texts {
		texts[i] = regexp.QuoteMeta(texts[i])
	}
	pattern, found := regexp.MustCompile(strings.Join(texts, ".*")), ""
	for _, row := range p {
		if pattern.MatchString(row) {
			if found != "" {
				return ""
			}
			found = row
		}
	}
	return found
}

func (s *screen) now() picture {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.picture()
}

// resize is what a person does with the window.
func (s *screen) resize(rows, columns uint16) {
	s.t.Helper()
	s.mu.Lock()
	s.emulator.Resize(int(columns), int(rows))
	s.mu.Unlock()
	s.terminal.resize(rows, columns)
}

// until waits for a picture.
func (s *screen) until(what string, holds func(picture) bool) picture {
	s.t.Helper()
	var seen picture
	(&site{t: s.t}).eventually(what, func() bool {
		ended := s.hasEnded()
		seen = s.now()
		if !holds(seen) && ended {
			s.t.Fatalf("it ended, and not: %s", what)
		}
		return holds(seen)
	})
	return seen
}

// usable checks that the terminal is as a shell wants it: the cursor is seen, at the beginning of a line that is free, no frame is
// open, and keys are echoed.
func (s *screen) usable() {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	at := s.emulator.CursorPosition()
	if s.open || s.emulator.CursorHidden() || s.emulator.IsAltScreen() || at.X != 0 {
		s.t.Errorf("frame open: %v, cursor hidden: %v, other screen: %v, cursor at %v",
			s.open, s.emulator.CursorHidden(), s.emulator.IsAltScreen(), at)
	}
	for _, row := range s.picture()[s.emulator.ScrollbackLen()+at.Y:] {
		if row != "" {
			s.t.Errorf("below the cursor is %q", row)
		}
	}
	state, err := unix.IoctlGetTermios(int(s.program.Fd()), unix.TCGETS)
	if err != nil {
		s.t.Fatal(err)
	}
	if want := uint32(unix.ICANON | unix.ECHO | unix.ISIG); state.Lflag&want != want {
		s.t.Errorf("the terminal's mode is %#x", state.Lflag)
	}
}

// footPattern is the last line of a live view.
var footPattern = regexp.MustCompile(`^  (\S+ · )?(working|\d+ of \d+ (stage|step)s?)`)

// foot is the row in which a picture's live view ends; -1: it has none.
func (p picture) foot() int {
	for y := len(p) - 1; y >= 0; y-- {
		if footPattern.MatchString(p[y]) {
			return y
		}
	}
	return -1
}

// steady checks that no frame blanked a row of the live view that the frames before and after it fill.
func (s *screen) steady() {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.frames) < 3 {
		s.t.Fatalf("only %d frames were drawn", len(s.frames))
	}
	for i := 1; i < len(s.frames)-1; i++ {
		before, frame, after := s.frames[i-1], s.frames[i], s.frames[i+1]
		for y := range frame.foot() - 1 { // a blank line is above it
			if frame[y] == "" && y < min(before.foot()-1, after.foot()-1) && before[y] != "" && after[y] != "" {
				s.t.Fatalf("frame %d blanks row %d:\n%s\nafter\n%s\nbefore\n%s", i, y, frame, before, after)
			}
		}
	}
}

func TestTheGraphIsSeenAsItRuns(t *testing.T) {
	t.Parallel()
	s := newSite(t, map[string]string{"Dockerfile": `FROM busybox AS builder
RUN echo built > /built

FROM builder AS test
RUN for i in 1 2 3; do echo testing $i; done; sleep 600

FROM busybox AS lint
RUN echo linting; sleep 600

FROM busybox AS web
COPY --from=builder /built /
RUN echo packing; sleep 600
`})
	term := openScreen(t, s.command("up"), 24, 140)
	seen := term.until("checks stand beside the image", func(p picture) bool {
		return p.row("builder", "builder ──") != "" && p.row("┊ testing 3") != "" && p.row("┊ packing") != "" && p.row("┊ linting") != ""
	})
	for _, row := range [][]string{{"image", "checks"}, {"0 of", "stages"}} {
		if row[0] = strings.Replace(row[0], "0", "1", 1); seen.row(row...) == "" {
			t.Errorf("there is no row with %q:\n%s", row, seen)
		}
	}

	term.resize(24, 70)
	narrow := term.until("the graph is drawn for less room", func(p picture) bool {
		return p.row("├─", "test", "RUN for") != "" && p.row("checks") == ""
	})
	for _, name := range []string{"lint ", "builder ", " stages"} {
		if narrow.row(name) == "" {
			t.Errorf("%s is not in one row:\n%s", name, narrow)
		}
	}
	term.resize(24, 140)
	term.until("the graph is drawn for more room", func(p picture) bool { return p.row("image", "checks") != "" })
	term.types("\x03")
	if code := term.ends(); code != 130 {
		t.Errorf("exit code %d", code)
	}
	term.until("it says what stopped it", func(p picture) bool { return p.row("stopped: interrupted") != "" && p.row("✓", "builder") != "" })
	term.usable()
}

func TestAFailureIsSeenInFull(t *testing.T) {
	t.Parallel()
	s := newSite(t, map[string]string{"Dockerfile": `FROM busybox AS base
RUN true

FROM base AS test
RUN for i in $(seq 40); do echo testing $i; done; printf '\033]0;owned\007the reason\n'; exit 3

FROM base AS web
`})
	term := openScreen(t, s.command("up"), 24, 100)
	if code := term.ends(); code != 5 {
		t.Errorf("exit code %d", code)
	}
	seen := term.now()
	for _, row := range [][]string{{"✗", "test", "check", "Dockerfile:5"}, {"✓", "base", "image"}, {"error: ", "test"}, {"5 | >>> RUN"}, {"hint: correct"}} {
		if seen.row(row...) == "" {
			t.Errorf("there is no one row with %q", row)
		}
	}
	for _, line := range []string{"│ testing 1", "  testing 40", "  the reason"} {
		if !slices.Contains(seen, line) {
			t.Errorf("there is no row %q", line)
		}
	}
	term.usable()
}

func TestARolloutIsSeenToItsEnd(t *testing.T) {
	t.Parallel()
	s := newAppSite(t, patientPair)
	s.up(0)
	s.edit("compose.yaml", `VERSION: "1"`, `VERSION: "2", STARTUP: 1s`)
	term := openScreen(t, s.command("up"), 40, 100)
	if code := term.ends(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	var all strings.Builder
	for _, frame := range term.frames {
		all.WriteString(frame.String())
	}
	for _, text := range []string{"start web 1", "◐◐", "●●", "wait for web 2", "move traffic", "drain", "web  ", "●●  2 old", "of 11 steps"} {
		if !strings.Contains(all.String(), text) {
			t.Errorf("%q was never seen", text)
		}
	}
	if end := term.now(); end.row("✓ shop/local#2 serves", "2 × web") == "" {
		t.Errorf("the summary is not there")
	}
	term.steady()
	term.usable()
}

func TestHundredsOfStagesAreSeen(t *testing.T) {
	t.Parallel()
	var dockerfile strings.Builder
	dockerfile.WriteString("FROM busybox AS s0\nRUN sleep 1\n")
	for i := 1; i < 300; i++ {
		fmt.Fprintf(&dockerfile, "FROM scratch AS s%d\nCOPY --from=s%d /etc/passwd /etc/passwd\n", i, i-1)
	}
	dockerfile.WriteString("FROM busybox\nCOPY --from=s299 /etc/passwd /\nCMD [\"sleep\", \"600\"]\n")
	s := newSite(t, map[string]string{"Dockerfile": dockerfile.String()})
	term := openScreen(t, s.command("build"), 24, 80)
	term.until("what runs is seen", func(p picture) bool { return p.row("s0", "RUN sleep 1") != "" && p.row("  and ", " wait") != "" })
	if code := term.ends(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	for _, frame := range term.frames[:len(term.frames)-1] {
		if i := slices.IndexFunc(frame, func(row string) bool { return strings.HasPrefix(row, "  and ") }); i >= 0 && i < len(frame)-24 {
			t.Fatalf("a frame scrolled:\n%s", frame)
		}
	}
	term.steady()
	term.usable()
}

func TestAKilledCommandLeavesATerminalThatWorks(t *testing.T) {
	t.Parallel()
	s := newSite(t, map[string]string{"Dockerfile": "FROM busybox\nRUN while sleep 0.0147; do echo going on; done\n"})
	term := openScreen(t, s.command("up"), 24, 80)
	term.until("it is under way", func(p picture) bool { return p.row("RUN while") != "" })
	if err := term.cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	term.ends()
	term.usable()
	s.eventually("the engine has cancelled the build", func() bool {
		running, _ := filepath.Glob("/proc/[0-9]*/cmdline")
		return !slices.ContainsFunc(running, func(path string) bool {
			line, _ := os.ReadFile(path)
			return bytes.Contains(line, []byte("while sleep 0.0147"))
		})
	})
}

func TestOfManyStagesThatRanThePageHasThoseThereIsMostToSayOf(t *testing.T) {
	t.Parallel()
	var dockerfile strings.Builder
	dockerfile.WriteString("FROM busybox AS base\nRUN sleep 1\n")
	for i := range 70 {
		fmt.Fprintf(&dockerfile, "FROM scratch AS c%d\nCOPY --from=base /etc/passwd /c%d\n", i, i)
	}
	dockerfile.WriteString("FROM base\nCMD [\"sleep\", \"600\"]\n")
	s := newSite(t, map[string]string{"Dockerfile": dockerfile.String(), "compose.yaml": "name: shop\nservices: {web: {build: .}}\n"})
	term := openScreen(t, s.command("release"), 40, 100)
	if code := term.ends(); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	seen := term.now()
	if seen.row("✓ base", "1.") == "" || seen.row("  and ", " more, none over ", ": seaworthy why lists all") == "" {
		t.Errorf("the summary is\n%s", seen)
	}
	if len(seen) > 40 {
		t.Errorf("it does not fit a page:\n%s", seen)
	}

	id := regexp.MustCompile(`r-[0-9a-f]{8}`).FindString(seen.row("✓ release", "recorded"))
	page, all := s.run(0, "show", id), s.run(0, "show", id, "--verbose")
	if !strings.Contains(page, " more, none over ") || !strings.Contains(page, ": --verbose shows all") || !strings.Contains(page, "70 checks passed") {
		t.Errorf("show:\n%s", page)
	}
	for i := range 70 {
		if row := fmt.Sprintf("\nc%d ", i); !strings.Contains(all, row) || !strings.Contains(all, fmt.Sprintf("check c%d passed", i)) {
			t.Errorf("c%d is not in show --verbose:\n%s", i, all)
		}
	}
	if listed := s.run(0, "why"); strings.Count(listed, "\nc") != 70 {
		t.Errorf("why does not list 70 checks:\n%s", listed)
	}
}
