package project_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/seaworthyhq/seaworthy/internal/project"
	"github.com/seaworthyhq/seaworthy/internal/release"
)

const threeEnvironments = `
-- .env --
TAG=from-env
-- staging.env --
TAG=from-staging
-- seaworthy.yaml --
name: boat
environments:
  local:
  staging:
    env_file: staging.env
    profiles: [tools]
    services:
      web: {replicas: 4, ports: ["127.0.0.1:80:8080"]}
  production:
    compose: [compose.yaml, compose.production.yaml]
-- compose.yaml --
name: ignored
services:
  web:
    image: "x:${TAG}"
    ports: ["8080:8080"]
  tool: {image: y, profiles: [tools]}
-- compose.override.yaml --
services:
  web: {hostname: overridden}
-- compose.production.yaml --
services:
  web: {environment: {PRODUCTION: "1"}}
`

func TestOnlyLocalSeesOverrideAndShell(t *testing.T) {
	p := load(t, threeEnvironments, project.Options{Environment: "local", Variables: map[string]string{"TAG": "from-shell"}})
	type seen struct {
		Ref, Hostname, Production string
		Services, Replicas        int
	}
	got := map[string]seen{}
	for _, e := range p.Environments() {
		web := e.Service("web")
		got[e.Name] = seen{web.Ref, web.Hostname, web.Environment["PRODUCTION"], len(e.Services), web.Replicas}
	}
	want := map[string]seen{
		"local":      {"x:from-shell", "overridden", "", 1, 1},
		"staging":    {"x:from-staging", "", "", 2, 4},
		"production": {"x:from-env", "", "1", 1, 1},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if p.Name != "boat" || p.Environment.Name != "local" {
		t.Errorf("loaded %s/%s", p.Name, p.Environment.Name)
	}
	staging := p.Others[1].Service("web").Ports
	if diff := cmp.Diff([]release.Port{{HostIP: "127.0.0.1", Published: 80, Target: 8080, Protocol: "tcp"}}, staging); diff != "" {
		t.Errorf("staging's ports: -want +got:\n%s", diff)
	}
}

func TestOthersNeverHoldLocal(t *testing.T) {
	p := load(t, threeEnvironments, project.Options{Environment: "production"})
	if p.Environment.Name != "production" || len(p.Others) != 1 || p.Others[0].Name != "staging" {
		t.Errorf("got %s and %v", p.Environment.Name, p.Others)
	}
}

func TestTheOnlyEnvironmentIsTheDefault(t *testing.T) {
	p := load(t, `
-- seaworthy.yaml --
name: boat
environments: {staging: }
-- compose.yaml --
services: {web: {image: x}}
`, project.Options{})
	if p.Environment.Name != "staging" || len(p.Others) != 0 {
		t.Errorf("got %s and %v", p.Environment.Name, p.Others)
	}
}

func TestName(t *testing.T) {
	for name, row := range map[string]struct{ archive, want string }{
		"of seaworthy.yaml":            {"-- seaworthy.yaml --\nname: a\n-- compose.yaml --\nname: b\nservices: {web: {image: x}}\n", "a"},
		"else of the compose file":     {"-- compose.yaml --\nname: b-${X:-y}\nservices: {web: {image: x}}\n", "b-y"},
		"else of the folder":           {"-- compose.yaml --\nservices: {web: {image: x}}\n", "app"},
		"not of a service's container": {"-- compose.yaml --\nservices: {web: {image: x, container_name: boat}}\n", "app"},
	} {
		t.Run(name, func(t *testing.T) {
			p := load(t, row.archive, project.Options{Variables: map[string]string{"X": "shell"}})
			alone, _, err := project.NameOf(p.Dir)
			if p.Name != row.want || alone != row.want || err != nil {
				t.Errorf("name is %q, alone %q, want %q: %v", p.Name, alone, row.want, err)
			}
		})
	}
}

func TestNothingThereHasNoName(t *testing.T) {
	if name, _, err := project.NameOf(t.TempDir()); release.KindOf(err) != release.KindUsage {
		t.Errorf("got %q, %v", name, err)
	}
}

func TestFolderNamesAreMadeFit(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "My App! (2)")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "compose.yaml"), []byte("services: {web: {image: x}}"), 0o644); err != nil {
		t.Fatal(err)
	}
	p, err := project.Load(t.Context(), project.Options{Dir: dir})
	if err != nil {
		t.Fatal(explain(err))
	}
	if p.Name != "my-app-2" {
		t.Errorf("name is %q", p.Name)
	}
}

