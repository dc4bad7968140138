package engine

import (
	"errors"
	"strings"
	"testing"
)

func TestTheLedgerKeepsAReasonAndNoLog(t *testing.T) {
	if got := reason(errors.Join(errors.New("web 1: it exited"), errors.New("return to r-1: web 2: it exited"))); got != "web 1: it exited; return to r-1: web 2: it exited" {
		t.Errorf("it keeps %q", got)
	}
	if got := reason(errors.New(strings.Repeat("line\n", 1000))); len(got) > maxReason+10 || strings.Contains(got, "\n") {
		t.Errorf("it keeps %d bytes: %q", len(got), got)
	}
}
