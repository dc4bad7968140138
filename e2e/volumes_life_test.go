package e2e

import (
	"strings"
	"testing"
)

func TestVolumesOutliveReleasesAndReplicas(t *testing.T) {
	t.Parallel()
	s := newAppSite(t, `services:
  web:
    build: .
    ports: ["127.0.0.1:{{port}}:8080"]
    environment: {VERSION: "1"}
    volumes: ["named:/named", {type: volume, source: bare, target: /bare, volume: {nocopy: true}}, "data:/shared:ro"]
    stop_grace_period: 1s
    deploy: {replicas: 2}
volumes: {named: , bare: , data: }
`, "Dockerfile", `FROM busybox
COPY --chmod=755 app /app
RUN for d in data named bare; do mkdir -p /$d/deep && echo seed > /$d/deep/seed && chown -R 1000:1001 /$d && chmod 2750 /$d; done
VOLUME /data
CMD ["/app"]
`)
	s.up(0)
	s.sees("web", []seen{
		{"the image's VOLUME, filled from the image", "cat /data/deep/seed; stat -c '%a %u %g' /data /data/deep/seed", "seed\n2750 1000 1001\n644 1000 1001"},
		{"a named volume at a folder of the image", "cat /named/deep/seed; stat -c '%a %u %g' /named", "seed\n2750 1000 1001"},
		{"a volume that is not to be filled", "ls /bare", ""},
		{"a volume that is only read", "touch /shared/x 2>&1", "touch: /shared/x: Read-only file system"},
	})
	write := func(text string) { s.inside("web", "echo "+text+" > /named/note") }
	write("kept")
	for _, index := range []string{"1", "2"} {
		if got := strings.TrimSpace(s.run(0, "exec", "web", "--", "cat", "/named/note")); got != "kept" {
			t.Errorf("replica %s reads %q", index, got)
		}
	}
	note := seen{"the note", "cat /named/note", "kept"}

	s.setEnvironment(`VERSION: "1"`, `VERSION: "2"`)
	s.up(0)
	s.sees("web", []seen{note})
	s.run(0, "rollback")
	s.sees("web", []seen{note})
	s.run(0, "down")
	s.run(0, "resume")
	s.up(0)
	s.sees("web", []seen{note})

	s.refused(2, []string{"down", "--volumes"}, "--yes", "shop/local", "bare (", "data (", "named (")
	s.sees("web", []seen{note})
	asked := openTerminal(t, s.command("down", "--volumes", "--plain"))
	asked.shows("[y/N]")
	for _, said := range []string{"remove web 1", "volume named and all data in it would be removed", "Take shop/local down"} {
		if !strings.Contains(strings.Join(strings.Fields(asked.out.String()), " "), said) {
			t.Errorf("it is not said before the question: %s\n%s", said, asked.out.String())
		}
	}
	asked.types("n\n")
	if code := asked.ends(); code != 12 {
		t.Errorf("exit code %d\n%s", code, asked.out.String())
	}
	s.sees("web", []seen{note})
	s.refused(0, []string{"down", "--volumes", "--yes"}, "volume bare and all data in it is removed", "volume named")
	s.up(0)
	s.sees("web", []seen{{"the note is gone, the seed is back", "ls /named; cat /named/deep/seed", "deep\nseed"}})
}
