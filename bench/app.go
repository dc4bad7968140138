package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"time"
)

// app is a copy of examples/hrefcounter, for one subject alone.
type app struct {
	dir  string
	port int
}

// app makes a copy of the example under a name, once. Edit may change it.
func (l *lab) app(name string, edit func(*app) error) (*app, error) {
	if a := l.apps[name]; a != nil {
		return a, nil
	}
	port, err := l.freePort()
	if err != nil {
		return nil, err
	}
	a := &app{dir: filepath.Join(l.dir, name), port: port}
	if err := os.CopyFS(a.dir, os.DirFS(filepath.Join(l.repo, "examples", "hrefcounter"))); err != nil {
		return nil, err
	}
	if err := a.replace("compose.yaml", `8080:8080`, fmt.Sprintf("%d:8080", port)); err != nil {
		return nil, err
	}
	if edit != nil {
		if err := edit(a); err != nil {
			return nil, err
		}
	}
	l.apps[name] = a
	return a, nil
}

func (a *app) path(name string) string { return filepath.Join(a.dir, name) }

func (a *app) url(path string) string { return fmt.Sprintf("http://127.0.0.1:%d/%s", a.port, path) }

// replace changes what matches in a file of the application; nothing is an error.
func (a *app) replace(name, pattern, with string) error {
	b, err := os.ReadFile(a.path(name))
	if err != nil {
		return err
	}
	re := regexp.MustCompile(pattern)
	if !re.Match(b) {
		return fmt.Errorf("nothing in %s matches %s", name, pattern)
	}
	return os.WriteFile(a.path(name), re.ReplaceAll(b, []byte(with)), 0o644)
}

// newVersion changes one line, as a developer would, and returns what the new version answers.
func (a *app) newVersion() (string, error) {
	return a.setVersion("hrefcounter " + strconv.FormatInt(time.Now().UnixNano(), 36))
}

func (a *app) setVersion(version string) (string, error) {
	return version, a.replace("main.go", `(?m)^const version = .*$`, fmt.Sprintf("const version = %q", version))
}

// withoutCheck tells Seaworthy to build what docker build builds, and no more.
func withoutCheck(a *app) error {
	return os.WriteFile(a.path("seaworthy.yaml"), []byte("checks:\n  test: skip\n"), 0o644)
}

// withReplicas sets the number of replicas.
func withReplicas(n int) func(*app) error {
	return func(a *app) error { return a.replace("compose.yaml", `replicas: \d+`, fmt.Sprintf("replicas: %d", n)) }
}

// withoutHealthcheck takes out the image's own health check: a replica is well when its port answers.
func withoutHealthcheck(a *app) error { return a.replace("Dockerfile", `(?m)^HEALTHCHECK .*\n`, "") }

// forDocker takes out what Docker 20.10 does not know yet.
func forDocker(a *app) error { return a.replace("Dockerfile", ` --start-interval=\S+`, "") }

// all applies several edits.
func all(edits ...func(*app) error) func(*app) error {
	return func(a *app) error {
		for _, edit := range edits {
			if err := edit(a); err != nil {
				return err
			}
		}
		return nil
	}
}
