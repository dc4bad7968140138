package e2e

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// rolloutStep is what an event says of an operation.
type rolloutStep struct {
	Key, State string
}

// steps are the operations of a rollout, as they began and ended.
func (s *site) steps(code int, args ...string) []rolloutStep {
	s.t.Helper()
	var all []rolloutStep
	for line := range strings.Lines(s.run(code, append(args, "--json")...)) {
		var e struct{ Step *rolloutStep }
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			s.t.Fatalf("event %q: %v", line, err)
		}
		if e.Step != nil && strings.HasPrefix(e.Step.Key, "rollout:") {
			e.Step.Key = strings.TrimPrefix(e.Step.Key, "rollout:")
			all = append(all, *e.Step)
		}
	}
	return all
}

// inOrder fails the test unless the first step whose key begins with one text has ended before the first one of the other begins.
func (s *site) inOrder(all []rolloutStep, before, after string) {
	s.t.Helper()
	ended := slices.IndexFunc(all, func(x rolloutStep) bool { return strings.HasPrefix(x.Key, before) && x.State == "done" })
	began := slices.IndexFunc(all, func(x rolloutStep) bool { return strings.HasPrefix(x.Key, after) && x.State == "started" })
	if ended < 0 || began < 0 || ended > began {
		s.t.Errorf("%q has to come before %q: %d, %d of %v", before, after, ended, began, all)
	}
}

// serves fails the test unless this version answers.
func (s *site) serves(version string) {
	s.t.Helper()
	if got := s.get("version"); got != version {
		s.t.Errorf("version %q serves, want %q", got, version)
	}
}

// setEnvironment gives the services of the compose file another environment.
func (s *site) setEnvironment(from, to string) {
	s.t.Helper()
	s.edit("compose.yaml", "environment: {"+from+"}", "environment: {"+to+"}")
}

const volumeWriter = `services:
  web:
    build: .
    ports: ["127.0.0.1:{{port}}:8080"]
    environment: {VERSION: "1"}
    healthcheck: {test: ["CMD", "/app", "health"], interval: 1s, retries: 2, timeout: 10s}
    volumes: ["data:/data"]
    stop_grace_period: 1s
volumes: {data: }
`

func TestWhatWritesToAVolumeIsReplacedStopFirstAndItsRequestsWait(t *testing.T) {
	t.Parallel()
	s := newAppSite(t, volumeWriter)
	s.up(0)

	s.setEnvironment(`VERSION: "1"`, `VERSION: "2", STARTUP: 500ms`)
	if plan := s.run(0, "plan"); !strings.Contains(plan, "stop-first") || !strings.Contains(plan, "requests to web wait while it is replaced, at most") {
		t.Errorf("the plan does not say that web is held, and for how long:\n%s", plan)
	}
	load := s.load("version")
	steps := s.steps(0, "up")
	s.noneFailed(load)
	s.serves("2")
	s.inOrder(steps, "hold web", "drain shop-local-web")
	s.inOrder(steps, "stop shop-local-web", "start shop-local-web")

	for what, environment := range map[string]string{
		"it ends at once":    `VERSION: "3", FAIL_FIRST: /data/failed`,
		"it never gets well": `VERSION: "4", SICK: "yes"`,
	} {
		s.setEnvironment(`VERSION: "2", STARTUP: 500ms`, environment)
		load := s.load("version")
		s.refused(6, []string{"up"}, "web 1")
		if sent, failures := load(); sent == 0 || len(failures) > 0 {
			t.Errorf("%s: %d requests, failed: %v", what, sent, failures)
		}
		s.serves("2")
		s.setEnvironment(environment, `VERSION: "2", STARTUP: 500ms`)
	}
	t.Run("it gets ill while it is watched", func(t *testing.T) {
		s.edit("compose.yaml", "    stop_grace_period: 1s\n", "    stop_grace_period: 1s\n    deploy: {update_config: {monitor: 20s}}\n")
		s.setEnvironment(`VERSION: "2", STARTUP: 500ms`, `VERSION: "5", SICK_AFTER: 1s`)
		s.refused(6, []string{"up"}, "it became unhealthy")
		s.serves("2")
	})
	if got := s.status(); got.Last.Result != "rolled-back" || got.Deployment.Number != 2 {
		t.Errorf("last %+v, serves %d", got.Last, got.Deployment.Number)
	}
	if got := s.replicas("web"); got[0].Restarts != 0 {
		t.Errorf("to have been stopped and to come back is no restart: %+v", got)
	}
}

