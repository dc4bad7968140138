package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seaworthyhq/seaworthy/internal/api"
	"github.com/seaworthyhq/seaworthy/internal/ledger"
	"github.com/seaworthyhq/seaworthy/internal/project"
	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/tui"
)

var (
	now  = time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC)
	shop = release.Environment{Project: "shop", Name: "local"}
	one  = release.ID("r-11111111aaaa")
	two  = release.ID("r-22222222aaaa")
)

func written(t *testing.T, write func(tui.Output) error) string {
	t.Helper()
	var b bytes.Buffer
	if err := write(tui.Describe(&b, tui.ColorNever)); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func differs(t *testing.T, want, got string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s\nit shows:\n%s", diff, got)
	}
}

func deployments() []release.Deployment {
	return []release.Deployment{
		{
			Environment: shop, Number: 2, Release: two, Cause: release.CauseUp, Actor: "dev@laptop", Result: release.RolledBack,
			Error: "web 1 exited with 1", Started: now.Add(-time.Minute), Ended: now.Add(-58 * time.Second),
		},
		{
			Environment: shop, Number: 1, Release: one, Cause: release.CauseUp, Actor: "dev@laptop", Result: release.Succeeded,
			Started: now.Add(-2 * time.Hour), Ended: now.Add(-2*time.Hour + 1500*time.Millisecond),
		},
	}
}

func TestStatusShowsThatReplicasEndOverAndOver(t *testing.T) {
	replica := func(started time.Time, restarts int) release.Replica {
		return release.Replica{State: release.StateRunning, Health: release.HealthHealthy, Started: started, Restarts: restarts}
	}
	found := []api.EnvironmentStatus{{
		Environment: shop, Release: two,
		Origin:     release.Origin{Tag: "v1.2.3-rc.4", Commit: "0123456789abcdef", Dirty: []string{"main.go"}},
		Deployment: &release.Deployment{Environment: shop, Number: 2, Actor: "dev@laptop", Ended: now.Add(-time.Hour)},
		Services: []api.ServiceStatus{
			{
				Name: "web", Image: release.Image{Digest: "sha256:0123456789abcdef"}, Desired: 2, Healthy: 2, Updating: true,
				Ports:    []release.Port{{Published: 8080, Target: 80, Protocol: "tcp"}, {Published: 8443, Target: 443, Protocol: "tcp"}, {Published: 5353, Target: 53, Protocol: "udp"}},
				Replicas: []release.Replica{replica(now.Add(-2*time.Second), 7), replica(now.Add(-time.Hour), 0)},
			},
			{Name: "db", Image: release.Image{Digest: "sha256:0123456789abcdef"}, Desired: 1, Healthy: 1, Replicas: []release.Replica{replica(now.Add(-time.Hour), 0)}},
		},
	}}
	got := written(t, func(out tui.Output) error {
		out.Width = 80
		return new(app).writeStatus(out, found, now)
	})
	differs(t, `shop/local: r-22222222 (v1.2.3-rc.4 0123456789ab with 1 change), local#2 by
  dev@laptop 1 hour ago
service  replicas  state                          image         since
web      2/2       healthy, updating, 7 restarts  0123456789ab  2 seconds ago
  http://localhost:8080 http://localhost:8443 udp://localhost:5353
db       1/1       healthy                        0123456789ab  1 hour ago
`, got)
}

func TestStatusTellsWhatIsDoneFromWhatFailed(t *testing.T) {
	ended := func(code int) []release.Replica {
		return []release.Replica{{Index: 1, State: release.StateExited, ExitKnown: true, ExitCode: code}}
	}
	for want, s := range map[string]api.ServiceStatus{
		"1/1 completed":               {Desired: 1, Completed: 1, Replicas: ended(0)},
		"2/2 completed":               {Desired: 2, OneShot: true}, // collected
		"1/1 running":                 {Desired: 1, Healthy: 1, OneShot: true, Replicas: []release.Replica{{State: release.StateRunning}}},
		"0/1 replica 1 exited with 7": {Desired: 1, OneShot: true, Replicas: ended(7)},
	} {
		state, _ := stateOf(s)
		differs(t, want, counts(s)+" "+state)
	}
}

