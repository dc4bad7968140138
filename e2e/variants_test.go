package e2e

import (
	"os"
	"strings"
	"testing"
)

// severalServices is one Dockerfile for three services: two that differ in an argument, and one that is another stage.
var severalServices = map[string]string{
	"Dockerfile": `FROM busybox AS deps
RUN echo deps > /deps
FROM deps AS builder
ARG APP=web
RUN echo $APP > /app
FROM deps AS lint
COPY state /state
RUN test ! -s /state
FROM builder AS test
RUN mkdir /reports && cp /app /reports/app
FROM busybox AS worker
COPY --from=deps /deps /deps
CMD ["sleep", "infinity"]
FROM busybox AS runtime
COPY --from=builder /app /app
CMD ["sleep", "infinity"]
`,
	"compose.yaml": `services:
  web: {build: {context: ., target: runtime}, stop_grace_period: 1s}
  api: {build: {context: ., target: runtime, args: {APP: api}}, stop_grace_period: 1s}
  worker: {build: {context: ., target: worker}, stop_grace_period: 1s}
`,
	"seaworthy.yaml": "checks: {test: {reports: /reports}}\n",
	"state":          "",
}

// What several services make alike of one Dockerfile is listed, built, checked and told once; of the rest, names say whose it is.
func TestServicesShareTheStagesOfADockerfile(t *testing.T) {
	t.Parallel()
	s := newSite(t, severalServices)
	out := s.run(0, "plan")
	if want := `stages of Dockerfile: 6 for images, 3 checks
        stage        role   lines  from                         why
◆       deps         image  1-2    busybox                      the images of api, web and worker need it
├─◆     api/builder  image  3-5    deps                         the image of api needs it
├─│─◆   web/builder  image  3-5    deps                         the image of web needs it
├─│─│─◇ lint         check  6-8    deps                         no image needs it
│ ├─│─◇ api/test     check  9-10   api/builder                  no image needs it
│ │ ├─◇ web/test     check  9-10   web/builder                  no image needs it
◆ │ │   worker       image  11-13  busybox; copies deps         worker is built from it
  ◆ │   api/runtime  image  14-16  busybox; copies api/builder  api is built from it
    ◆   web/runtime  image  14-16  busybox; copies web/builder  web is built from it
`; !strings.HasPrefix(out, want) {
		t.Errorf("plan begins with\n%s\nnot with\n%s", out, want)
	}
	for _, line := range []string{"[lint] RUN test ! -s /state\n", "[deps] RUN echo deps > /deps\n", "[worker] COPY --from=deps /deps /deps\n"} {
		if n := strings.Count(out, line); n != 1 {
			t.Errorf("%q is told %d times:\n%s", line, n, out)
		}
	}
	for service := range strings.FieldsSeq("api web") {
		report, err := os.ReadFile(s.path(".seaworthy/reports/" + service + "/test/app"))
		if err != nil || string(report) != service+"\n" {
			t.Errorf("the report of %s is %q, %v", service, report, err)
		}
	}
	out = s.run(0, "plan", "--graph", "mermaid")
	for _, line := range []string{
		`subgraph d0["Dockerfile"]`, `s0(["deps<br/>image"])`, `s1(["api/builder<br/>image"])`, `s4{{"api/test<br/>check"}}`,
		`s6(["worker<br/>image of worker"])`, `s8(["web/runtime<br/>image of web"])`, "s2 -->|COPY| s8",
	} {
		if strings.Count(out, line) != 1 || strings.Count(out, "subgraph") != 1 {
			t.Errorf("the drawing has not %s once:\n%s", line, out)
		}
	}

	s.up(0)
	says := func(words []string, args ...string) {
		t.Helper()
		out := s.run(0, args...)
		for _, w := range words {
			if strings.Count(out, w) != 1 {
				t.Errorf("seaworthy %v does not say %q once:\n%s", args, w, out)
			}
		}
	}
	says([]string{"check lint passed", "check api/test passed", "check web/test passed"}, "show")
	for service := range strings.FieldsSeq("api web") {
		says([]string{service + "\n"}, "exec", service, "--", "cat", "/app")
	}
	says([]string{"web/test ran", "never built here"}, "why", "web/test")
	s.refused(2, []string{"why", "builder"}, "stands for 2 stages", "api/builder, web/builder")

	s.write("state", "broken")
	s.write("seaworthy.yaml", "checks: {api/test: skip, web/lint: skip}\n")
	s.refused(5, []string{"up"}, "web/lint is not skipped: lint is one stage for api, web, worker", "checks: {lint: skip}")
	if said := s.try("up").err; strings.Count(said, ">>> RUN test ! -s /state") != 1 {
		t.Errorf("the check that failed is not told of once:\n%s", said)
	}
	if out := s.run(0, "config"); !strings.Contains(out, `api/test: "check, skipped: seaworthy.yaml says to skip it"`) || !strings.Contains(out, `web/test: "check: no image needs it"`) {
		t.Errorf("api/test is not skipped alone:\n%s", out)
	}
}

// A check of what the images share gates each of them with its own arguments: that of b fails, and nothing ships.
func TestACheckOfASharedStageRunsForEachService(t *testing.T) {
	t.Parallel()
	s := newSite(t, map[string]string{
		"Dockerfile": `FROM busybox AS s
FROM s AS test
ARG V=0
RUN echo "testing V=$V"; [ "$V" != 1 ]
FROM s AS img
ARG V=0
RUN echo $V > /v
CMD ["sleep", "infinity"]
`,
		"compose.yaml": `services:
  a: {build: {context: ., args: {V: "9"}}, stop_grace_period: 1s}
  b: {build: {context: ., args: {V: "1"}}, stop_grace_period: 1s}
`,
	})
	s.refused(5, []string{"up"}, "check b/test", "testing V=1", "exit code 1")
	s.refused(8, []string{"show"}, "nothing is deployed")
	s.write("seaworthy.yaml", "checks: {b/test: skip}\n")
	s.up(0)
	out := s.run(0, "show")
	if !strings.Contains(out, "check a/test passed") || strings.Contains(out, "check b/test passed") {
		t.Errorf("not a/test alone has passed:\n%s", out)
	}
}