func TestCallersOfWhatIsReplacedStopFirstWaitToo(t *testing.T) {
	t.Parallel()
	s := newAppSite(t, `services:
  web:
    build: .
    ports: ["127.0.0.1:{{port}}:8080"]
    environment: {VERSION: web}
    healthcheck: {test: ["CMD", "/app", "health"], interval: 5s}
    stop_grace_period: 1s
    depends_on: {db: {condition: service_healthy}}
  db:
    build: .
    environment: {DB: "1", VERSION: "1"}
    healthcheck: {test: ["CMD", "/app", "health"], interval: 5s}
    volumes: ["data:/data"]
    stop_grace_period: 1s
volumes: {data: }
`)
	s.up(0)
	byHTTP, byTCP := s.load(query("get", "url", "http://db:8080/version")), s.load(query("ask", "network", "tcp", "addr", "db:7000"))
	s.edit("compose.yaml", `DB: "1", VERSION: "1"`, `DB: "2", VERSION: "2"`)
	s.untouched("web", func() { s.up(0) })
	s.noneFailed(byHTTP)
	s.noneFailed(byTCP)
	if got := s.get(query("get", "url", "http://db:8080/version")); got != "2" {
		t.Errorf("db %q answers", got)
	}
}

const pairOfReplicas = `services:
  web:
    build: .
    ports: ["127.0.0.1:{{port}}:8080"]
    environment: {VERSION: "1"}
    healthcheck: {test: ["CMD", "/app", "health"], interval: 300ms, retries: 2}
    stop_grace_period: 1s
    deploy: {replicas: 2, update_config: {}}
`

// policy sets the update_config of the services.
func (s *site) policy(from, to string) {
	s.t.Helper()
	s.edit("compose.yaml", "update_config: {"+from+"}", "update_config: {"+to+"}")
}

func TestAVersionThatFailsWhileItIsWatchedIsTakenBack(t *testing.T) {
	t.Parallel()
	s := newAppSite(t, pairOfReplicas)
	s.up(0)
	s.policy("", "monitor: 20s")
	for _, c := range []struct{ environment, says string }{
		{`VERSION: "2", SICK_AFTER: 1s`, "it became unhealthy"},
		{`VERSION: "3", EXIT_AFTER: 1s`, "it exited with code 3"},
	} {
		s.setEnvironment(`VERSION: "1"`, c.environment)
		s.untouched("web", func() {
			s.refused(6, []string{"up"}, c.says)
		})
		s.serves("1")
		if last := s.status().Last; last.Result != "rolled-back" || !strings.Contains(last.Error, c.says) {
			t.Errorf("recorded: %+v", last)
		}
		s.setEnvironment(c.environment, `VERSION: "1"`)
	}
}

func TestUpdatesGoAsTheirPolicySays(t *testing.T) {
	t.Parallel()
	s := newAppSite(t, pairOfReplicas)
	s.up(0)

	t.Run("parallelism and delay", func(t *testing.T) {
		s.policy("", "parallelism: 1, delay: 100ms")
		s.setEnvironment(`VERSION: "1"`, `VERSION: "2"`)
		steps := s.steps(0, "up")
		replicas := s.replicas("web")
		s.inOrder(steps, "await "+replicas[0].ID, "delay web 1")
		s.inOrder(steps, "delay web 1", "start "+replicas[1].ID)
		s.policy("parallelism: 1, delay: 100ms", "")
	})
	t.Run("order: stop-first", func(t *testing.T) {
		s.policy("", "order: stop-first")
		s.setEnvironment(`VERSION: "2"`, `VERSION: "3"`)
		load := s.load("version")
		steps := s.steps(0, "up")
		s.noneFailed(load)
		s.inOrder(steps, "stop shop-local-web", "start shop-local-web")
		s.policy("order: stop-first", "")
	})
	t.Run("one of two may fail where max_failure_ratio says so", func(t *testing.T) {
		s.setEnvironment(`VERSION: "3"`, `VERSION: "4", FAIL_SUFFIX: "-2"`)
		s.up(6)
		s.serves("3")
		s.policy("", "max_failure_ratio: 0.5")
		s.up(0)
		s.serves("4")
		s.policy("max_failure_ratio: 0.5", "")
	})
	t.Run("failure_action: continue", func(t *testing.T) {
		s.policy("", "failure_action: continue")
		s.setEnvironment(`VERSION: "4", FAIL_SUFFIX: "-2"`, `VERSION: "5", FAIL_SUFFIX: "-1"`)
		s.up(0)
		s.serves("5")
		s.policy("failure_action: continue", "")
	})
	t.Run("failure_action: pause", func(t *testing.T) {
		s.policy("", "failure_action: pause")
		s.setEnvironment(`VERSION: "5", FAIL_SUFFIX: "-1"`, `VERSION: "6", FAIL_SUFFIX: "-1"`)
		s.refused(6, []string{"up"}, "paused")
		s.serves("5")
		if last := s.status().Last; last.Result != "failed" {
			t.Errorf("recorded: %+v", last)
		}
		s.setEnvironment(`VERSION: "6", FAIL_SUFFIX: "-1"`, `VERSION: "7"`)
		s.up(0)
		s.serves("7")
		s.policy("failure_action: pause", "")
	})
	t.Run("the way back has a policy of its own", func(t *testing.T) {
		s.policy("", "order: start-first}, rollback_config: {order: stop-first, parallelism: 1, delay: 10ms")
		s.setEnvironment(`VERSION: "7"`, `VERSION: "8"`)
		s.inOrder(s.steps(0, "up"), "start shop-local-web", "stop shop-local-web")
		s.setEnvironment(`VERSION: "8"`, `VERSION: "9"`)
		s.up(0)
		load := s.load("version")
		steps := s.steps(0, "rollback")
		s.noneFailed(load)
		s.serves("8")
		s.inOrder(steps, "stop shop-local-web", "start shop-local-web")
		s.inOrder(steps, "delay web 1", "move traffic")
	})
}

