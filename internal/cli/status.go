package cli

import (
	"cmp"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/seaworthyhq/seaworthy/internal/api"
	"github.com/seaworthyhq/seaworthy/internal/phrase"
	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/tui"
)

func (a *app) status() *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "What runs where, since when, by whom",
		Example: lines(
			"  seaworthy status",
			"  seaworthy status -e hrefcounter/production   # without a checkout",
			"  seaworthy status --all"),
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var env release.Environment
			if !all {
				var err error
				if env, err = a.target(); err != nil {
					return err
				}
			}
			client, err := a.reach(cmd.Context())
			if err != nil {
				return err
			}
			found, err := client.Status(cmd.Context(), env)
			if err == nil && len(found) == 0 && !all {
				err = a.know(cmd.Context(), client, env)
			}
			if err != nil {
				return err
			}
			return a.result(found, func(out tui.Output) error { return a.writeStatus(out, found, time.Now()) })
		},
	}
	cmd.Flags().BoolVarP(&all, "all", "a", false, "all projects and environments of this engine")
	return cmd
}

func (a *app) writeStatus(out tui.Output, found []api.EnvironmentStatus, now time.Time) error {
	if len(found) == 0 {
		up := a.asTyped("seaworthy up")
		if a.here.Name != "" {
			up = a.asTyped(a.here.Command("up"))
		}
		return out.Println("nothing is deployed; " + up + " does it")
	}
	for i, e := range found {
		if i > 0 {
			out.Println("")
		}
		out.Println(headline(e, now)) // an output that is gone is noticed below
		for _, note := range a.notes(e) {
			out.Println("  " + note)
		}
		if err := writeServices(out, e, now); err != nil {
			return err
		}
	}
	return nil
}

func headline(e api.EnvironmentStatus, now time.Time) string {
	if e.Release == "" {
		return e.Environment.String() + ": nothing is deployed"
	}
	text := fmt.Sprintf("%s: %s", e.Environment, e.Release.Short())
	if from := originOf(e.Origin); from != "" {
		text += " (" + from + ")"
	}
	if d := e.Deployment; d != nil {
		text += fmt.Sprintf(", %s by %s %s", d.Name(), tui.Clean(d.Actor), tui.Ago(cmp.Or(d.Ended, d.Started), now))
	}
	return text
}

// originOf is where a release came from, for people: "v1.2 3f2a1b9c0d1e, 2 files changed".
func originOf(o release.Origin) string {
	var parts []string
	if o.Tag != "" {
		parts = append(parts, o.Tag)
	}
	if len(o.Commit) >= 12 {
		parts = append(parts, o.Commit[:12])
	}
	text := strings.Join(parts, " ")
	switch n := len(o.Dirty); {
	case n == 1:
		text += " with 1 change"
	case n > 1:
		text += fmt.Sprintf(" with %d changes", n)
	}
	return tui.Clean(strings.TrimSpace(text))
}

func (a *app) notes(e api.EnvironmentStatus) []string {
	var all []string
	switch p := e.Pending; {
	case p != nil:
		note := fmt.Sprintf("under way: %s of %s by %s", p.Name(), p.Release.Short(), tui.Clean(p.Actor))
		if canBeGivenUp(*p) {
			note += "; " + a.asTyped(e.Environment.Command("rollback")) + " gives it up"
		}
		all = append(all, note)
	case e.Busy != "":
		all = append(all, "under way: "+tui.Clean(e.Busy))
	}
	for _, next := range e.Waiting {
		all = append(all, "then: "+tui.Clean(next))
	}
	if l := e.Last; l != nil && l.Error != "" && (e.Deployment == nil || l.Number != e.Deployment.Number) {
		all = append(all, fmt.Sprintf("last: %s %s: %s", l.Name(), l.Result, tui.Clean(l.Error)))
	}
	if e.Held != "" {
		all = append(all, "held: "+tui.Clean(e.Held)+"; "+a.asTyped(e.Environment.Command("resume"))+" frees it")
	}
	return all
}

