package registry_test

import (
	"strings"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/registry"
	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/store/storetest"
)

func TestPulledImageIsNamedUnpackedAndKept(t *testing.T) {
	st, img := storetest.Open(t), linux(t)
	dir := writeLayout(t, t.TempDir(), map[string]v1.Image{"docker.io/library/debian:12": img})
	r := open(t, map[string][]string{"docker.io": {dir}})

	got, err := r.Pull(t.Context(), st, "debian:12", event.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if want := (release.Image{Digest: digestOf(t, img), Ref: "debian:12", Platform: "linux/amd64"}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if err := st.Collect(t.Context()); err != nil {
		t.Fatal(err)
	}
	record, err := registry.RecordName(got)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := st.Images().Get(st.Context(t.Context()), record); err != nil {
		t.Errorf("record %s: %v", record, err)
	}
	if _, err := st.Unpack(t.Context(), got.Digest); err != nil {
		t.Error(err)
	}
}

func TestHeldDigestCostsNoRequest(t *testing.T) {
	upstream, st, img := serve(t, nil), storetest.Open(t), linux(t)
	upstream.push(t, "team/app:1", img)
	r := open(t, nil)
	pinned := upstream.host + "/team/app@" + string(digestOf(t, img))
	if _, err := r.Pull(t.Context(), st, upstream.host+"/team/app:1", event.Discard); err != nil {
		t.Fatal(err)
	}
	before := upstream.asked.Load()
	if _, err := r.Pull(t.Context(), st, pinned, event.Discard); err != nil {
		t.Fatal(err)
	}
	if n := upstream.asked.Load() - before; n != 0 {
		t.Errorf("%d requests", n)
	}
}

func TestMovedTagLeavesTheOldDigestNamed(t *testing.T) {
	upstream, st, r := serve(t, nil), storetest.Open(t), open(t, nil)
	ref := upstream.host + "/team/app:1"
	for range 2 {
		img := linux(t)
		upstream.push(t, "team/app:1", img)
		got, err := r.Pull(t.Context(), st, ref, event.Discard)
		if err != nil || got.Digest != digestOf(t, img) {
			t.Fatalf("got %s, %v", got.Digest, err)
		}
	}
	records, err := st.Images().List(st.Context(t.Context()))
	if err != nil || len(records) != 2 {
		t.Errorf("%d records, %v", len(records), err)
	}
}

func TestOfSeveralPlatformsThisMachinesIsPulled(t *testing.T) {
	upstream, st := serve(t, nil), storetest.Open(t)
	index := mutate.AppendManifests(empty.Index, forPlatform(t, "arm64"), forPlatform(t, "amd64"))
	pushIndex(t, upstream, "team/app:1", index)
	got, err := open(t, nil).Pull(t.Context(), st, upstream.host+"/team/app:1", event.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if got.Digest != digestOf(t, index) {
		t.Errorf("digest %s is not the index's", got.Digest)
	}
	unpacked, err := st.Unpack(t.Context(), got.Digest)
	if err != nil || unpacked.Config.Architecture != "amd64" {
		t.Errorf("unpacked for %q, %v", unpacked.Config.Architecture, err)
	}
}

func TestImageForOtherPlatformsIsRefused(t *testing.T) {
	upstream, st := serve(t, nil), storetest.Open(t)
	pushIndex(t, upstream, "team/app:1", mutate.AppendManifests(empty.Index, forPlatform(t, "arm64")))
	_, err := open(t, nil).Pull(t.Context(), st, upstream.host+"/team/app:1", event.Discard)
	want := &release.UserError{Kind: release.KindNotFound, Hint: "choose a tag that is made for this platform"}
	wantUserError(t, err, want, "linux/amd64")
}

func TestEachLayerIsReportedToItsEnd(t *testing.T) {
	upstream, st := serve(t, nil), storetest.Open(t)
	upstream.push(t, "team/app:1", linux(t))
	ref := upstream.host + "/team/app:1"

	var rec recorder
	if _, err := open(t, nil).Pull(t.Context(), st, ref, &rec); err != nil {
		t.Fatal(err)
	}
	if got := rec.steps(); got != "started done" {
		t.Errorf("steps: %s", got)
	}
	for layer, last := range rec.layers() {
		if last.State != event.Done || last.Current != last.Total || last.Steps[0] != registry.StepKey(ref) {
			t.Errorf("layer %s ends as %+v", layer, last)
		}
	}
	if n := len(rec.layers()); n != 2 {
		t.Errorf("%d layers reported", n)
	}
}

func TestFailedPullIsReported(t *testing.T) {
	upstream, st := serve(t, nil), storetest.Open(t)
	var rec recorder
	if _, err := open(t, nil).Pull(t.Context(), st, upstream.host+"/team/app:1", &rec); err == nil {
		t.Fatal("no error")
	}
	if got := rec.steps(); got != "started failed" {
		t.Errorf("steps: %s", got)
	}
}

func forPlatform(t *testing.T, arch string) mutate.IndexAddendum {
	t.Helper()
	img := linux(t)
	img, err := mutate.ConfigFile(img, platformed(t, img, arch))
	if err != nil {
		t.Fatal(err)
	}
	return mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: arch}}}
}

func pushIndex(t *testing.T, s *server, ref string, index v1.ImageIndex) {
	t.Helper()
	tag, err := name.ParseReference(s.host + "/" + ref)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.WriteIndex(tag, index); err != nil {
		t.Fatal(err)
	}
}

// recorder keeps events in the order in which they came.
type recorder struct {
	mu     sync.Mutex // guards events
	events []event.Event
}

func (r *recorder) Emit(e event.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
}

func (r *recorder) steps() string {
	var states []string
	for _, e := range r.events {
		if e.Step != nil {
			states = append(states, string(e.Step.State))
		}
	}
	return strings.Join(states, " ")
}

// layers has the last that was said of each layer.
func (r *recorder) layers() map[string]event.Instruction {
	last := map[string]event.Instruction{}
	for _, e := range r.events {
		if e.Instruction != nil {
			last[e.Instruction.Digest] = *e.Instruction
		}
	}
	return last
}