func TestWellIsWhatTheServiceSaysItIs(t *testing.T) {
	t.Parallel()
	s := newAppSite(t, `services:
  slow:
    build: .
    environment: {VERSION: slow, STARTUP: 1500ms}
    healthcheck: {test: ["CMD", "/app", "health"], interval: 1s, retries: 3}
    stop_grace_period: 1s
  web:
    build: .
    ports: ["127.0.0.1:{{port}}:8080"]
    environment: {VERSION: "1", STARTUP: 300ms}
    stop_grace_period: 1s
  worker:
    image: busybox
    command: ["sleep", "infinity"]
    stop_signal: SIGKILL
    deploy: {update_config: {monitor: 500ms}}
`)
	t.Run("a slow start is no failure, and a port that answers is health", func(t *testing.T) {
		s.up(0)
		s.serves("1")
		load := s.load("version")
		s.edit("compose.yaml", `VERSION: "1"`, `VERSION: "2"`)
		s.up(0)
		s.noneFailed(load)
		s.serves("2")
	})
	t.Run("never healthy is bounded, and says what the check said", func(t *testing.T) {
		s.edit("compose.yaml", "STARTUP: 1500ms", "SICK: always")
		s.edit("compose.yaml", "interval: 1s, retries: 3", "interval: 200ms, retries: 2, start_period: 500ms")
		s.refused(6, []string{"up"}, "slow 1", "unhealthy", "I am sick")
		s.edit("compose.yaml", "SICK: always", "STARTUP: 10ms")
	})
	t.Run("a check that says much is quoted in one line", func(t *testing.T) {
		s.edit("compose.yaml", `["CMD", "/app", "health"], interval: 200ms`, `["CMD-SHELL", "seq 60; exit 7"], interval: 200ms`)
		s.refused(6, []string{"up"}, "slow 1", "unhealthy: 1 …", "its health check wrote", "  60\n")
		if last := s.status().Last; strings.Contains(last.Error, "\n") {
			t.Errorf("recorded: %q", last.Error)
		}
		s.edit("compose.yaml", `["CMD-SHELL", "seq 60; exit 7"], interval: 200ms`, `["CMD", "/app", "health"], interval: 200ms`)
	})
	t.Run("what cannot be asked has to survive", func(t *testing.T) {
		s.edit("compose.yaml", `["sleep", "infinity"]`, `["sh", "-c", "sleep 0.2; exit 9"]`)
		s.refused(6, []string{"up"}, "worker 1", "exited with code 9")
		s.edit("compose.yaml", `["sh", "-c", "sleep 0.2; exit 9"]`, `["sleep", "infinity"]`)
	})
	t.Run("what wants more memory than its limit is told so", func(t *testing.T) {
		s.edit("compose.yaml", `["sleep", "infinity"]`, `["sh", "-c", "head -c 64m /dev/zero | tail"]`)
		s.edit("compose.yaml", "monitor: 500ms}}", "monitor: 2s}, resources: {limits: {memory: 16m}}}")
		s.refused(6, []string{"up"}, "worker 1", "ran out of memory")
		s.edit("compose.yaml", `["sh", "-c", "head -c 64m /dev/zero | tail"]`, `["sleep", "infinity"]`)
	})
	t.Run("a command that is not there is named", func(t *testing.T) {
		s.edit("compose.yaml", `["sleep", "infinity"]`, `["/no/such/command"]`)
		s.refused(6, []string{"up"}, "worker", "/no/such/command", "such file")
	})
}

