package build_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/sys/unix"

	"github.com/seaworthyhq/seaworthy/internal/build"
	"github.com/seaworthyhq/seaworthy/internal/build/session"
	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

// checking is a request in which each check that has reports keeps them in the project, by its name.
func (y *yard) checking(t testing.TB, dir string, reports map[string][]string, targets ...string) build.Request {
	t.Helper()
	src := session.Sources{Project: dir, Reports: map[string]string{}}
	for name := range reports {
		src.Reports["stage:"+name] = ".seaworthy/reports/" + name
	}
	req := y.requestWith(t, dir, src, targets...)
	for i, target := range req.Targets {
		req.Targets[i].Reports, req.Targets[i].ReportsDir = reports[target.Stage], src.Reports[target.Key]
	}
	return req
}

// kept are the reports of a check, by name, with their content.
func kept(t testing.TB, dir, check string) map[string]string {
	t.Helper()
	found := map[string]string{}
	root := filepath.Join(dir, ".seaworthy/reports", check)
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		name, _ := filepath.Rel(root, path)
		if !e.Type().IsRegular() {
			found[name] = e.Type().String()
			return nil
		}
		content, err := os.ReadFile(path)
		found[name] = string(content)
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return found
}

func (r *recorder) reports() []event.Report {
	var all []event.Report
	for _, e := range r.all() {
		if e.Report != nil {
			all = append(all, *e.Report)
		}
	}
	return all
}

// end is the event with which a step ended.
func (r *recorder) end(t testing.TB, key string) event.Step {
	t.Helper()
	var last []event.Step
	for _, e := range r.all() {
		if e.Step != nil && e.Step.Key == key && e.Step.State.Ended() {
			last = append(last, *e.Step)
		}
	}
	if len(last) != 1 {
		t.Fatalf("%s ended %d times: %+v", key, len(last), last)
	}
	return last[0]
}

const (
	passing = `<testsuite><testcase name="TestRead"/><testcase name="TestParse"/></testsuite>`
	failing = `<testsuite><testcase name="TestRead"/><testcase name="TestParse"><failure/></testcase></testsuite>`
)

func TestReportsOfACheckThatPassesAndOneFromCache(t *testing.T) {
	y := newYard(t)
	dir := project(t, map[string]string{
		"Dockerfile": "FROM busybox AS test\nCOPY junit.xml /src/reports/sub/\nRUN echo all well > /src/reports/log && chmod 600 /src/reports/log\n",
		"junit.xml":  passing,
	})
	want := map[string]string{"log": "all well\n", "sub/junit.xml": passing}
	for _, state := range []event.State{event.Done, event.Cached} {
		write(t, filepath.Join(dir, ".seaworthy/reports/test/stale/of an earlier run"), "old")
		_, rec := y.build(t, y.checking(t, dir, map[string][]string{"test": {"/src/reports"}}, "test"))
		if diff := cmp.Diff(want, kept(t, dir, "test")); diff != "" {
			t.Errorf("%s: %s", state, diff)
		}
		step := rec.end(t, "stage:test")
		if step.State != state || step.Tests == nil || *step.Tests != (release.Tests{Total: 2}) {
			t.Errorf("want %s with 2 tests: %+v", state, step)
		}
		wantEvents := []event.Report{{Step: "stage:test", Path: ".seaworthy/reports/test", Files: 2, Bytes: int64(9 + len(passing)), Tests: release.Tests{Total: 2}}}
		if diff := cmp.Diff(wantEvents, rec.reports()); diff != "" {
			t.Errorf("%s: %s", state, diff)
		}
	}
	ignore, err := os.ReadFile(filepath.Join(dir, ".seaworthy/.gitignore"))
	if err != nil || string(ignore) != "*\n" {
		t.Errorf(".gitignore: %q, %v", ignore, err)
	}
	info, err := os.Stat(filepath.Join(dir, ".seaworthy/reports/test/log"))
	if err != nil || info.Mode() != 0o644 {
		t.Errorf("log: %v, %v", info.Mode(), err)
	}
}

