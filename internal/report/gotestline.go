package report

import (
	"encoding/json"
	"strings"
)

// GoTestLine is what a line of go test -json says as go test -v would say it, without its line end. It is empty where the line is for
// programs alone, and ok is false where it is none of go test -json.
func GoTestLine(line string) (text string, ok bool) {
	if !strings.HasPrefix(line, `{"Time":"`) && !strings.HasPrefix(line, `{"ImportPath":"`) {
		return "", false
	}
	var e struct{ Action, Package, ImportPath, Output string }
	if json.Unmarshal([]byte(line), &e) != nil || e.Action == "" || e.Package+e.ImportPath == "" {
		return "", false
	}
	if e.Action != "output" && e.Action != "build-output" {
		return "", true
	}
	for _, frame := range []string{"=== RUN ", "=== PAUSE ", "=== CONT ", "=== NAME "} { // what follows says whose it is
		if strings.HasPrefix(e.Output, frame) {
			return "", true
		}
	}
	return strings.TrimSuffix(e.Output, "\n"), true
}
