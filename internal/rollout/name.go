package rollout

import (
	"fmt"
	"strings"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

// maxID keeps a replica's ID good for a host name, too (RFC 1123).
const maxID = 63

// ReplicaID names a replica by what it is: environment, service, specification and index. Starting the same again
// thus finds what is there. The eight hex digits cover the environment as well as the specification, so that
// the names of "a-b/c" and "a/b-c" differ.
func ReplicaID(env release.Environment, service string, spec release.Digest, index int) string {
	exact := strings.Join([]string{env.Project, env.Name, service, string(spec)}, "\n")
	suffix := fmt.Sprintf("-%s-%d", release.DigestOf([]byte(exact)).Short()[:8], index)
	prefix := plainName(env.Project + "-" + env.Name + "-" + service)
	if room := maxID - len(suffix); len(prefix) > room {
		prefix = strings.TrimRight(prefix[:room], "-")
	}
	return prefix + suffix
}

// plainName has lower-case letters and digits, and single dashes between them.
func plainName(s string) string {
	words := strings.FieldsFunc(strings.ToLower(s), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9')
	})
	if len(words) == 0 {
		return "replica"
	}
	return strings.Join(words, "-")
}