func TestHistoryShowsWhyByWhomHowLongWithWhatResult(t *testing.T) {
	var entries []api.HistoryEntry
	for i, d := range deployments() {
		d.Origin = release.Origin{Commit: "0123456789abcdef", Dirty: []string{"main.go"}}
		entries = append(entries, api.HistoryEntry{Deployment: d, Collected: i == 1})
	}
	got := written(t, func(out tui.Output) error { return writeHistory(out, shop, entries, now) })
	differs(t, `deployment  release                 why  result       took   when          by          from
local#2     r-22222222              up   rolled-back  2.0 s  1 minute ago  dev@laptop  0123456789ab with 1 change
  web 1 exited with 1
local#1     r-11111111 (collected)  up   succeeded    1.5 s  2 hours ago   dev@laptop  0123456789ab with 1 change
`, got)
}

func TestShowIsTheWholeRelease(t *testing.T) {
	built := release.Image{Digest: "sha256:aa", Ref: "web", Stage: "final", Platform: "linux/amd64"}
	pulled := release.Image{Digest: "sha256:bb", Ref: "postgres:17", Platform: "linux/amd64"}
	config := release.Config{Services: []release.Service{
		{Name: "db", Image: pulled, Replicas: 1, Mounts: []release.Mount{{Kind: release.MountVolume, Source: "data", Target: "/data"}}},
		{
			Name: "web", Image: built, Replicas: 2, Environment: map[string]string{"PASSWORD": "very private", "LEVEL": "info"},
			Ports: []release.Port{{Published: 8080, Target: 80, Protocol: "tcp"}}, Secrets: []release.Secret{{Name: "token"}},
		},
	}}
	info := api.ReleaseInfo{
		ID: one, Release: release.Release{
			Project: "shop", Environments: map[string]release.Config{"local": config}, Bases: []release.Base{{Ref: "golang:1.26", Digest: "sha256:cc"}},
		},
		Origins: []release.Origin{{
			Commit: "0123456789abcdef", Tag: "v1", Branch: "main", Dirty: []string{"main.go"}, Actor: "dev@laptop", Time: now.Add(-time.Hour),
			Checks: []release.Check{{Stage: "test", Result: release.CheckPassed, Why: "no image needs it", Tests: release.Tests{Total: 142}}, {Stage: "bench", Result: release.CheckSkipped}},
		}},
		Serving: []release.Environment{shop}, Deployments: deployments()[1:],
	}
	got := written(t, func(out tui.Output) error { return writeRelease(out, info, now, "seaworthy deploy r-1", false) })
	differs(t, `r-11111111aaaa
  of shop
  made 1 hour ago by dev@laptop from v1 0123456789ab with 1 change on main
    not committed: main.go
    check test passed, 142 tests, a check since no image needs it
    check bench skipped
  serves in shop/local

image   made of      digest     platform
db      postgres:17  sha256:bb  linux/amd64
web     stage final  sha256:aa  linux/amd64
(base)  golang:1.26  sha256:cc

environment  service  replicas  ports                  volumes  secrets  environment variables
local        db       1                                data
local        web      2         http://localhost:8080           token    LEVEL PASSWORD

deployment    why  result     when         by
shop/local#1  up   succeeded  2 hours ago  dev@laptop
`, got)
}

