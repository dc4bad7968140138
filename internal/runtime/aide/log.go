package aide

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/signal"

	"golang.org/x/sys/unix"

	"github.com/seaworthyhq/seaworthy/internal/redact"
	"github.com/seaworthyhq/seaworthy/internal/runtime/logfile"
)

// The numbers of the files that a shim hands to its log writer, as containerd's binary logging has it.
const (
	StdoutFD = 3
	StderrFD = 4
	readyFD  = 5
)

const (
	dirParam     = "dir"
	secretsParam = "secrets"
)

// LogURI is where a shim sends a replica's output to: program, which writes it below dir and blanks what is in secrets, a
// folder that may be missing.
func LogURI(program, dir, secrets string) string {
	u := url.URL{Scheme: "binary", Path: program}
	u.RawQuery = url.Values{dirParam: {dir}, secretsParam: {secrets}}.Encode()
	return u.String()
}

// writeLog copies both streams until they end. It does not listen to anyone who wants it to end before.
func writeLog(args []string) error {
	signal.Ignore(unix.SIGTERM, unix.SIGINT, unix.SIGHUP)
	stayLean()
	params := map[string]string{}
	for i := 0; i+1 < len(args); i += 2 {
		params[args[i]] = args[i+1]
	}
	secrets, err := redact.Files(params[secretsParam])
	if err != nil {
		return fmt.Errorf("read secrets to blank: %w", err)
	}
	w := &logfile.Writer{Dir: params[dirParam], MaxSize: logfile.DefaultMaxSize, Keep: logfile.DefaultKeep, Redact: secrets}
	if err := w.Open(); err != nil {
		return fmt.Errorf("open log: %w", err)
	}
	if err := os.NewFile(readyFD, "ready").Close(); err != nil {
		return fmt.Errorf("say ready: %w", err)
	}
	copied := make(chan error, 2)
	go func() { copied <- w.Copy("stdout", os.NewFile(StdoutFD, "stdout")) }()
	go func() { copied <- w.Copy("stderr", os.NewFile(StderrFD, "stderr")) }()
	return errors.Join(<-copied, <-copied, w.Close())
}