func TestReportsOfACheckThatFailsWithoutAShell(t *testing.T) {
	y := newYard(t)
	dir := project(t, map[string]string{
		"Dockerfile": "FROM busybox AS tools\nFROM scratch AS test\nCOPY --from=tools /bin/busybox /test\nCOPY junit.xml /in/\n" +
			"RUN [\"/test\", \"cp\", \"/in/junit.xml\", \"/in/junit.xml\", \"/nowhere/\"]\n",
		"junit.xml": failing,
	})
	u, rec := y.fail(t, y.checking(t, dir, map[string][]string{"test": {"/in/*.xml"}}, "test"))
	if diff := cmp.Diff(map[string]string{"junit.xml": failing}, kept(t, dir, "test")); diff != "" {
		t.Error(diff)
	}
	if u.Kind != release.KindCheck || !strings.Contains(u.Error(), ": 2 tests, 1 failed: TestParse") {
		t.Errorf("%s: %v", u.Kind, u)
	}
	if step := rec.end(t, "stage:test"); step.State != event.Failed || step.Tests == nil || *step.Tests != (release.Tests{Total: 2, Failed: 1}) {
		t.Errorf("ended as %+v", step)
	}
	if left := leftBehind(t, y.root); len(left) > 0 {
		t.Errorf("left behind: %s", strings.Join(left, "\n"))
	}
}

func TestWhatAFailedInstructionWroteIsKept(t *testing.T) {
	y := newYard(t)
	dir := project(t, map[string]string{"Dockerfile": "FROM busybox AS test\nRUN mkdir /reports && echo before > /reports/first\n" +
		"RUN echo while > /reports/second; rm /reports/first; exit 3\n"})
	y.fail(t, y.checking(t, dir, map[string][]string{"test": {"/reports"}}, "test"))
	if diff := cmp.Diff(map[string]string{"second": "while\n"}, kept(t, dir, "test")); diff != "" {
		t.Error(diff)
	}
}

func TestPathsOfReports(t *testing.T) {
	y := newYard(t)
	dockerfile := `FROM busybox AS test
RUN mkdir -p /src/a/reports /src/b/reports /other/reports /src/empty && ln -s /src /app && \
    echo a > /src/a/reports/a.xml && echo b > /src/b/reports/b.xml && echo no > /src/b/reports/b.txt && \
    echo other > /other/reports/a.xml && echo top > /top.xml && echo hidden > /.hidden.xml && ln -s ../../../top.xml /src/a/reports/link.xml && \
    ln -s /etc /src/a/reports/etc && mkfifo /src/a/reports/pipe && mknod /src/a/reports/null c 1 3 && ln /top.xml /src/a/reports/hard.xml && \
    ln -s a.xml /src/a/reports/latest.xml && mkfifo /pipe && mknod /null c 1 3 && ln -s /gone /dangling && ln -s /ring /loop && ln -s /loop /ring && \
    mkdir /odd && touch "$(printf '/odd/a\377')" && mkdir "$(printf '/odd/b\377')" && touch "$(printf '/odd/b\377/c')" && ln -s odd /even && mkdir /held
RUN --mount=type=cache,target=/cache --mount=type=tmpfs,target=/held echo c > /cache/c.xml; echo h > /held/h.xml
`
	for name, tc := range map[string]struct {
		paths   []string
		want    map[string]string
		missing []string
		warning string
	}{
		"folder: neither links nor special files": {
			paths: []string{"/src/a/reports"},
			want:  map[string]string{"a.xml": "a\n", "hard.xml": "top\n"},
			warning: "reports of test: /src/a/reports/etc, /src/a/reports/latest.xml, /src/a/reports/link.xml and 2 more: left out, " +
				"since links, pipes and devices are not kept",
		},
		"file":         {paths: []string{"/src/b/reports/b.txt"}, want: map[string]string{"b.txt": "no\n"}},
		"behind links": {paths: []string{"/app/b/reports", "/src/a/reports/latest.xml"}, want: map[string]string{"b.xml": "b\n", "b.txt": "no\n", "latest.xml": "a\n"}},
		"glob": {
			paths: []string{"/src/**/*.xml"}, want: map[string]string{"a/reports/a.xml": "a\n", "a/reports/hard.xml": "top\n", "b/reports/b.xml": "b\n"},
			warning: "reports of test: /src/a/reports/latest.xml, /src/a/reports/link.xml: left out, since links, pipes and devices are not kept",
		},
		"glob of folders":   {paths: []string{"/src/b*"}, want: map[string]string{"b/reports/b.xml": "b\n", "b/reports/b.txt": "no\n"}},
		"glob at the top":   {paths: []string{"/*.xml"}, want: map[string]string{"top.xml": "top\n", ".hidden.xml": "hidden\n"}},
		"empty folder":      {paths: []string{"/src/empty"}, want: map[string]string{}},
		"missing":           {paths: []string{"/src/nowhere", "/top.xml/x"}, want: map[string]string{}, missing: []string{"/src/nowhere", "/top.xml/x"}, warning: "reports of test: /src/nowhere is not there"},
		"missing by a glob": {paths: []string{"/src/*.sarif"}, want: map[string]string{}, missing: []string{"/src/*.sarif"}, warning: "reports of test: /src/*.sarif is not there"},
		"cache mount": {
			paths: []string{"/cache/c.xml"}, want: map[string]string{}, missing: []string{"/cache/c.xml"},
			warning: "reports of test: /cache/c.xml is on the mount /cache, which is no part of the stage",
		},
		"pipe":            {paths: []string{"/pipe", "/top.xml"}, want: map[string]string{"top.xml": "top\n"}, missing: []string{"/pipe"}, warning: "reports of test: /pipe is a pipe, and only files are kept"},
		"device":          {paths: []string{"/null"}, want: map[string]string{}, missing: []string{"/null"}, warning: "reports of test: /null is a device, and only files are kept"},
		"link to nowhere": {paths: []string{"/dangling"}, want: map[string]string{}, missing: []string{"/dangling"}, warning: "reports of test: /dangling leads to /gone, which is not there"},
		"links in a ring": {paths: []string{"/loop", "/top.xml"}, want: map[string]string{"top.xml": "top\n"}, missing: []string{"/loop"}, warning: "reports of test: /loop cannot be looked for: too many links"},
		"only links":      {paths: []string{"/src/**/latest.*"}, want: map[string]string{}, missing: []string{"/src/**/latest.*"}, warning: "reports of test: /src/**/latest.* finds only links, pipes or devices, which are not kept"},
		"names that are no text, asked for twice": {
			paths: []string{"/odd", "/even"}, want: map[string]string{}, warning: `reports of test: "/odd/a\xff", "/odd/b\xff/": left out, since the name is not UTF-8`,
		},
		"folder that is a mount": {paths: []string{"/held"}, want: map[string]string{}, warning: "reports of test: /held is on the mount /held, which is no part of the stage"},
		"two of one name": {
			paths: []string{"/src/a/reports/a.xml", "/other/reports", "/src/a/reports/a.xml"}, want: map[string]string{"a.xml": "a\n"},
			warning: "reports of test: /other/reports/a.xml: left out, since another report has the same name",
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := project(t, map[string]string{"Dockerfile": dockerfile})
			_, rec := y.build(t, y.checking(t, dir, map[string][]string{"test": tc.paths}, "test"))
			if diff := cmp.Diff(tc.want, kept(t, dir, "test")); diff != "" {
				t.Error(diff)
			}
			if got := rec.reports(); len(got) != 1 || !cmp.Equal(tc.missing, got[0].Missing, cmpopts.EquateEmpty()) {
				t.Errorf("events %+v", got)
			}
			if got := rec.messages(); tc.warning != "" && !slices.Contains(got, tc.warning) || tc.warning == "" && len(got) > 0 {
				t.Errorf("messages %q", got)
			}
		})
	}
}

