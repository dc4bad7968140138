package build_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seaworthyhq/seaworthy/internal/build/session"
	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

func TestSecretThatAStepPrintsIsBlanked(t *testing.T) {
	y := newYard(t)
	const key, password, number = "first-line\nsecond-line", "first-line-and-more", "0123456"
	for name, tc := range map[string]struct{ run, want string }{
		"by line":           {"cat key; echo", "•••\n•••\n"},
		"one begins as two": {"cat password; echo", "•••\n"},
		"base64":            {"base64 password; base64 password | tr -d =; echo `cat password` | base64", "•••\n•••\n•••\n"},
		"base64 for URLs":   {"base64 binary | tr +/ -_", "•••\n"},
		"base64, wrapped":   {"base64 long; base64 -w 64 long", strings.Repeat("•••\n", 3+4)},
		"hex":               {"xxd -p password; xxd -p password | tr a-f A-F; xxd -p long", "•••\n•••\n" + strings.Repeat("•••\n", 6)},
		"bytes":             {"cat binary; echo", "•••\n"},
		"too short for it":  {"cat number; echo; base64 number", "•••\nMDEyMzQ1Ng==\n"},
	} {
		t.Run(name, func(t *testing.T) {
			mounts := ""
			for _, id := range []string{"key", "password", "binary", "long", "number"} {
				mounts += "--mount=type=secret,id=" + id + " "
			}
			dir := project(t, map[string]string{"Dockerfile": "FROM busybox AS web\nWORKDIR /run/secrets\nRUN " + mounts + tc.run + "; false\n"})
			req := y.requestWith(t, dir, session.Sources{Secrets: map[string][]byte{
				"key": []byte(key), "password": []byte(password), "number": []byte(number),
				"binary": []byte("\xfb\xff\xfe secret \xff"), "long": []byte(strings.Repeat("a long secret, ", 11)),
			}}, "=web")
			req.Secrets = []string{"key", "password", "number", "binary", "long", "another"}
			u, rec := y.fail(t, req)
			if diff := cmp.Diff(tc.want, rec.log("stage:web")); diff != "" {
				t.Errorf("log (-want +got):\n%s", diff)
			}
			if !strings.HasSuffix(u.Detail, tc.want) {
				t.Errorf("detail:\n%s", u.Detail)
			}
		})
	}
}

// slow takes its time with each line.
type slow struct{ *recorder }

func (s slow) Emit(e event.Event) {
	if e.Log != nil {
		time.Sleep(time.Millisecond)
	}
	s.recorder.Emit(e)
}

func TestAllThatAStepWroteIsToldHoweverLongThatTakes(t *testing.T) {
	y := newYard(t)
	dir := project(t, map[string]string{"Dockerfile": "FROM busybox AS web\nRUN seq 2000; sleep 0.3; seq 2001 2500; false\n"})
	rec := slow{&recorder{}}
	_, err := y.Build(t.Context(), y.request(t, dir, "=web"), rec)
	if got := strings.Count(rec.log("stage:web"), "\n"); got != 2500 {
		t.Errorf("%d lines", got)
	}
	if got := rec.steps()["stage:web"]; got != event.Failed {
		t.Errorf("web is %s", got)
	}
	if u, ok := errors.AsType[*release.UserError](err); !ok || !strings.HasSuffix(u.Detail, "\n2499\n2500\n") {
		t.Errorf("error %v", err)
	}
}

func TestOfMuchThatAStepWroteTheEndIsTold(t *testing.T) {
	y := newYard(t)
	dir := project(t, map[string]string{"Dockerfile": "FROM busybox AS web\nRUN seq 2000000; echo it ends >&2; false\n"})
	u, rec := y.fail(t, y.request(t, dir, "=web"))
	told, its, found := strings.Cut(rec.log("stage:web"), "it ends\n") // two streams: how their lines come between each other is open
	told += its
	if !found || !strings.HasPrefix(told, "1\n2\n") || !strings.Contains(told, "MB left out]\n") || !strings.Contains(told, "\n1999999\n2000000\n") || len(told) > 11<<20 {
		t.Errorf("told %d bytes: …%s", len(told), told[max(0, len(told)-200):])
	}
	if !strings.Contains(u.Detail, "2000000\n") {
		t.Errorf("detail: %s", u.Detail)
	}
}

func TestALineIsToldAsFarAsPeopleRead(t *testing.T) {
	y := newYard(t)
	const most = 16 << 10
	for name, tc := range map[string]struct{ run, want string }{
		"long": {
			fmt.Sprintf("yes x | tr -d '\\n' | head -c %d; echo; echo next", 1<<20),
			strings.Repeat("x", most) + fmt.Sprintf(" … (%d bytes more)\nnext\n", 1<<20-most),
		},
		"just not": {
			fmt.Sprintf("yes x | tr -d '\\n' | head -c %d", most),
			strings.Repeat("x", most) + "\n",
		},
		"between the bytes of a character": {
			fmt.Sprintf("yes x | tr -d '\\n' | head -c %d; echo ååå", most-1),
			strings.Repeat("x", most-1) + " … (6 bytes more)\n",
		},
		"in a secret": {
			fmt.Sprintf("yes x | tr -d '\\n' | head -c %d; cat /run/secrets/key; yes y | tr -d '\\n' | head -c 1000", most-4),
			strings.Repeat("x", most-4) + " … (1011 bytes more)\n",
		},
		"a bar that writes over itself": {
			`for i in $(seq 2000); do printf '%d of 2000, %060d\r' $i 0; done; printf '\ron its way\r\n'; printf 'over\rdone'`,
			"on its way\ndone\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := project(t, map[string]string{"Dockerfile": "FROM busybox AS web\nRUN --mount=type=secret,id=key " + tc.run + "\n"})
			req := y.requestWith(t, dir, session.Sources{Secrets: map[string][]byte{"key": []byte("hush-secret")}}, "=web")
			req.Secrets = []string{"key"}
			_, rec := y.build(t, req)
			if got := rec.log("stage:web"); got != tc.want {
				t.Errorf("%d bytes, want %d: …%s", len(got), len(tc.want), got[max(0, len(got)-100):])
			}
		})
	}
}

func TestWhatGoTestSaysToProgramsIsToldToPeople(t *testing.T) {
	y := newYard(t)
	dir := project(t, map[string]string{
		"Dockerfile": "FROM busybox AS web\nCOPY log /\nRUN --mount=type=secret,id=password cat /log; false\n",
		"log": `{"Time":"2026-11-23T23:10:45Z","Action":"run","Package":"p","Test":"TestX"}
{"Time":"2026-11-23T23:10:45Z","Action":"output","Package":"p","Test":"TestX","Output":"    x_test.go:3: it says a \"quoted\" word\n"}
{"Time":"2026-11-23T23:10:45Z","Action":"output","Package":"p","Test":"TestX","Output":"--- FAIL: TestX (0.00s)\n"}
{"Time":"2026-11-23T23:10:45Z","Action":"fail","Package":"p","Test":"TestX","Elapsed":0}
and another line
`,
	})
	req := y.requestWith(t, dir, session.Sources{Secrets: map[string][]byte{"password": []byte(`a "quoted" word`)}}, "=web")
	req.Secrets = []string{"password"}
	_, rec := y.fail(t, req)
	if diff := cmp.Diff("    x_test.go:3: it says •••\n--- FAIL: TestX (0.00s)\nand another line\n", rec.log("stage:web")); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
}
