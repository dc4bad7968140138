// Package logfile is the format of a replica's log on disk: lines of JSON in files that are rotated by size. The log writer
// writes it, the engine reads it, and neither needs the other to be alive.
package logfile

import "time"

// Line is one line that a replica wrote.
type Line struct {
	Time   time.Time `json:"time"`
	Stream string    `json:"stream"` // stdout or stderr; Exit for a line that the replica did not write
	Line   string    `json:"line"`   // without its line end
	// Partial means that the line goes on in the stream's next one: it was longer than MaxLine.
	Partial bool `json:"partial,omitempty"`
}

// Exit is the stream of a line that says how the replica ended, before it was started again.
const Exit = "exit"

// MaxLine is the length in bytes at which a line is split.
const MaxLine = 16 << 10

// Defaults of rotation.
const (
	DefaultMaxSize = 10 << 20 // bytes in one file
	DefaultKeep    = 3        // files, the one being written included
)

const current = "log.json"