func TestReportsDoNotGoWhereALinkLeads(t *testing.T) {
	y := newYard(t)
	dir := project(t, map[string]string{"Dockerfile": "FROM busybox AS test\nRUN echo x > /report\n", "src/main.go": "mine", ".seaworthy/reports/keep": ""})
	if err := os.Symlink("../../src", filepath.Join(dir, ".seaworthy/reports/test")); err != nil {
		t.Fatal(err)
	}
	_, rec := y.build(t, y.checking(t, dir, map[string][]string{"test": {"/report"}}, "test"))
	if content, err := os.ReadFile(filepath.Join(dir, "src/main.go")); string(content) != "mine" {
		t.Errorf("src/main.go: %q, %v", content, err)
	}
	want := "reports of test: none are kept: .seaworthy/reports/test is no folder: remove it; what .seaworthy/reports/test has is of an earlier run"
	if got := rec.messages(); !slices.Contains(got, want) {
		t.Errorf("messages %q", got)
	}
}

func TestReportsThatThereIsNoRoomFor(t *testing.T) {
	y := newYard(t)
	dir := project(t, map[string]string{"Dockerfile": "FROM busybox AS test\nRUN dd if=/dev/zero of=/report bs=1M count=8 2>/dev/null\n", ".seaworthy/x": ""})
	if err := unix.Mount("tmpfs", filepath.Join(dir, ".seaworthy"), "tmpfs", 0, "size=1m"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Unmount(filepath.Join(dir, ".seaworthy"), unix.MNT_DETACH) })
	write(t, filepath.Join(dir, ".seaworthy/reports/test/report"), "of an earlier run")
	_, rec := y.build(t, y.checking(t, dir, map[string][]string{"test": {"/report"}}, "test"))
	if got := strings.Join(rec.messages(), "\n"); !strings.Contains(got, "reports of test: none are kept: ") || !strings.Contains(got, "no space left on device; what .seaworthy/reports/test has is of an earlier run") {
		t.Errorf("messages %q", got)
	}
	if diff := cmp.Diff(map[string]string{"report": "of an earlier run"}, kept(t, dir, "test")); diff != "" {
		t.Error(diff)
	}
	if entries, err := os.ReadDir(filepath.Join(dir, ".seaworthy/reports")); err != nil || len(entries) != 1 {
		t.Errorf("beside it: %v, %v", entries, err)
	}
}