func TestBuildsAreSharedWhereOnlyTheTargetDiffers(t *testing.T) {
	p := load(t, `
-- Dockerfile --
FROM busybox AS web
RUN true
FROM busybox AS worker
RUN true
-- api/Dockerfile --
FROM busybox AS build
FROM build AS api
-- docs/x --
-- key --
s3cret
-- compose.yaml --
services:
  worker: {build: {target: worker, context: .}}
  web: {build: {target: WEB, context: .}}
  other:
    build: {context: ., target: web, args: {A: "1", UNSET: }}
  api:
    build:
      context: api
      secrets: [key, {source: token, target: renamed}]
      ssh: [default]
      additional_contexts: {docs: ./docs, base: "docker-image://busybox"}
      labels: {a: b}
      extra_hosts: ["h=10.0.0.1"]
      network: none
      shm_size: 1m
      ulimits: {nofile: 10}
      no_cache: true
      no_cache_filter: [build]
      pull: true
secrets: {key: {file: key}, token: {environment: TOKEN}}
`, project.Options{Variables: map[string]string{"TOKEN": "x"}})
	builds := map[string]project.BuildRef{}
	for _, s := range p.Environment.Services {
		builds[s.Name] = *s.Build
	}
	want := map[string]project.BuildRef{
		"api":    {Dockerfile: "api", Stage: "stage:api/api", Target: "api"},
		"other":  {Dockerfile: "other", Stage: "stage:web", Target: "web"},
		"web":    {Dockerfile: "web+worker", Stage: "stage:web", Target: "web"},
		"worker": {Dockerfile: "web+worker", Stage: "stage:worker", Target: "worker"},
	}
	if diff := cmp.Diff(want, builds); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	api := p.Dockerfile("api")
	wantAPI := &project.Dockerfile{
		Key: "api", Services: []string{"api"}, File: "api/Dockerfile", Path: filepath.Join(p.Dir, "api/Dockerfile"), Context: filepath.Join(p.Dir, "api"),
		Secrets:       []project.BuildSecret{{ID: "key", File: filepath.Join(p.Dir, "key")}, {ID: "renamed", Env: "TOKEN"}},
		SSH:           []project.SSHAgent{{ID: "default"}},
		NamedContexts: map[string]string{"docs": filepath.Join(p.Dir, "docs"), "base": "docker-image://busybox"},
		Labels:        map[string]string{"a": "b"}, ExtraHosts: []release.HostMapping{{Host: "h", Address: "10.0.0.1"}},
		Network: "none", ShmSize: 1 << 20, Ulimits: map[string]release.Ulimit{"nofile": {Soft: 10, Hard: 10}},
		NoCache: true, NoCacheFilter: []string{"build"}, Pull: true,
	}
	if diff := cmp.Diff(wantAPI, api, cmpopts.IgnoreFields(project.Dockerfile{}, "Stages", "Source")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got := p.Dockerfile("other").Args; !cmp.Equal(got, map[string]string{"A": "1"}) {
		t.Errorf("args are %v", got)
	}
}

func TestWhatAStageSaysIsAdopted(t *testing.T) {
	p := load(t, `
-- Dockerfile --
FROM busybox
EXPOSE 8080
VOLUME /data /cache
HEALTHCHECK --interval=9s CMD true
-- compose.yaml --
services:
  web:
    build: .
    volumes: ["kept:/data"]
    healthcheck: {interval: 1s}
volumes: {kept: }
`, project.Options{})
	web := p.Environment.Service("web")
	wantMounts := []release.Mount{{Kind: "volume", Source: "kept", Target: "/data"}, {Kind: "volume", Source: "web-cache", Target: "/cache"}}
	if diff := cmp.Diff(wantMounts, web.Mounts); diff != "" {
		t.Errorf("mounts: -want +got:\n%s", diff)
	}
	if diff := cmp.Diff([]string{"CMD-SHELL", "true"}, web.Health.Test); diff != "" || web.Health.Interval.Or(0).String() != "1s" {
		t.Errorf("health is %v", web.Health)
	}
	if len(web.Expose) != 1 || len(web.Ports) != 0 {
		t.Errorf("expose %v, ports %v", web.Expose, web.Ports)
	}
}

func TestJobsThatOthersWaitFor(t *testing.T) {
	p := load(t, `
-- compose.yaml --
services:
  web: {image: x, depends_on: {migrate: {condition: service_completed_successfully}}}
  migrate: {image: x}
`, project.Options{})
	if m := p.Environment.Service("migrate"); !m.OneShot || m.Restart.Condition != "none" {
		t.Errorf("migrate is %+v", m.Service)
	}
}

func TestIncludeExtendsAndLinks(t *testing.T) {
	p := load(t, `
-- common/base.yaml --
services:
  base: {image: x, user: "5"}
-- db/compose.yaml --
services:
  db: {image: y, volumes: ["./conf:/conf:ro"]}
-- db/conf --
content
-- compose.yaml --
include: [db/compose.yaml]
services:
  web:
    extends: {file: common/base.yaml, service: base}
    links: ["db:database"]
`, project.Options{})
	web, db := p.Environment.Service("web"), p.Environment.Service("db")
	if web.User != "5" || len(web.DependsOn) != 1 {
		t.Errorf("web is %+v", web.Service)
	}
	if diff := cmp.Diff([]release.Attachment{{Network: "default", Aliases: []string{"database"}}}, db.Networks); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if len(db.Files) != 1 {
		t.Errorf("files are %v", db.Files)
	}
}

func TestIncludedFilesHaveVariablesOfTheirOwn(t *testing.T) {
	p := load(t, `
-- db/.env --
TAG=17
N=2
-- db/compose.yaml --
services:
  db: {image: "postgres:${TAG:?say which}", deploy: {replicas: "${N}"}}
-- compose.yaml --
include: [db/compose.yaml]
services: {web: {image: x}}
`, project.Options{})
	if db := p.Environment.Service("db"); db.Ref != "postgres:17" || db.Replicas != 2 {
		t.Errorf("db is %+v", db)
	}
}

func TestNoSecretIsInTheProject(t *testing.T) {
	p := load(t, `
-- token --
value-of-file
-- compose.yaml --
services: {web: {image: x, secrets: [a, b]}}
secrets: {a: {file: token}, b: {environment: B}}
`, project.Options{Variables: map[string]string{"B": "value-of-variable"}})
	b, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(b), "value-of") {
		t.Errorf("a secret is in the project: %s", b)
	}
	for i, want := range []string{"value-of-file\n", "value-of-variable"} {
		got, err := p.Secret(p.Environment.Secrets[i])
		if err != nil || string(got) != want {
			t.Errorf("secret %d is %q, %v", i, got, err)
		}
	}
}

