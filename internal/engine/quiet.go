package engine

import (
	"os"

	"github.com/sirupsen/logrus"
)

// quietLibraries has containerd and BuildKit say only what went wrong, and say it where the engine does.
func quietLibraries() {
	logrus.SetLevel(logrus.ErrorLevel)
	logrus.SetOutput(os.Stderr)
	logrus.SetFormatter(quiet{logrus.StandardLogger().Formatter})
}

// lateAnswer is what ttrpc says of the answer to a call whose caller did not wait for it, as of a rollout that was cut: a shim
// cannot be told that a call is given up.
const lateAnswer = "ttrpc: received message on inactive stream"

// quiet leaves out what nothing is wrong with.
type quiet struct{ logrus.Formatter }

// Format writes an entry, or nothing.
func (f quiet) Format(e *logrus.Entry) ([]byte, error) {
	if e.Message == lateAnswer {
		return nil, nil
	}
	return f.Formatter.Format(e)
}