func TestScaleStaysUntilTheFileSaysOtherwise(t *testing.T) {
	t.Parallel()
	s := newAppSite(t, strings.Replace(pairOfReplicas, "update_config: {}", "update_config: {parallelism: 0}", 1))
	s.up(0)
	count := func(want int) {
		t.Helper()
		if got := len(s.replicas("web")); got != want {
			t.Errorf("%d replicas, want %d", got, want)
		}
	}
	load := s.load("version")
	s.run(0, "scale", "web=3")
	count(3)
	s.setEnvironment(`VERSION: "1"`, `VERSION: "2", FAIL_SUFFIX: "-4"`)
	s.up(0)
	count(3)
	s.run(6, "scale", "web=4") // the fourth does not come up
	count(3)
	s.up(0)
	count(3)
	s.edit("compose.yaml", "replicas: 2", "replicas: 1")
	s.up(0)
	count(1)
	s.noneFailed(load)

	s.run(0, "scale", "web=0")
	count(0)
	if got := s.fetch("version"); !strings.HasPrefix(got, "503") {
		t.Errorf("none answers: %q", got)
	}
	s.run(0, "scale", "web=1")
	s.serves("2")
	s.run(0, "down")
	s.up(0)
	s.serves("2")
	count(1)
}

func TestServicesWaitForWhatTheyDependOn(t *testing.T) {
	t.Parallel()
	s := newAppSite(t, `services:
  web:
    build: .
    ports: ["127.0.0.1:{{port}}:8080"]
    environment: {VERSION: "1"}
    stop_grace_period: 1s
    depends_on:
      db: {condition: service_healthy, restart: true}
      migrate: {condition: service_completed_successfully}
      queue: {condition: service_started}
      absent: {condition: service_started, required: false}
  db:
    build: .
    environment: {STARTUP: 300ms, DB: "1"}
    healthcheck: {test: ["CMD", "/app", "health"], interval: 2s}
    stop_grace_period: 1s
  migrate:
    image: busybox
    command: ["sh", "-c", "wget -q -O - http://db:8080/health && exit 0"]
    depends_on: {db: {condition: service_healthy}}
  queue: {image: busybox, command: ["sleep", "infinity"], stop_signal: SIGKILL}
  absent: {image: busybox, profiles: [never]}
`)
	steps := s.steps(0, "up")
	s.serves("1")
	s.inOrder(steps, "await shop-local-db", "start shop-local-migrate")
	s.inOrder(steps, "await shop-local-migrate", "start shop-local-web")
	s.inOrder(steps, "start shop-local-queue", "start shop-local-web")

	t.Run("a one-shot that did its work does not run again", func(t *testing.T) {
		s.edit("compose.yaml", `VERSION: "1"`, `VERSION: "2"`)
		for _, x := range s.steps(0, "up") {
			if strings.Contains(x.Key, "start shop-local-migrate") {
				t.Errorf("it ran: %v", x)
			}
		}
	})
	t.Run("a one-shot that fails stops the deployment", func(t *testing.T) {
		s.edit("compose.yaml", "exit 0", "exit 7")
		s.edit("compose.yaml", `VERSION: "2"`, `VERSION: "3"`)
		s.refused(6, []string{"up"}, "migrate 1", "exited with code 7")
		s.serves("2")
		s.edit("compose.yaml", "exit 7", "exit 0")
	})
	t.Run("with restart: true it is replaced with what it depends on", func(t *testing.T) {
		s.edit("compose.yaml", `VERSION: "3"`, `VERSION: "2"`)
		s.edit("compose.yaml", `DB: "1"`, `DB: "2"`)
		before := s.replicas("web")[0].ID
		s.untouched("queue", func() { s.up(0) })
		if after := s.replicas("web")[0].ID; after == before {
			t.Error("web was not replaced with db")
		}
	})
}

func TestWhatRemovedReplicasSaidIsKept(t *testing.T) {
	t.Parallel()
	s := newAppSite(t, pairOfReplicas)
	s.up(0)
	s.setEnvironment(`VERSION: "1"`, `VERSION: "2"`)
	s.up(0)
	previous := s.run(0, "logs", "--previous", "web")
	for _, line := range []string{"serving 1", "ending on terminated", "serving 2"} {
		if !strings.Contains(previous, line) {
			t.Errorf("%q is gone:\n%s", line, previous)
		}
	}
	s.setEnvironment(`VERSION: "2"`, `VERSION: "3", EXIT_AFTER: 10ms, STARTUP: 10s`)
	s.refused(6, []string{"up"}, "exited with code 3")
	s.eventually("the engine has done its work", func() bool { return s.status().Last.Result == "rolled-back" })
}
