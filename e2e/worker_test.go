package e2e

import (
	"strings"
	"testing"
)

// What ends with code 0 has failed, unless `restart` says that it may: then it has done its work, and does it once.
func TestAServiceThatMayEndHasDoneItsWork(t *testing.T) {
	t.Parallel()
	s := newAppSite(t, `services:
  web:
    build: .
    ports: ["127.0.0.1:{{port}}:8080"]
    environment: {VERSION: "1"}
    stop_grace_period: 1s
  once: {image: busybox, command: ["echo", "done once"]}
  maybe: {image: busybox, command: ["echo", "done"], restart: "on-failure:2"}
`)
	s.refused(6, []string{"up"}, "once 1: it exited with code 0", `write restart: "no" if it is meant to end`)
	s.edit("compose.yaml", `"done once"]`, `"done once"], restart: "no"`)
	s.up(0)
	s.serves("1")
	if out := s.run(0, "status"); strings.Count(out, "completed") != 2 || strings.Contains(out, "0/1") {
		t.Errorf("status does not say that two have completed:\n%s", out)
	}
	s.run(0, "plan", "--exit-code")

	before := s.replicas("once")[0]
	s.refused(0, []string{"restart"}, "restart web")
	if now := s.replicas("once")[0]; now.Started != before.Started {
		t.Error("a restart of all did again what was done")
	}
	s.refused(0, []string{"restart", "once"}, "restart once")
	if now := s.replicas("once")[0]; now.Started == before.Started {
		t.Error("a restart of what is done does not do it again")
	}

	before = s.replicas("once")[0]
	s.edit("compose.yaml", `VERSION: "1"`, `VERSION: "2"`)
	s.edit("compose.yaml", `"echo", "done"`, `"false"`)
	s.refused(6, []string{"up"}, "maybe 1", "exited with code 1")
	s.serves("1")
	s.edit("compose.yaml", `"false"`, `"echo", "again"`)
	s.up(0)
	s.serves("2")
	if after := s.replicas("once")[0]; after.ID != before.ID || after.Started != before.Started {
		t.Errorf("what has done its work did it again: %+v, then %+v", before, after)
	}

	s.edit("compose.yaml", `, restart: "no"`, "")
	s.refused(6, []string{"up"}, "once 1: it exited with code 0")
	s.serves("2")
}

// A worker has the image of a web service, and so its EXPOSE, and answers at no port.
func TestAWorkerOfTheSameImageNeedsNotAnswer(t *testing.T) {
	t.Parallel()
	s := newSite(t, map[string]string{
		"Dockerfile": "FROM busybox\nEXPOSE 8000\nCMD [\"httpd\", \"-f\", \"-p\", \"8000\"]\n",
		"compose.yaml": `services:
  web: {build: ., ports: ["127.0.0.1:{{port}}:8000"], stop_signal: KILL}
  worker: {build: ., command: ["sleep", "infinity"], stop_signal: KILL, deploy: {update_config: {monitor: 2s}}}
`,
	})
	if out := s.run(0, "plan"); !strings.Contains(out, "well after 2s even where no port answers") {
		t.Errorf("the plan does not say how the worker is judged:\n%s", out)
	}
	out := s.run(0, "up", "--json")
	if !strings.Contains(out, `"detail":"port 8000, which it or its image exposes, does not answer"`) {
		t.Errorf("nothing says what is waited for:\n%s", out)
	}
}
