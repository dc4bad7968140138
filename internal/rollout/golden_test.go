package rollout

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

var update = flag.Bool("update", false, "write the plans of testdata/*.txtar anew")

// A case is a file in testdata: its comment says what it shows; `before` and `after` hold the services of a generation, one a
// line, `networks` and `volumes` lines included; `observed` says where the replicas are not those of `before`, all
// well; `how` holds words such as rollback, return, or restart and services; `plan` is what comes out.
func TestPlanIsAsItsCaseSays(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := planOf(t, archive)
			if *update {
				setSection(archive, "plan", got)
				if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(section(archive, "plan"), got); diff != "" {
				t.Errorf("the plan differs (-case +planned); -update writes it:\n%s", diff)
			}
		})
	}
}

func planOf(t *testing.T, a *txtar.Archive) string {
	t.Helper()
	before := generation(t, a, "before", 1)
	after := generation(t, a, "after", 2)
	o := observe(t, before, after, strings.Split(strings.TrimSpace(section(a, "observed")), "\n"))
	how := strings.Fields(section(a, "how"))
	if len(how) > 0 && how[0] == "restart" {
		return PlanRestart(o, env, how[1:]).String()
	}
	d := wish(after)
	if slices.Contains(how, "rollback") {
		d.Cause = release.CauseRollback
	}
	if slices.Contains(how, "same") {
		d.Generation.Release = before.Release
	}
	if slices.Contains(how, "scale") {
		d.Cause = release.CauseScale
		d.Generation.Release = before.Release
	}
	if slices.Contains(how, "elsewhere") {
		d.Elsewhere = []string{"the configuration of staging"}
	}
	d.Return = slices.Contains(how, "return")
	if slices.Contains(how, "resumes") {
		d.Before = &before
		o.Serving.Generation = after
		o.Serving.Replicas = replicaIDs(after)
	}
	return PlanDeploy(o, d).String()
}

func generation(t *testing.T, a *txtar.Archive, name string, number int) Generation {
	t.Helper()
	g := Generation{Deployment: number, Release: release.ID(fmt.Sprintf("r-%08d", number))}
	data, err := yaml.YAMLToJSON([]byte(section(a, name)))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if err := yaml.UnmarshalWithOptions(data, &g.Config, yaml.UseJSONUnmarshaler()); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	for i, s := range g.Config.Services {
		if s.Image.Digest != "" {
			g.Config.Services[i].Image.Digest = release.DigestOf([]byte(s.Image.Digest))
		}
	}
	return g
}

// observe is the environment with the generation before, well, but for what the lines say: "web 1 exited", "new web 1 running",
// "web held", "old cache 1 running", "nothing".
func observe(t *testing.T, before, after Generation, lines []string) Observed {
	t.Helper()
	o := Observed{Serving: &Serving{Generation: before, Replicas: replicaIDs(before)}}
	if !before.serves() {
		o.Serving = nil
	}
	for _, n := range before.Config.Networks {
		o.Networks = append(o.Networks, n.Name)
	}
	for _, v := range before.Config.Volumes {
		o.Volumes = append(o.Volumes, v.Name)
	}
	for _, s := range before.Config.Services {
		for i := range s.Replicas {
			o.Replicas = append(o.Replicas, observedReplica(before, s.Name, i+1))
		}
	}
	for _, line := range lines {
		if line != "" {
			amend(t, &o, after, strings.Fields(line))
		}
	}
	return o
}

func amend(t *testing.T, o *Observed, after Generation, words []string) {
	t.Helper()
	if len(words) == 2 && words[1] == "held" {
		o.Serving.Held = append(o.Serving.Held, Hold{Service: words[0], Limit: 1})
		delete(o.Serving.Replicas, words[0])
		return
	}
	whose := words[0]
	if whose == "new" || whose == "stray" {
		words = words[1:]
	}
	var index, code int
	if _, err := fmt.Sscan(words[1], &index); err != nil {
		t.Fatalf("observed %q: %v", words, err)
	}
	at := slices.IndexFunc(o.Replicas, func(r release.Replica) bool { return r.Service == words[0] && r.Index == index })
	switch whose {
	case "new":
		o.Replicas, at = append(o.Replicas, observedReplica(after, words[0], index)), len(o.Replicas)
	case "stray":
		stray := release.Replica{ID: "stray", Service: words[0], Index: index, Spec: "sha256:stray", Deployment: 7}
		o.Replicas, at = append(o.Replicas, stray), len(o.Replicas)
	}
	r := &o.Replicas[at]
	switch state := words[2]; state {
	case "gone":
		o.Replicas = slices.Delete(o.Replicas, at, at+1)
	case "exited":
		r.State, r.Health = release.StateExited, ""
		if len(words) > 3 {
			_, _ = fmt.Sscan(words[3], &code)
			r.ExitCode, r.ExitKnown = code, true
		}
	case "running":
		r.State, r.Health = release.StateRunning, release.HealthHealthy
	default:
		r.State, r.Health = release.StateRunning, release.HealthState(state)
	}
}

func observedReplica(g Generation, service string, index int) release.Replica {
	r := release.Replica{
		ID:      ReplicaID(env, service, g.Config.Spec(service), index),
		Service: service, Index: index, Spec: g.Config.Spec(service), Deployment: g.Deployment,
		State: release.StateRunning, Health: release.HealthHealthy,
	}
	if g.Config.Service(service).OneShot {
		r.State, r.Health, r.ExitKnown = release.StateExited, "", true
	}
	return r
}

func replicaIDs(g Generation) map[string][]string {
	ids := map[string][]string{}
	for _, s := range g.Config.Services {
		for i := range s.Replicas {
			if !s.OneShot {
				ids[s.Name] = append(ids[s.Name], ReplicaID(env, s.Name, g.Config.Spec(s.Name), i+1))
			}
		}
	}
	return ids
}

func section(a *txtar.Archive, name string) string {
	for _, f := range a.Files {
		if f.Name == name {
			return string(f.Data)
		}
	}
	return ""
}

func setSection(a *txtar.Archive, name, text string) {
	for i, f := range a.Files {
		if f.Name == name {
			a.Files[i].Data = []byte(text)
			return
		}
	}
	a.Files = append(a.Files, txtar.File{Name: name, Data: []byte(text)})
}
