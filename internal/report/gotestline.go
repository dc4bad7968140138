package report

import "strings"

// GoTestLine is what a line of go test -json says as go test -v would say it, without its line end. It is empty where the line is for
// programs alone, and ok is false where it is none of go test -json.
func GoTestLine(line string) (text string, ok bool) {
	e, ok := parseTestEvent([]byte(line))
	if !ok {
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
