package machine

import (
	"testing"
	"time"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

func TestWhoHearsLateOfAnEndDoesNotForgetTheNextRun(t *testing.T) {
	h := newHealth(nil, nil)
	defer h.close()
	ended := time.Now()
	h.patients["web-1"] = &patient{since: ended.Add(time.Second), state: release.HealthStarting, cancel: func() {}}
	h.forgetBefore("web-1", ended)
	if got := h.of(release.Replica{ID: "web-1"}); got != release.HealthStarting {
		t.Errorf("the replica that has started again counts as %s", got)
	}
	h.forgetBefore("web-1", ended.Add(2*time.Second))
	if got := h.of(release.Replica{ID: "web-1"}); got != release.HealthUnchecked {
		t.Errorf("the replica that has ended counts as %s", got)
	}
}
