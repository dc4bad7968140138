package e2e

import (
	"strings"
	"testing"

	"github.com/seaworthyhq/seaworthy/internal/event"
)

// While an update is under way, what serves is what counts.
func TestStatusOfAnUpdateCountsWhatServes(t *testing.T) {
	t.Parallel()
	s := newSite(t, map[string]string{"compose.yaml": `services:
  db:
    image: busybox
    command: [sleep, infinity]
    environment: {V: "1"}
    volumes: ["data:/data"]
    stop_grace_period: 3s
    healthcheck: {test: "[ $$V = 1 ] || sleep 3", interval: 100ms}
  job: {image: busybox, command: [echo, done], environment: {V: "1"}}
  web:
    image: busybox
    command: [sleep, infinity]
    environment: {V: "1"}
    stop_signal: KILL
    deploy: {update_config: {monitor: 100ms}}
    depends_on: {job: {condition: service_completed_successfully}}
volumes: {data: {}}
`})
	s.up(0)
	s.edit("compose.yaml", `V: "1"`, `V: "2"`)
	up := s.start("up")
	says := func(want map[string]string) {
		t.Helper()
		rows := map[string]string{}
		out := s.run(0, "status")
		for _, line := range linesOf(out) {
			if name, rest, found := strings.Cut(line, " "); found {
				rows[name] = strings.Join(strings.Fields(rest), " ")
			}
		}
		for service, row := range want {
			if !strings.HasPrefix(rows[service], row) {
				t.Errorf("%s is not %q:\n%s", service, row, out)
			}
		}
	}
	served := map[string]string{"db": "1/1 healthy, updating", "job": "1/1 completed, updating", "web": "1/1 healthy, updating"}

	up.until("the job is done", reaches("rollout:await", event.Done))
	says(served)
	up.until("the old database is stopped", reaches("rollout:stop", event.Started))
	says(served)
	up.until("the new one is started", reaches("rollout:await shop-local-db", event.Started))
	served["db"] = "0/1 starting, updating"
	says(served)
	up.ends(0)
	says(map[string]string{"db": "1/1 healthy ", "job": "1/1 completed ", "web": "1/1 healthy "})
}
