package e2e

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seaworthyhq/seaworthy/internal/event"
)

// kept are the reports in the project, by path, with their content.
func (s *site) kept() map[string]string {
	s.t.Helper()
	found := map[string]string{}
	root := s.path(".seaworthy/reports")
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		name, _ := filepath.Rel(root, path)
		found[name] = strings.TrimSpace(string(content))
		return err
	})
	if err != nil && !os.IsNotExist(err) {
		s.t.Fatal(err)
	}
	return found
}

// checked is a service with a check: suite is what the check does, settings what seaworthy.yaml says about it.
func checked(suite, settings string) map[string]string {
	return map[string]string{
		"Dockerfile":     "FROM busybox AS test\nCOPY junit.xml /in/\n" + suite + "\n\nFROM busybox\nEXPOSE 8080\nCMD [\"httpd\", \"-f\", \"-p\", \"8080\"]\n",
		"compose.yaml":   "services:\n  shop:\n    build: .\n    ports: [\"127.0.0.1:{{port}}:8080\"]\n    stop_grace_period: 1s\n",
		"seaworthy.yaml": "checks:\n  test: " + settings + "\n",
		"junit.xml":      passed,
	}
}

const (
	passed = `<testsuite><testcase name="TestRead"/><testcase name="TestParse"/></testsuite>`
	failed = `<testsuite><testcase name="TestRead"/><testcase name="TestParse"><failure/></testcase></testsuite>`
)

func TestReportsSurviveFailure(t *testing.T) {
	t.Parallel()
	s := newSite(t, checked("RUN mkdir -p /src/reports/a && cp /in/junit.xml /src/reports/a/ && ! grep failure /in/junit.xml", "{reports: /src/reports}"))
	s.write("junit.xml", failed)
	s.refused(5, []string{"up"}, "check test", "exited with code 1: 2 tests, 1 failed: TestParse", ".seaworthy/reports/test", "checks: {test: skip}")
	if diff := cmp.Diff(map[string]string{"test/a/junit.xml": failed}, s.kept()); diff != "" {
		t.Errorf("after the failure: %s", diff)
	}
	var entries []struct {
		Kind, Subject string
		Data          struct {
			Steps []struct {
				Key      string
				Tests    struct{ Total, Failed int }
				Failures []string
			}
			Error string
		}
	}
	s.readJSON(&entries, "ledger", "-e", "shop/local")
	if len(entries) != 1 || entries[0].Kind != "build-failed" || len(entries[0].Data.Steps) != 1 || entries[0].Data.Steps[0].Tests.Failed != 1 ||
		!cmp.Equal(entries[0].Data.Steps[0].Failures, []string{"TestParse"}) {
		t.Errorf("ledger: %+v", entries)
	}

	s.write("junit.xml", passed)
	for _, run := range []string{"that passes", "from cache"} {
		s.write(".seaworthy/reports/test/old", "of an earlier run")
		s.up(0)
		if diff := cmp.Diff(map[string]string{"test/a/junit.xml": passed}, s.kept()); diff != "" {
			t.Errorf("after a run %s: %s", run, diff)
		}
	}
	if out := s.run(0, "show"); !strings.Contains(out, "check test passed, 2 tests") {
		t.Errorf("show: %s", out)
	}
	if out := s.run(0, "ledger", "--json"); strings.Count(out, `"kind": "release"`)+strings.Count(out, `"kind":"release"`) != 1 {
		t.Errorf("the second run added to the ledger:\n%s", out)
	}
	if ignored, err := os.ReadFile(s.path(".seaworthy/.gitignore")); string(ignored) != "*\n" {
		t.Errorf(".gitignore: %q, %v", ignored, err)
	}
}

func TestACheckThatHangsIsEndedAndItsReportsKept(t *testing.T) {
	t.Parallel()
	s := newSite(t, checked("RUN mkdir /reports && cp /in/junit.xml /reports/ && echo waiting > /reports/log && sleep 31400.5", "{reports: [/reports/*.xml, /nowhere], timeout: 3s}"))
	s.refused(5, []string{"up"}, "check test", "ran longer than 3s (timeout): 2 tests", "checks: {test: {timeout: …}}", "reports of test: /nowhere is not there")
	if diff := cmp.Diff(map[string]string{"test/junit.xml": passed}, s.kept()); diff != "" {
		t.Error(diff)
	}
	if out := s.run(0, "ledger"); !strings.Contains(out, "build failed") {
		t.Errorf("ledger: %s", out)
	}
}

