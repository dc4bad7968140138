package e2e

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.etcd.io/bbolt"
)

func TestLedgerShowsWhatWasDoneAndByWhom(t *testing.T) {
	t.Parallel()
	s := newSite(t, planned)
	s.edit("compose.yaml", "volumes: [", "volumes: [\"data:/data:ro\", ")
	s.edit("compose.yaml", "secrets: {token:", "volumes: {data: {}}\nsecrets: {token:")
	s.up(0)
	s.write("version", "two")
	s.up(0)
	s.edit("Dockerfile", `"httpd", "-f"`, `"false", "-f"`)
	s.up(6)
	s.run(0, "rollback")
	if out := s.run(0, "resume"); !strings.Contains(out, "shop/local is no longer held: it was rolled back") {
		t.Errorf("resume: %s", out)
	}
	if out := s.run(0, "resume"); !strings.Contains(out, "shop/local was not held") {
		t.Errorf("resume of what is free: %s", out)
	}
	if out := s.run(0, "restart", "shop"); !strings.Contains(out, "✓ shop/local restarted: shop") {
		t.Errorf("restart: %s", out)
	}
	s.refused(8, []string{"restart", "nosuch"}, "no service nosuch", "shop")
	s.refused(8, []string{"restart", "-e", "shop/elsewhere"}, "nothing is deployed in shop/elsewhere")

	var entries []struct {
		Seq   uint64
		Kind  string
		Actor string
		Data  json.RawMessage
	}
	s.readJSON(&entries, "ledger", "-n", "0")
	var kinds []string
	for _, e := range entries {
		kinds = append(kinds, e.Kind)
		if !strings.Contains(e.Actor, "@") {
			t.Errorf("entry %d says not who: %q", e.Seq, e.Actor)
		}
	}
	want := []string{
		"restarted", "resumed",
		"held", "deployment-ended", "deployment-started", // rollback
		"deployment-ended", "deployment-started", "release", // the one that did not come up
		"deployment-ended", "deployment-started", "release",
		"deployment-ended", "deployment-started", "release",
	}
	if diff := cmp.Diff(want, kinds); diff != "" {
		t.Errorf("entries, the last one first (-want +got):\n%s", diff)
	}
	var history []struct {
		Number                     int
		Cause, Result, Error, Plan string
		Actor                      string
	}
	s.readJSON(&history, "history")
	if len(history) != 4 || history[0].Cause != "rollback" || history[1].Result != "rolled-back" || history[1].Error == "" || history[2].Plan == "" {
		t.Errorf("history: %+v", history)
	}
	var shown struct {
		Origins []struct {
			Checks []struct{ Stage, Result string }
		}
		Serving     []struct{ Project, Name string }
		Deployments []struct{ Number int }
	}
	s.readJSON(&shown, "show", "local#2")
	if len(shown.Serving) != 0 || len(shown.Deployments) != 1 || shown.Deployments[0].Number != 2 ||
		len(shown.Origins) != 1 || len(shown.Origins[0].Checks) != 1 || shown.Origins[0].Checks[0].Result != "passed" {
		t.Errorf("show local#2: %+v", shown)
	}
	s.readJSON(&shown, "show")
	if len(shown.Serving) != 1 || shown.Serving[0].Name != "local" || len(shown.Deployments) != 2 {
		t.Errorf("show: %+v", shown)
	}

	s.run(0, "down", "--volumes", "--yes")
	s.recorded(`volumes-removed {"names":["data"],"cause":"down"}`)
	s.run(0, "ledger", "--verify")
	s.tamper(3, "somebody else")
	s.refused(1, []string{"ledger", "--verify"}, "entry 3", "changed")
}

// tamper changes who an entry of the ledger names, in the engine's file, while no engine runs.
func (s *site) tamper(entry byte, actor string) {
	s.t.Helper()
	pid := s.engine().PID
	s.run(0, "engine", "stop")
	s.ended(pid)
	db, err := bbolt.Open(filepath.Join(s.root, "state.db"), 0o600, &bbolt.Options{Timeout: 10 * time.Second})
	if err != nil {
		s.t.Fatal(err)
	}
	defer db.Close()
	err = db.Update(func(tx *bbolt.Tx) error {
		b := tx.Bucket([]byte("ledger"))
		k := []byte{0, 0, 0, 0, 0, 0, 0, entry}
		v := b.Get(k)
		var e struct {
			Actor string `json:"actor"`
		}
		if err := json.Unmarshal(v, &e); err != nil {
			return err
		}
		return b.Put(k, bytes.Replace(v, []byte(e.Actor), []byte(actor), 1))
	})
	if err != nil {
		s.t.Fatal(err)
	}
}