func TestProjectTravelsAsJSON(t *testing.T) {
	p := load(t, threeEnvironments, project.Options{Environment: "staging"})
	b, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	var back project.Project
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(p, &back, cmpopts.IgnoreUnexported(project.Project{}), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("-sent +received:\n%s", diff)
	}
}

func TestContentThatChangedIsNotDeployed(t *testing.T) {
	p := load(t, `
-- conf --
before
-- compose.yaml --
services: {web: {image: x, volumes: ["./conf:/conf:ro"]}}
`, project.Options{})
	d := p.Files()[0]
	if b, err := p.Content(d); err != nil || string(b) != "before\n" {
		t.Fatalf("content is %q, %v", b, err)
	}
	if err := os.WriteFile(filepath.Join(p.Dir, "conf"), []byte("after"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Content(d); release.KindOf(err) != release.KindConflict {
		t.Errorf("got %v", err)
	}
}

func TestStagesOfOtherToolsAreForDevelopers(t *testing.T) {
	p := load(t, `
-- Dockerfile --
FROM busybox AS tools
FROM busybox AS shell
FROM busybox AS web
-- docker-bake.hcl --
target "tools" {
  target = "tools"
}
-- .devcontainer/devcontainer.json --
{"build": {
  "dockerfile": "../Dockerfile",
  "target": "shell"
}}
`, project.Options{})
	want := map[string]string{"stage:tools": "docker-bake.hcl", "stage:shell": ".devcontainer/devcontainer.json"}
	if diff := cmp.Diff(want, p.Developer); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestCancelledLoadSaysSo(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("no more")
	cancel(why)
	if _, err := project.Load(ctx, project.Options{Dir: unpackText(t, threeEnvironments)}); !errors.Is(err, why) {
		t.Errorf("got %v", err)
	}
}

// Whoever works on local need not have what staging is made of; whoever asks for staging is told what is wrong.
func TestWhatIsWrongElsewhereStopsNothingHere(t *testing.T) {
	for name, staging := range map[string]string{
		"there is no such file":        "services: {web: {env_file: [secret.env]}}\n",
		"required variable MUST":       "services: {web: {hostname: \"${MUST:?}\"}}\n",
		"this is not valid YAML":       "services: {web: [\n",
		"there is no folder elsewhere": "services: {web: {build: ./elsewhere}}\n",
		"FRM":                          "services: {worker: {build: ./worker}}\n",
		"privileged is refused":        "services: {web: {privileged: true}}\n",
		`unknown key "hostnaem"`:       "services: {web: {hostnaem: x}}\n",
	} {
		t.Run(name, func(t *testing.T) {
			files := `
-- seaworthy.yaml --
name: boat
checks: {lint: skip}
environments:
  staging: {compose: [compose.yaml, compose.staging.yaml]}
  production:
-- Dockerfile --
FROM busybox AS lint
FROM busybox
-- worker/Dockerfile --
FRM busybox
-- compose.yaml --
services: {web: {build: .}}
-- compose.staging.yaml --
` + staging
			p := load(t, files, project.Options{Environment: "local"})
			if len(p.Others) != 1 || p.Others[0].Name != "production" || len(p.Dockerfiles) != 1 {
				t.Errorf("the others are %+v, the Dockerfiles %d", p.Others, len(p.Dockerfiles))
			}
			said := p.Warnings.Render()
			for _, word := range []string{"warning: the release has nothing for staging: ", name, ":1:"} {
				if !strings.Contains(said, word) {
					t.Errorf("no warning says %q:\n%s", word, said)
				}
			}
			_, err := project.Load(t.Context(), project.Options{Dir: p.Dir, Environment: "staging"})
			if err == nil || release.KindOf(err) != release.KindProject {
				t.Errorf("staging: %v", err)
			}
		})
	}
}
