package cause

import (
	"strings"
	"testing"
)

func TestWhatOfAnInstructionIsAnotherTextIsShown(t *testing.T) {
	long := "RUN build --with " + strings.Repeat("a-flag ", 20)
	for _, row := range []struct{ before, now, want string }{
		{"RUN make", "RUN make all", "it was RUN make"},
		{"RUN one && \\\n two && \\\n three", "RUN one && \\\n two && \\\n four", "line 9 was three, is four"},
		{"RUN <<END\nmake\ntest\nEND", "RUN <<END\nmake -j\ntest -v\nEND", "line 8 was make, is make -j, and 1 more line"},
		{"RUN <<END\nmake\nEND", "RUN <<END\nmake\ntest\nlint\nEND", "line 9 is new: test, and 1 more line"},
		{"RUN <<END\nmake\ntest\nEND", "RUN <<END\nmake\nEND", "gone from it: test"},
		{"RUN one && \\\n two", "RUN one && \\\n two \\\n three", "line 8 ends otherwise: two, and 1 more line"},
		{long + "x", long + "y", "line 7 was … -flag a-flag a-flag x, is … -flag a-flag a-flag y"},
	} {
		got := Case{Op: Operation{Text: row.now, Line: 7, File: "Dockerfile"}}.edited(row.before)
		if want := FirstLine(row.now) + " (Dockerfile:7): " + row.want; got.Text != want {
			t.Errorf("%q to %q:\n%s, want\n%s", row.before, row.now, got.Text, want)
		}
	}
}
