package e2e

import (
	"os"
	"strings"
	"syscall"
	"testing"
)

// The machine goes down: systemd says so, and ends the engine.
func TestAMachineThatGoesDownStopsItsReplicasInOrder(t *testing.T) {
	t.Parallel()
	s := newSite(t, map[string]string{
		"Dockerfile": `FROM busybox
CMD ["sh", "-c", "trap 'sleep .2; echo $NAME got $TOLD >> /data/order; exit 0' $TOLD; touch /ready; while :; do sleep .1; done"]
HEALTHCHECK --interval=1s --start-interval=100ms --start-period=30s CMD test -e /ready
`,
		"compose.yaml": `services:
  web:
    build: .
    environment: {NAME: web, TOLD: USR1}
    stop_signal: SIGUSR1
    depends_on: {db: {condition: service_healthy}}
    volumes: ["data:/data"]
  db:
    build: .
    environment: {NAME: db, TOLD: TERM}
    restart: on-failure
    volumes: ["data:/data"]
volumes: {data: {}}
`,
		"bin/systemctl": "#!/bin/sh\necho stopping\n",
	})
	if err := os.Chmod(s.path("bin/systemctl"), 0o755); err != nil {
		t.Fatal(err)
	}
	asItIs := s.env
	s.env = append(s.env, "PATH="+s.path("bin")+":"+os.Getenv("PATH"))
	s.up(0)
	s.eventually("all replicas are well", func() bool { return s.healthy() == 2 })

	engine := s.engine().PID
	if err := syscall.Kill(engine, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	s.ended(engine)
	if left := s.shims(); len(left) > 0 {
		t.Errorf("shims that would hold the machine up: %v", left)
	}

	s.env = asItIs
	s.eventually("what ran runs again, whatever its policy says of an end in order", func() bool { return s.healthy() == 2 })
	if got := strings.TrimSpace(s.run(0, "exec", "db", "--", "cat", "/data/order")); got != "web got USR1\ndb got TERM" {
		t.Errorf("they ended so:\n%s", got)
	}
}

// healthy is how many replicas are well.
func (s *site) healthy() (n int) {
	s.t.Helper()
	for _, service := range s.status().Services {
		n += service.Healthy
	}
	return n
}