func TestLedgerSaysWhatEachEntryIsAbout(t *testing.T) {
	data := func(v any) json.RawMessage {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	entry := func(seq uint64, kind, subject string, d any) api.LedgerEntry {
		return api.LedgerEntry{Sequence: seq, Time: now, Kind: kind, Environment: shop.String(), Subject: subject, Actor: "dev", Data: data(d), Hash: "sha256:0123456789abcdef"}
	}
	got := written(t, func(out tui.Output) error {
		return writeLedger(out, []api.LedgerEntry{
			entry(9, "build-failed", shop.String(), ledger.FailedBuild{Steps: []ledger.FailedStep{
				{Key: "stage:test", Tests: release.Tests{Total: 142, Failed: 2}}, {Key: "stage:lint"},
			}}),
			entry(8, "restarted", "shop/local", map[string]any{"services": []string{"db", "web"}, "error": "web 1 exited with 1"}),
			entry(7, "restarted", "shop/local", map[string]any{"services": []string{"web"}}),
			entry(6, "of a newer engine", "something", nil),
			entry(5, "volumes-removed", "shop/local", map[string]any{"names": []string{"data", "more"}, "cause": "down"}),
			entry(4, "collected", "releases", []release.ID{one, two}),
			entry(3, "deployment-ended", "local#2", deployments()[0]),
			entry(2, "deployment-started", "local#2", deployments()[0]),
			entry(1, "release", string(one), release.Origin{Tag: "v1"}),
		}, now)
	})
	differs(t, `entry  what               about                                           by   when  hash
9      build failed       shop/local: test (2 of 142 tests failed), lint  dev  now   0123456789ab
8      restart failed     shop/local: db web                              dev  now   0123456789ab
7      restarted          shop/local: web                                 dev  now   0123456789ab
6      of a newer engine  something                                       dev  now   0123456789ab
5      volumes removed    shop/local: data more                           dev  now   0123456789ab
4      collected          2 releases                                      dev  now   0123456789ab
3      rolled-back        shop/local#2: up of r-22222222                  dev  now   0123456789ab
2      started            shop/local#2: up of r-22222222                  dev  now   0123456789ab
1      release made       r-11111111 v1                                   dev  now   0123456789ab
`, got)
}

func TestConfigReadsLikeTheFilesAndHasNoSecret(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{
		"Dockerfile": "FROM busybox AS builder\nRUN true\nFROM builder AS test\nRUN true\nFROM builder\nCMD [\"x\"]\n",
		"compose.yaml": `services:
  db: {image: "postgres:17", volumes: ["data:/data"]}
  web: {build: ., environment: {LEVEL: "${LEVEL}"}, secrets: [token], configs: [{source: app, mode: 0400}]}
volumes: {data: {}}
configs: {app: {content: hello}}
secrets: {token: {file: token}}
`,
		".env":           "LEVEL=info\n",
		"token":          "very private",
		"seaworthy.yaml": "name: shop\nenvironments: {local: {}, staging: {}}\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	p, err := project.Load(t.Context(), project.Options{Dir: dir, Environment: "local"})
	if err != nil {
		t.Fatal(err)
	}
	differs(t, `name: shop
environment: local
host: local
services:
  db:
    image: postgres:17
    mounts:
      - kind: volume
        source: data
        target: /data
    networks:
      - network: default
    replicas: 1
  web:
    build: stage stage-2 of Dockerfile
    environment:
      LEVEL: info
    files:
      - target: /app
        digest: sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824
        mode: "0400"
        size: 5
    secrets:
      - name: token
        target: /run/secrets/token
        mode: "0444"
    networks:
      - network: default
    replicas: 1
networks:
  default: with a way out
volumes:
  data: made where it is missing
secrets:
  token: from the file token
stages:
  builder: "image: the image of web needs it"
  test: "check: no image needs it"
  stage-2: "image: web is built from it"
other environments:
  - staging
`, written(t, func(out tui.Output) error { return writeProject(out, p) }))
}

func TestWhyLeadsBackToWhereItBegan(t *testing.T) {
	at := func(ago time.Duration, took time.Duration, state string, because ...release.Reason) *release.StepRun {
		return &release.StepRun{State: state, Started: now.Add(-ago), Ended: now.Add(-ago + took), Because: because}
	}
	stage := func(key string) release.Reason {
		return release.Reason{Kind: release.ReasonAgain, Text: "COPY --from (Dockerfile:9): stage " + key + " ran again", Names: []string{"stage:" + key}}
	}
	found := []api.StepInfo{
		{Key: "stage:web", Name: "web", Run: at(time.Hour, 2*time.Second, "done", stage("assets"), stage("later")), Cached: now.Add(-time.Minute)},
		{Key: "stage:assets", Name: "assets", Run: at(time.Hour+time.Second, time.Second, "done", release.Reason{Kind: release.ReasonFiles, Text: "COPY . . (Dockerfile:3): a changed"})},
		{Key: "stage:later", Name: "later", Run: at(time.Minute, time.Second, "failed", release.Reason{Kind: release.ReasonAsked, Text: "asked"})},
	}
	found[1].Run.Tests, found[1].Run.Failures, found[1].Run.Error = release.Tests{Total: 3, Failed: 1}, []string{"TestParse"}, "exit code 1"
	differs(t, `web ran 1 hour ago, in 2.0 s: done
  COPY --from (Dockerfile:9): stage assets ran again
    assets ran 1 hour ago, in 1.0 s: done
      COPY . . (Dockerfile:3): a changed
      3 tests, 1 failed: TestParse
      exit code 1
  COPY --from (Dockerfile:9): stage later ran again
    later has run again since, 1 minute ago; why it ran then is no longer recorded
  from cache last 1 minute ago
`, written(t, func(out tui.Output) error { return writeWhy(out, found, now, false) }))

	unknown := []api.StepInfo{{Key: "stage:web", Name: "web", Cached: now.Add(-time.Minute)}}
	differs(t, `web came from cache; that it ran is not recorded
  from cache last 1 minute ago
`, written(t, func(out tui.Output) error { return writeWhy(out, unknown, now, false) }))

	differs(t, `stage   ran           took   result  from cache    why it ran
web     1 hour ago    2.0 s  done    1 minute ago  COPY --from (Dockerfile:9): stage assets ran again
assets  1 hour ago    1.0 s  done                  COPY . . (Dockerfile:3): a changed
later   1 minute ago  1.0 s  failed                asked
`, written(t, func(out tui.Output) error { return writeSteps(out, shop, found, now) }))
}

func TestWhyOfAStageThatFailedAndCameFromCacheSinceSaysBoth(t *testing.T) {
	found := []api.StepInfo{{
		Key: "stage:test", Name: "test", Cached: now.Add(-time.Minute),
		Run: &release.StepRun{
			State: "failed", Started: now.Add(-time.Hour), Ended: now.Add(-time.Hour + time.Second), Error: "exit code 1",
			Because: []release.Reason{{Kind: release.ReasonFiles, Text: "a changed"}},
		},
	}}
	differs(t, `test came from cache; it ran last 1 hour ago, in 1.0 s: failed
  a changed
  exit code 1
  from cache last 1 minute ago
`, written(t, func(out tui.Output) error { return writeWhy(out, found, now, false) }))
	differs(t, `stage  ran         took   result                 from cache    why it ran
test   1 hour ago  1.0 s  cached; failed before  1 minute ago  a changed
`, written(t, func(out tui.Output) error { return writeSteps(out, shop, found, now) }))
}

func TestWhyOfAStageThatAnUnrecordedBuildMadeDoesNotPassOffAnotherRun(t *testing.T) {
	ran := &release.StepRun{State: "done", Started: now.Add(-time.Hour), Ended: now.Add(-time.Hour), Because: []release.Reason{{Kind: release.ReasonFiles, Text: "a changed"}}}
	found := []api.StepInfo{
		{Key: "stage:web", Name: "web", Run: &release.StepRun{State: "done", Started: now, Ended: now, Because: []release.Reason{{
			Kind: release.ReasonStage, Text: "stage base differs from the last time", Names: []string{"stage:base"},
		}}}},
		{Key: "stage:base", Name: "base", Run: ran, Cached: now, Other: true},
	}
	differs(t, `web ran now, in <1 ms: done
  stage base differs from the last time
    base came from cache; it ran last 1 hour ago, in <1 ms, with other inputs: done
      a changed
`, written(t, func(out tui.Output) error { return writeWhy(out, found, now, false) }))
	differs(t, `base came from cache; it ran last 1 hour ago, in <1 ms, with other inputs: done
  a changed
  from cache last now
`, written(t, func(out tui.Output) error { return writeWhy(out, found[1:], now, false) }))
}

func TestWhyOfALongChainShowsItsEnds(t *testing.T) {
	var chain []api.StepInfo
	for i := 149; i >= 0; i-- {
		key := func(i int) string { return fmt.Sprint("stage:s", i) }
		at := now.Add(time.Duration(i) - 150 - time.Hour)
		s := api.StepInfo{Key: key(i), Name: fmt.Sprint("s", i), Run: &release.StepRun{State: "done", Started: at, Ended: at}}
		if i > 0 {
			s.Run.Because = []release.Reason{{Kind: release.ReasonAgain, Text: fmt.Sprintf("COPY (Dockerfile:%d): stage s%d ran again", i, i-1), Names: []string{key(i - 1)}}}
		}
		if i == 0 || i == 70 {
			s.Run.Because = append(s.Run.Because, release.Reason{Kind: release.ReasonFiles, Text: "f changed"})
		}
		chain = append(chain, s)
	}
	chain[0].Cached = now.Add(-time.Minute)
	differs(t, `s149 ran 1 hour ago, in <1 ms: done
  COPY (Dockerfile:149): stage s148 ran again
    s148 ran 1 hour ago, in <1 ms: done
      COPY (Dockerfile:148): stage s147 ran again
  … 146 stages between: --verbose shows all
  s70 ran 1 hour ago, in <1 ms: done
    COPY (Dockerfile:70): stage s69 ran again
    f changed
  s0 ran 1 hour ago, in <1 ms: done
    f changed
  from cache last 1 minute ago
`, written(t, func(out tui.Output) error { return writeWhy(out, chain, now, false) }))

	all := strings.Split(written(t, func(out tui.Output) error { return writeWhy(out, chain, now, true) }), "\n")
	if len(all) != 303 {
		t.Errorf("%d lines of all", len(all))
	}
	for _, line := range all {
		if in := len(line) - len(strings.TrimLeft(line, " ")); in > 26 {
			t.Errorf("a line stands %d further in: %s", in, line)
		}
	}
}

func TestWhyOfAStageThatTakesFromManyShowsSomeOfThem(t *testing.T) {
	at := &release.StepRun{State: "done", Started: now.Add(-time.Hour), Ended: now.Add(-time.Hour), Because: []release.Reason{{Kind: release.ReasonFiles, Text: "f changed"}}}
	wide := []api.StepInfo{{Key: "stage:web", Name: "web", Run: &release.StepRun{State: "done", Started: now, Ended: now}}}
	for i := range 300 {
		key := fmt.Sprint("stage:w", i)
		wide = append(wide, api.StepInfo{Key: key, Name: fmt.Sprint("w", i), Run: at})
		wide[0].Run.Because = append(wide[0].Run.Because, release.Reason{Kind: release.ReasonAgain, Text: key + " ran again", Names: []string{key}})
	}
	wide[0].Run.Because = append(wide[0].Run.Because, release.Reason{Kind: release.ReasonFiles, Text: "g changed"})
	text := written(t, func(out tui.Output) error { return writeWhy(out, wide, now, false) })
	for _, want := range []string{"  g changed\n", "  … 295 more reasons: ", "  … 289 more stages that it began with: "} {
		if !strings.Contains(text, want) || strings.Count(text, "\n") > 40 {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
}

func TestWhyOfAStageThatIsNotBuiltSaysSo(t *testing.T) {
	found := []api.StepInfo{{Key: "stage:dev", Name: "dev", Skipped: "its name says it is for developers"}}
	differs(t, "dev is not built: its name says it is for developers\n", written(t, func(out tui.Output) error { return writeWhy(out, found, now, false) }))
	differs(t, `stage  ran      took  result  from cache  why it ran
dev    skipped                            its name says it is for developers
`, written(t, func(out tui.Output) error { return writeSteps(out, shop, found, now) }))
}

func TestACheckWithNothingToRunHasNotPassed(t *testing.T) {
	origin := release.Origin{Time: now, Actor: "dev@laptop", Checks: []release.Check{{
		Stage: "dev", Result: release.CheckPassed, Why: "no image needs it", Empty: true,
	}}}
	differs(t, `  made now by dev@laptop
    check dev had nothing to run, a check since no image needs it
`, written(t, func(out tui.Output) error { writeOrigin(out, origin, now, false); return nil }))
}

func TestACheckThatPassedAlthoughTestsFailedIsShownWithThem(t *testing.T) {
	origin := release.Origin{Time: now, Actor: "dev@laptop", Checks: []release.Check{{
		Stage: "test", Result: release.CheckPassed, Why: "no image needs it", Tests: release.Tests{Total: 5, Failed: 3, Skipped: 1},
	}}}
	differs(t, `  made now by dev@laptop
    check test passed, 5 tests, 3 failed, 1 skipped, a check since no image needs it
`, written(t, func(out tui.Output) error { writeOrigin(out, origin, now, false); return nil }))
}

func TestChecksOfWhichTheSameIsToBeSaidShareALine(t *testing.T) {
	origin := release.Origin{Time: now, Actor: "dev@laptop"}
	for i := range 9 {
		origin.Checks = append(origin.Checks, release.Check{
			Stage: fmt.Sprint("unit-", i), Result: release.CheckPassed, Why: "no image needs it", Tests: release.Tests{Total: i},
		})
	}
	origin.Checks = append(origin.Checks, release.Check{Stage: "bench", Result: release.CheckSkipped, Why: "seaworthy.yaml says so"})
	write := func(all bool) string {
		return written(t, func(out tui.Output) error { writeOrigin(out, origin, now, all); return nil })
	}
	differs(t, `  made now by dev@laptop
    9 checks passed, 36 tests, each a check since no image needs it
      unit-0, unit-1, unit-2, unit-3, unit-4, unit-5 and 3 more
    check bench skipped: seaworthy.yaml says so
`, write(false))
	if lines := strings.Count(write(true), "\n"); lines != 11 {
		t.Errorf("of all 10 checks %d lines tell", lines)
	}
}

func TestWhyOfAStageThatWasNotComeToSaysSo(t *testing.T) {
	found := []api.StepInfo{
		{Key: "stage:e2e", Name: "e2e", Missed: "test failed"},
		{Key: "stage:lint", Name: "lint", Missed: "test failed", Run: &release.StepRun{Key: "stage:lint", State: "done", Started: now, Ended: now}},
	}
	differs(t, "e2e was not come to: test failed\n", written(t, func(out tui.Output) error { return writeWhy(out, found, now, false) }))
	differs(t, `lint ran now, in <1 ms: done
  why is not recorded
  the last build did not come to it: test failed
`, written(t, func(out tui.Output) error { return writeWhy(out, found[1:], now, false) }))
	differs(t, `stage  ran          took   result                    from cache  why it ran
e2e    not come to                                               test failed
lint   now          <1 ms  not come to; done before
`, written(t, func(out tui.Output) error { return writeSteps(out, shop, found, now) }))
}

func TestWhyHintsAtTheIgnoreFileWhereNothingButGitsOwnFilesChanged(t *testing.T) {
	ran := func(text string, names ...string) []api.StepInfo {
		return []api.StepInfo{{Key: "stage:web", Name: "web", Run: &release.StepRun{
			Key: "stage:web", State: "done", Started: now, Ended: now, Because: []release.Reason{{Kind: release.ReasonFiles, Text: text, Names: names}},
		}}}
	}
	for _, row := range []struct {
		found []api.StepInfo
		hint  bool
	}{{ran(".git/index changed", "~.git/index"), true}, {ran("a is new; also 1 file of .git", "+a", "~.git/index"), false}} {
		text := written(t, func(out tui.Output) error { return writeWhy(out, row.found, now, false) })
		if strings.Contains(text, "hint: ") != row.hint {
			t.Errorf("it shows\n%s", text)
		}
	}
}