func TestReportsThatCannotBeReadWholeAreNamed(t *testing.T) {
	y := newYard(t)
	dir := project(t, map[string]string{
		"Dockerfile":    "FROM busybox AS test\nCOPY r /r\n",
		"r/a/cut.xml":   strings.TrimSuffix(failing, "</testcase></testsuite>"),
		"r/empty.xml":   "",
		"r/empty.log":   "",
		"r/whole.xml":   passing,
		"r/cut.json":    `{"Action":"pass","Package":"p","Test":"TestA"}` + "\n" + `{"Action":"pa`,
		"r/z/says.xml":  `<testsuite tests="1" failures="1"><testcase name="TestB"/></testsuite>`,
		"r/z/says2.xml": `<testsuite tests="1" failures="1"><testcase name="TestC"/></testsuite>`,
	})
	_, rec := y.build(t, y.checking(t, dir, map[string][]string{"test": {"/r"}}, "test"))
	want := []string{
		"reports of test: a/cut.xml: JUnit XML, broken off",
		"reports of test: cut.json: go test -json, broken off",
		"reports of test: empty.xml: is empty",
		"reports of test: more files that could not be read whole: 2",
		"check test passed although it reports 7 tests, 1 failed: TestParse",
	}
	if diff := cmp.Diff(want, rec.messages()); diff != "" {
		t.Error(diff)
	}
	if step := rec.end(t, "stage:test"); step.Tests == nil || *step.Tests != (release.Tests{Total: 7, Failed: 1}) {
		t.Errorf("ended as %+v", step.Tests)
	}
}

// goTest is a RUN that writes what go test -json does.
const goTest = `RUN echo '{"Action":"pass","Package":"p","Test":"TestA"}'; echo '{"Action":"%s","Package":"p","Test":"TestB"}'; `

func TestTestsOnStandardOutputCount(t *testing.T) {
	y := newYard(t)
	dockerfile := "FROM busybox AS test\n" + strings.ReplaceAll(goTest, "%s", "skip") + "true\n"
	dir := project(t, map[string]string{"Dockerfile": dockerfile})
	for _, state := range []event.State{event.Done, event.Cached} {
		res, rec := y.build(t, y.checking(t, dir, nil, "test"))
		step := rec.end(t, "stage:test")
		if want := (release.Tests{Total: 2, Skipped: 1}); step.State != state || step.Tests == nil || *step.Tests != want || res.Steps[0].Tests != want {
			t.Errorf("want %s with 2 tests: %+v, %+v", state, step, res.Steps)
		}
	}
	write(t, filepath.Join(dir, "Dockerfile"), "FROM busybox AS test\n"+strings.ReplaceAll(goTest, "%s", "fail")+"exit 1\n")
	u, _ := y.fail(t, y.checking(t, dir, nil, "test"))
	if !strings.Contains(u.Error(), "exited with code 1: 2 tests, 1 failed: TestB") {
		t.Error(u)
	}
}

func TestTestsAreThoseOfTheCheckThatToldOfThem(t *testing.T) {
	y := newYard(t)
	dir := project(t, map[string]string{
		"Dockerfile": "FROM busybox AS told\n" + fmt.Sprintf(goTest, "skip") + "\nFROM told AS same\nENV A=1\nFROM busybox AS filed\nCOPY junit.xml /r/\nFROM filed AS bare\n",
		"junit.xml":  failing,
	})
	for range 2 { // the second time, all comes from cache
		res, _ := y.build(t, y.checking(t, dir, map[string][]string{"filed": {"/r"}}, "told", "same", "filed", "bare"))
		got := map[string]int{}
		for _, check := range []string{"told", "same", "filed", "bare"} {
			got[check] = run(t, res, check).Tests.Total
		}
		if diff := cmp.Diff(map[string]int{"told": 2, "same": 0, "filed": 2, "bare": 0}, got); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
	}
}