func TestACheckThatHangsDoesNotHoldBackThatAnotherOneFailed(t *testing.T) {
	t.Parallel()
	meet := "RUN --mount=type=cache,target=/meet "
	s := newSite(t, checked(meet+"until [ -e /meet/hangs ]; do usleep 1000; done; exit 3\nFROM busybox AS hangs\n"+meet+"touch /meet/hangs; sleep 31401.5", "run"))
	up := s.start("up")
	up.until("the check has failed", reaches("stage:test", event.Failed))
	s.saysAfterCtrlC(up, "interrupted; test had failed: exit code 3")
	s.eventually("it is recorded", func() bool { return strings.Contains(s.run(0, "ledger"), "build failed") })
}

func TestReportsNeedNoShell(t *testing.T) {
	t.Parallel()
	s := newSite(t, checked("", "{reports: /results}"))
	s.edit("Dockerfile", "FROM busybox AS test\nCOPY junit.xml /in/\n", "FROM busybox AS tools\nFROM scratch AS test\nCOPY --from=tools /bin/busybox /busybox\nCOPY junit.xml /results/\nRUN [\"/busybox\", \"false\"]\n")
	s.refused(5, []string{"build"}, "check test", "2 tests")
	if diff := cmp.Diff(map[string]string{"test/junit.xml": passed}, s.kept()); diff != "" {
		t.Error(diff)
	}
	s.edit("Dockerfile", `"false"`, `"true"`)
	s.write("seaworthy.yaml", "checks: {test: {reports: [/nowhere, /results/none.xml]}}\n")
	r := s.try("build")
	if r.code != 0 || !strings.Contains(r.out+r.err, "/nowhere is not there") || !strings.Contains(r.out+r.err, "/results/none.xml is not there") {
		t.Errorf("exit code %d\n%s%s", r.code, r.out, r.err)
	}
}

func TestChecksOfTwoServicesGoOnBesideEachOther(t *testing.T) {
	t.Parallel()
	image := "\nFROM busybox AS image\nRUN sleep 100\nCMD [\"sleep\", \"1d\"]\n"
	s := newSite(t, map[string]string{
		"web/Dockerfile": "FROM busybox AS test\nRUN echo web > /report; sleep 1; exit 3\n" + image,
		"api/Dockerfile": "FROM busybox AS test\nRUN sleep 2; echo api > /report; echo '{\"Action\":\"pass\",\"Package\":\"p\",\"Test\":\"TestA\"}'\n" + image,
		"compose.yaml":   "services:\n  web: {build: web}\n  api: {build: api}\n",
		"seaworthy.yaml": "checks: {test: {reports: [/report, /none]}}\n",
	})
	s.refused(5, []string{"build", "--json"}, "check web/test", "reports of api/test: /none is not there", "exited with code 3", `"key":"stage:api/test","state":"done"`,
		`"key":"stage:web/image","state":"stopped"`, `"key":"stage:api/image","state":"stopped"`)
	kept := map[string]string{"web/test/report": "web", "api/test/report": "api"}
	if diff := cmp.Diff(kept, s.kept()); diff != "" {
		t.Error(diff)
	}
}

// The exit code alone decides, of each check: also of one that another check is FROM.
func TestACheckThatPassesWithFailedTestsIsWarnedAboutWhereverItStands(t *testing.T) {
	t.Parallel()
	s := newSite(t, map[string]string{"Dockerfile": `FROM busybox AS test
RUN echo '{"Action":"pass","Package":"p","Test":"TestA"}'; echo '{"Action":"fail","Package":"p","Test":"TestB"}'
FROM test AS covered
RUN true
FROM busybox
CMD ["true"]
`})
	const warning = "check test passed although it reports 2 tests, 1 failed: TestB"
	if out := s.run(0, "build", "--plain"); !strings.Contains(out, warning) {
		t.Errorf("built:\n%s", out)
	}
	if out := s.run(0, "build", "--plain"); !strings.Contains(out, "check test passed although it reports 2 tests, 1 failed") || strings.Contains(out, "check covered passed") {
		t.Errorf("from cache:\n%s", out)
	}
}
