package e2e

import (
	"path/filepath"
	"testing"
)

// What people of Compose type is done, or answered with what it is called here.
func TestHabitsOfComposeAreMet(t *testing.T) {
	t.Parallel()
	s := newSite(t, map[string]string{
		"Dockerfile": "FROM busybox\nSTOPSIGNAL SIGKILL\nCMD [\"httpd\", \"-f\", \"-p\", \"8080\"]\nEXPOSE 8080\n",
		"compose.yaml": "services:\n  web: {build: ., ports: [\"127.0.0.1:{{port}}:8080\"]}\n" +
			"  adm: {build: ., command: [\"true\"], profiles: [tools]}\n",
		"web/keep": "", // a folder of a service's name
	})
	s.run(0, "up", "-d", "--build", "--remove-orphans")
	s.run(0, "exec", "-i", "web", "true")
	s.run(0, "run", "--rm", "-i", "web", "true")
	s.refused(2, []string{"up", "web"}, "up takes no service names")
	s.refused(8, []string{"run", "adm"}, "no service adm", "profile", "up --profile NAME")
	s.refused(2, []string{"down", "-v"}, "--volumes", "--verbose")
	s.run(0, "down", "--remove-orphans")
}

func TestHintsNameTheSettingsThatAreInUse(t *testing.T) {
	t.Parallel()
	s := newSite(t, map[string]string{"Dockerfile": "FROM golang:9.99\nCMD [\"x\"]\n"})
	s.refused(8, []string{"build"}, "base image golang:9.99", "asked "+bases+": it is not there", "a mirror that has the image in "+filepath.Join(s.tmp, "engine.yaml"))
}
