package aide

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"

	"golang.org/x/sys/unix"

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
	w := &logfile.Writer{Dir: params[dirParam], MaxSize: logfile.DefaultMaxSize, Keep: logfile.DefaultKeep}
	if values := secretValues(params[secretsParam]); len(values) > 0 {
		w.Redact = redactor(values)
	}
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

// shortest is the length below which a secret's line is left alone: blanking every "yes" would say more than it hides.
const shortest = 6

// secretValues reads the lines of all secrets of the replica.
func secretValues(dir string) [][]byte {
	paths, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || dir == "" {
		return nil
	}
	var values [][]byte
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		for line := range bytes.Lines(b) {
			if line = bytes.TrimSpace(line); len(line) >= shortest {
				values = append(values, line)
			}
		}
	}
	return values
}

func redactor(values [][]byte) func([]byte) []byte {
	return func(line []byte) []byte {
		for _, v := range values {
			line = bytes.ReplaceAll(line, v, []byte("[secret]"))
		}
		return line
	}
}
