package rollout

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"unicode"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

// differences says for people what is different in what the replicas of a service run. Values are never shown: they may
// be credentials.
func differences(old, want release.Service) []string {
	old, want = old.Inner(), want.Inner()
	var found []string
	a, b := reflect.ValueOf(old), reflect.ValueOf(want)
	for i := range a.NumField() {
		if reflect.DeepEqual(a.Field(i).Interface(), b.Field(i).Interface()) {
			continue
		}
		switch field := a.Type().Field(i); field.Name {
		case "Image":
			found = append(found, fmt.Sprintf("image %s → %s", old.Image.Digest.Short(), want.Image.Digest.Short()))
		case "Environment":
			found = append(found, "environment: "+keyDifferences(old.Environment, want.Environment))
		case "Secrets":
			found = append(found, secretDifferences(old.Secrets, want.Secrets)...)
		case "Files":
			found = append(found, fileDifferences(old.Files, want.Files)...)
		default:
			found = append(found, words(field.Name)+" changed")
		}
	}
	return found
}

// keyDifferences names the keys of a map that were added, removed or given another value.
func keyDifferences(old, want map[string]string) string {
	keys := slices.AppendSeq(slices.Collect(maps.Keys(old)), maps.Keys(want))
	slices.Sort(keys)
	var found []string
	for _, k := range slices.Compact(keys) {
		was, had := old[k]
		is, has := want[k]
		switch {
		case !had:
			found = append(found, k+" added")
		case !has:
			found = append(found, k+" removed")
		case was != is:
			found = append(found, k+" changed")
		}
	}
	return strings.Join(found, ", ")
}

// secretDifferences names the secrets that were added, removed, given another value or put elsewhere.
func secretDifferences(old, want []release.Secret) []string {
	return namedDifferences(old, want, func(s release.Secret) string { return "secret " + s.Name }, func(what string, a, b release.Secret) string {
		if a.Mark != b.Mark {
			return what + " changed"
		}
		return what + " is elsewhere or others may read it"
	})
}

// namedDifferences says what was added and removed of things that have a name, and of each that is another one what differs.
func namedDifferences[T comparable](old, want []T, name func(T) string, differ func(what string, a, b T) string) []string {
	byName := func(things []T) map[string]T {
		all := map[string]T{}
		for _, t := range things {
			all[name(t)] = t
		}
		return all
	}
	was, is := byName(old), byName(want)
	var found []string
	for _, what := range joined(slices.Collect(maps.Keys(was)), slices.Collect(maps.Keys(is))) {
		a, had := was[what]
		b, has := is[what]
		switch {
		case !had:
			found = append(found, what+" added")
		case !has:
			found = append(found, what+" removed")
		case a != b:
			found = append(found, differ(what, a, b))
		}
	}
	return found
}

// filesListed is how many files of a service a plan names.
const filesListed = 5

// fileDifferences names the configs and files of the project that were added, removed or changed, by their places in the replica.
func fileDifferences(old, want []release.File) []string {
	found := namedDifferences(old, want, func(f release.File) string { return "file " + f.Target }, func(what string, a, b release.File) string {
		if a.Digest != b.Digest {
			return what + " changed"
		}
		return "others may read " + what
	})
	if more := len(found) - filesListed; more > 0 {
		found = append(found[:filesListed], fmt.Sprintf("and %d more files", more))
	}
	return found
}

// policyDifferences says what is different in how a service is updated, restarted and stopped, which changes nothing that runs.
func policyDifferences(old, want release.Service) []string {
	var found []string
	for _, policy := range []struct {
		name    string
		old, is any
	}{
		{"restart", old.Restart, want.Restart},
		{"update_config", old.Update, want.Update},
		{"rollback_config", old.Rollback, want.Rollback},
		{"stop_grace_period", old.StopGrace, want.StopGrace},
		{"depends_on", old.DependsOn, want.DependsOn},
	} {
		if !reflect.DeepEqual(policy.old, policy.is) {
			found = append(found, policy.name+" changed")
		}
	}
	return found
}

// routeDifferences says what is different in how traffic reaches a service whose replicas stay.
func routeDifferences(old, want release.Service) []string {
	var found []string
	if !reflect.DeepEqual(old.Ports, want.Ports) {
		found = append(found, fmt.Sprintf("ports %s → %s", portList(old.Ports), portList(want.Ports)))
	}
	if old.AppProtocol != want.AppProtocol {
		found = append(found, "app protocol changed")
	}
	return found
}

func portList(ports []release.Port) string {
	if len(ports) == 0 {
		return "none"
	}
	var list []string
	for _, p := range ports {
		text := fmt.Sprintf("%d:%d", p.Published, p.Target)
		if p.Published == 0 && p.First != 0 {
			text = fmt.Sprintf("%d-%d:%d", p.First, p.Last, p.Target)
		}
		if p.HostIP != "" {
			text = p.HostIP + ":" + text
		}
		if p.Protocol == "udp" {
			text += "/udp"
		}
		list = append(list, text)
	}
	return strings.Join(list, " ")
}

// replacedDependencies names the services that are replaced and take this one with them.
func replacedDependencies(before, after release.Config, s release.Service) []string {
	var found []string
	for _, d := range s.DependsOn {
		if d.Restart && before.Spec(d.Service) != after.Spec(d.Service) {
			found = append(found, d.Service+", which it depends on, is replaced")
		}
	}
	return found
}

// words is a field's name as people read it: "StopSignal" is "stop signal".
func words(field string) string {
	var b strings.Builder
	for i, r := range field {
		if unicode.IsUpper(r) && i > 0 {
			b.WriteByte(' ')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// same reports whether two configurations are the same content, as a release counts it.
func same(a, b release.Config) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && string(x) == string(y)
}