func writeServices(out tui.Output, e api.EnvironmentStatus, now time.Time) error {
	if len(e.Services) == 0 {
		return nil
	}
	table := tui.NewTable("service", "replicas", "state", "image", "since", "address").
		Below("address").Spare("image", "since").Whole("service", "replicas", "state", "since")
	for _, s := range e.Services {
		state, tone := withRestarts(s)
		table.Add(
			tui.Text(s.Name),
			tui.Text(counts(s)),
			tone.Cell(state),
			tui.Text(s.Image.Digest.Short()),
			tui.Text(since(s, now)),
			tui.Text(strings.Join(Addresses(s.Ports), " ")),
		)
	}
	return table.Write(out)
}

// hasCompleted reports whether a service has done its work. Of a one-shot whose replica is gone nothing else is known: what serves
// has waited for it.
func hasCompleted(s api.ServiceStatus) bool {
	return s.Completed == s.Desired || s.OneShot && len(s.Replicas) == 0
}

// counts has the replicas that are as they should be: well, or done.
func counts(s api.ServiceStatus) string {
	good := s.Healthy + s.Completed
	if hasCompleted(s) {
		good = s.Desired
	}
	text := fmt.Sprintf("%d/%d", good, s.Desired)
	if s.Scaled && s.Desired > 0 { // the state says it
		text += " (scaled)"
	}
	return text
}

// withRestarts is the state, whether it is about to change, and how often replicas that serve were started again: one that ends over and over is well in between.
func withRestarts(s api.ServiceStatus) (string, tui.Tone) {
	state, tone := stateOf(s)
	if s.Updating {
		state += ", updating"
	}
	n := 0
	for _, r := range s.Replicas {
		n += r.Restarts
	}
	if n == 0 {
		return state, tone
	}
	if tone == tui.Good {
		tone = tui.Warning
	}
	return state + ", " + phrase.Count(n, "restart"), tone
}

func stateOf(s api.ServiceStatus) (string, tui.Tone) {
	switch {
	case s.Desired == 0:
		return "scaled to 0", tui.Dim
	case hasCompleted(s):
		return "completed", tui.Dim
	case s.Healthy+s.Completed == s.Desired && s.OneShot:
		return "running", tui.Warning
	case s.Healthy+s.Completed == s.Desired:
		return "healthy", tui.Good
	}
	for _, r := range s.Replicas {
		switch {
		case r.State == release.StateExited:
			return fmt.Sprintf("replica %d exited%s", r.Index, exitText(r)), tui.Bad
		case r.Health == release.HealthUnhealthy:
			return fmt.Sprintf("replica %d unhealthy", r.Index), tui.Bad
		}
	}
	return "starting", tui.Warning
}

func exitText(r release.Replica) string {
	switch {
	case r.OOMKilled:
		return ": out of memory"
	case r.Stopped:
		return ": stopped"
	case r.ExitKnown:
		return " with " + strconv.Itoa(r.ExitCode)
	}
	return ""
}

// since is when the last of the replicas that run began: since then all of them have.
func since(s api.ServiceStatus, now time.Time) string {
	var youngest time.Time
	for _, r := range s.Replicas {
		if r.State == release.StateRunning && r.Started.After(youngest) {
			youngest = r.Started
		}
	}
	if youngest.IsZero() {
		return ""
	}
	return tui.Ago(youngest, now)
}

// Addresses are where a service can be reached from outside, as a user would type it.
func Addresses(ports []release.Port) []string {
	var all []string
	for _, p := range ports {
		host := p.HostIP
		if host == "" || host == "0.0.0.0" || host == "::" {
			host = "localhost"
		}
		addr := net.JoinHostPort(host, strconv.Itoa(p.Published))
		switch {
		case p.Published == 0:
			addr = "a port of " + host
		case p.Protocol == "udp":
			addr = "udp://" + addr
		case p.AppProtocol == "" || strings.HasPrefix(p.AppProtocol, "http"):
			addr = "http://" + addr
		}
		all = append(all, addr)
	}
	return all
}
