package report_test

import (
	"testing"

	"github.com/seaworthyhq/seaworthy/internal/report"
)

func TestALineOfGoTestIsReadForPeople(t *testing.T) {
	for _, tc := range []struct {
		line, want string
		other      bool
	}{
		{line: `{"Time":"2026-11-23T23:10:45Z","Action":"start","Package":"example.org/p"}`},
		{line: `{"Time":"2026-11-23T23:10:45Z","Action":"run","Package":"example.org/p","Test":"TestX"}`},
		{line: `{"Time":"2026-11-23T23:10:45Z","Action":"output","Package":"example.org/p","Test":"TestX","Output":"=== RUN   TestX\n"}`},
		{line: `{"Time":"2026-11-23T23:10:45Z","Action":"output","Package":"example.org/p","Test":"TestX","Output":"    x_test.go:3: got \"a\"\n"}`, want: `    x_test.go:3: got "a"`},
		{line: `{"Time":"2026-11-23T23:10:45Z","Action":"fail","Package":"example.org/p","Test":"TestX","Elapsed":0.1}`},
		{line: `{"ImportPath":"example.org/p","Action":"build-output","Output":"x.go:1:1: expected 'package'\n"}`, want: "x.go:1:1: expected 'package'"},
		{line: `{"Action":"pass","Package":"example.org/p","Test":"TestX"}`},
		{line: `{"Action":"output","Package":"p","Output":"{\"Action\":\"pass\",\"Package\":\"p\"}\n"}`, want: `{"Action":"pass","Package":"p"}`},
		{line: `text {"Action":"pass","Package":"example.org/p","Test":"TestX"}`, other: true},
		{line: `{"Action":"pass","Package":"example.org/p","Test":"TestX"} text`, other: true},
		{line: `{"Action":"deleted","Package":"example.org/p"}`, other: true},
		{line: `{"Time":"noon","Action":"lunch"}`, other: true},
		{line: `{"Time":"2026-11-23T23:10:45Z","Action":"outp … (3 bytes more)`, other: true},
		{line: `ok  	example.org/p	0.1s`, other: true},
	} {
		if got, ok := report.GoTestLine(tc.line); got != tc.want || ok == tc.other {
			t.Errorf("%s: %q, %v", tc.line, got, ok)
		}
	}
}