func TestRunningChecksGoOnWhenOneFails(t *testing.T) {
	y := newYard(t)
	meet := "RUN --mount=type=cache,target=/meet "
	dir := project(t, map[string]string{"Dockerfile": "FROM busybox AS bad\n" + meet + "until [ -e /meet/good ] && [ -e /meet/worse ]; do usleep 1000; done; false\n" +
		"FROM busybox AS good\n" + meet + "touch /meet/good; sleep 2; echo well > /report\n" +
		"FROM busybox AS worse\n" + meet + "touch /meet/worse; sleep 1; false\n" +
		"FROM busybox AS web\nRUN sleep 31342.25\n"})
	req := y.checking(t, dir, map[string][]string{"good": {"/report"}}, "=web", "bad", "good", "worse")
	for i, s := range req.Stages {
		if s.Name != "web" {
			req.Stages[i].Skips = []string{s.Name}
		}
	}
	u, rec := y.fail(t, req)
	if u.Kind != release.KindCheck || u.Error() != "2 checks failed: bad, worse" {
		t.Errorf("%s: %v", u.Kind, u)
	}
	if !strings.HasSuffix(u.Hint, "or leave them out: checks: {bad: skip, worse: skip} in seaworthy.yaml") {
		t.Errorf("hint %q", u.Hint)
	}
	if diff := cmp.Diff(map[string]string{"report": "well\n"}, kept(t, dir, "good")); diff != "" {
		t.Error(diff)
	}
	want := map[string]event.State{"stage:bad": event.Failed, "stage:good": event.Done, "stage:worse": event.Failed, "stage:web": event.Stopped}
	if diff := cmp.Diff(want, rec.steps()); diff != "" {
		t.Error(diff)
	}
}

func TestAFailedImageStopsTheChecks(t *testing.T) {
	y := newYard(t)
	meet := "RUN --mount=type=cache,target=/meet "
	dir := project(t, map[string]string{
		"Dockerfile": "FROM busybox AS test\n" + meet + "touch /meet/test; sleep 31343.25\n" +
			"FROM busybox AS web\n" + meet + "until [ -e /meet/test ]; do usleep 1000; done; false\n",
		".seaworthy/reports/test/log": "of the run before",
	})
	u, rec := y.fail(t, y.checking(t, dir, map[string][]string{"test": {"/meet"}}, "=web", "test"))
	if u.Kind != release.KindBuild {
		t.Errorf("%s: %v", u.Kind, u)
	}
	if step := rec.end(t, "stage:test"); step.State != event.Stopped {
		t.Errorf("ended as %+v", step)
	}
	if got := kept(t, dir, "test"); got["log"] == "" {
		t.Error("a check that did not come to its end has replaced its reports")
	}
	want := []string{"reports of test: none are kept, since it was stopped; what .seaworthy/reports/test has is of an earlier run"}
	if diff := cmp.Diff(want, rec.messages()); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
}

func TestNamesOfTestsHaveNoSecrets(t *testing.T) {
	y := newYard(t)
	dir := project(t, map[string]string{"Dockerfile": "FROM busybox AS test\nRUN --mount=type=secret,id=token " +
		`printf '<testsuite><testcase name="with %s"><failure/></testcase></testsuite>' "$(cat /run/secrets/token)" > /junit.xml; false` + "\n"})
	req := y.requestWith(t, dir, session.Sources{
		Project: dir, Reports: map[string]string{"stage:test": "reports"}, Secrets: map[string][]byte{"token": []byte("open-sesame")},
	}, "test")
	req.Secrets = []string{"token"}
	req.Targets[0].Reports, req.Targets[0].ReportsDir = []string{"/junit.xml"}, "reports"
	u, rec := y.fail(t, req)
	if !strings.Contains(u.Error(), "1 test, 1 failed: with ") || strings.Contains(u.Error()+u.Detail, "open-sesame") {
		t.Errorf("%v\n%s", u, u.Detail)
	}
	if got := rec.reports(); len(got) != 1 || len(got[0].Failures) != 1 || strings.Contains(got[0].Failures[0], "open-sesame") {
		t.Errorf("events %+v", got)
	}
}

func TestABaseOfACheckThatIsNotThereCanBeSkipped(t *testing.T) {
	y := newYard(t)
	dir := project(t, map[string]string{"Dockerfile": "FROM busybox AS web\nRUN true\nFROM registry.invalid/nothing AS tools\nFROM tools AS test\nRUN true\n"})
	req := y.checking(t, dir, nil, "=web", "test")
	req.Stages[1].Skips = []string{"test"}
	u, _ := y.fail(t, req)
	if !strings.HasSuffix(u.Hint, "or leave it out: checks: {test: skip} in seaworthy.yaml") {
		t.Errorf("%v; hint %q", u, u.Hint)
	}
}
