package cli

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/seaworthyhq/seaworthy/internal/api"
	"github.com/seaworthyhq/seaworthy/internal/phrase"
	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/tui"
)

func (a *app) show() *cobra.Command {
	return &cobra.Command{
		Use:   "show [RELEASE]",
		Short: "What a release consists of, where it came from, and where it is deployed",
		Long: lines(
			"What a release consists of, where it came from, and where it is deployed; of each stage, how long it took when the release",
			"was made, why it ran, and what it found. Of more than 60 stages those are shown of which there is most to say, and the others",
			"are counted: --verbose shows all."),
		Example: lines(
			"  seaworthy show                 # the one that serves",
			"  seaworthy show r-1a2b3c4d",
			"  seaworthy show local#2         # the one of a deployment"),
		Args: arguments(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, env, err := a.reachTarget(cmd.Context())
			if err != nil {
				return err
			}
			info, err := client.Release(cmd.Context(), env, strings.Join(args, ""))
			if err != nil {
				return err
			}
			return a.result(info, func(out tui.Output) error {
				return writeRelease(out, info, time.Now(), a.asTyped(env.Command("deploy "+info.ID.Short())), a.verbose)
			})
		},
	}
}

// writeRelease describes a release, all of it or what fits a page; deploy is how one that is nowhere gets deployed.
func writeRelease(out tui.Output, info api.ReleaseInfo, now time.Time, deploy string, all bool) error {
	out.Printf("%s\n  of %s\n", out.Paint(tui.Strong, string(info.ID)), info.Release.Project)
	for _, o := range slices.Backward(info.Origins) {
		writeOrigin(out, o, now, all)
	}
	for _, env := range info.Serving {
		out.Printf("  %s in %s\n", out.Paint(tui.Good, "serves"), env)
	}
	for _, write := range []func(tui.Output, api.ReleaseInfo) error{writeImages, writeConfigs} {
		if err := write(out, info); err != nil {
			return err
		}
	}
	if err := writeTimes(out, info, all); err != nil {
		return err
	}
	return writeDeployments(out, info, now, deploy)
}

func writeOrigin(out tui.Output, o release.Origin, now time.Time, all bool) {
	out.Println("  " + joinWords("made", tui.Ago(o.Time, now), "by", tui.Clean(o.Actor), prefixed("from ", originOf(o)), prefixed("on ", tui.Clean(o.Branch))))
	for _, path := range o.Dirty {
		out.Println(out.Paint(tui.Dim, "    not committed: "+tui.Clean(path)))
	}
	for _, alike := range checksAlike(o.Checks, all) {
		writeChecks(out, alike)
	}
}

// fewChecks is how many checks of which the same is to be said have a line each.
const fewChecks = 6

// checksAlike are the checks of which one line tells: of those of which the same is to be said, all if they are not few.
func checksAlike(checks []release.Check, all bool) [][]release.Check {
	var lines [][]release.Check
	count, at := map[string]int{}, map[string]int{}
	said := func(c release.Check) string { return outcomeOf(c) + ": " + c.Why }
	for _, c := range checks {
		count[said(c)]++
	}
	for _, c := range checks {
		i, begun := at[said(c)]
		if begun && !all && count[said(c)] > fewChecks {
			lines[i] = append(lines[i], c)
			continue
		}
		at[said(c)] = len(lines)
		lines = append(lines, []release.Check{c})
	}
	return lines
}

// outcomeOf is what became of a check.
func outcomeOf(c release.Check) string {
	if c.Empty {
		return "had " + tui.NothingToRun
	}
	return string(c.Result)
}

// writeChecks says what became of checks of which the same is to be said.
func writeChecks(out tui.Output, alike []release.Check) {
	var tests release.Tests
	names := make([]string, len(alike))
	for i, c := range alike {
		tests.Total, tests.Failed, tests.Skipped = tests.Total+c.Tests.Total, tests.Failed+c.Tests.Failed, tests.Skipped+c.Tests.Skipped
		names[i] = tui.Clean(c.Stage)
	}
	who, since := "check "+names[0], "a check since "
	if len(alike) > 1 {
		who, since = phrase.Count(len(alike), "check"), "each a check since "
	}
	c := alike[0]
	tone, why := tui.Good, prefixed(", "+since, tui.Clean(c.Why))
	if c.Result == release.CheckSkipped {
		tone, why = tui.Warning, prefixed(": ", tui.Clean(c.Why))
	}
	if c.Empty {
		tone = tui.Warning
	}
	text := "    " + who + " " + out.Paint(tone, outcomeOf(c))
	switch {
	case tests.Failed > 0: // the exit code alone decides
		text += ", " + out.Paint(tui.Warning, tui.TestCounts(tests))
	case tests.Total > 0:
		text += ", " + tui.TestCounts(tests)
	}
	out.Println(text + out.Paint(tui.Dim, why))
	if len(alike) > 1 {
		out.Println(out.Paint(tui.Dim, "      "+phrase.First(names, fewChecks)))
	}
}

// writeImages lists each image once, with the services that run it, and what the built ones began with.
func writeImages(out tui.Output, info api.ReleaseInfo) error {
	users := map[release.Digest][]string{}
	for _, config := range info.Release.Environments {
		for _, s := range config.Services {
			if !slices.Contains(users[s.Image.Digest], s.Name) {
				users[s.Image.Digest] = append(users[s.Image.Digest], s.Name)
			}
		}
	}
	for stage, img := range info.Release.Lifecycle {
		users[img.Digest] = append(users[img.Digest], stage)
	}
	table := tui.NewTable("image", "made of", "digest", "platform").Below("digest")
	for _, img := range info.Release.Images() {
		slices.Sort(users[img.Digest])
		of := img.Ref
		if img.Stage != "" {
			of = "stage " + img.Stage
		}
		table.Add(tui.Text(strings.Join(users[img.Digest], " ")), tui.Text(of), tui.Text(string(img.Digest)), tui.Text(img.Platform))
	}
	for _, b := range info.Release.Bases {
		table.Add(tui.Dim.Cell("(base)"), tui.Text(b.Ref), tui.Text(string(b.Digest)), tui.Text(""))
	}
	out.Println("")
	return table.Write(out)
}

func writeConfigs(out tui.Output, info api.ReleaseInfo) error {
	table := tui.NewTable("environment", "service", "replicas", "ports", "volumes", "secrets", "environment variables").
		Spare("environment variables", "volumes", "secrets").Whole("service", "ports")
	for _, name := range slices.Sorted(maps.Keys(info.Release.Environments)) {
		for _, s := range info.Release.Environments[name].Services {
			table.Add(tui.Text(name), tui.Text(s.Name), tui.Text(fmt.Sprint(s.Replicas)), tui.Text(strings.Join(Addresses(s.Ports), " ")),
				tui.Text(strings.Join(volumesOf(s), " ")), tui.Text(strings.Join(secretsOf(s), " ")),
				tui.Text(strings.Join(slices.Sorted(maps.Keys(s.Environment)), " ")))
		}
	}
	out.Println("")
	return table.Write(out)
}

func volumesOf(s release.Service) []string {
	var names []string
	for _, m := range s.Mounts {
		if m.Kind == release.MountVolume {
			names = append(names, m.Source)
		}
	}
	return names
}

func secretsOf(s release.Service) []string {
	var names []string
	for _, secret := range s.Secrets {
		names = append(names, secret.Name)
	}
	return names
}

// writeTimes says what took how long when the release was made.
func writeTimes(out tui.Output, info api.ReleaseInfo, all bool) error {
	if info.Times == nil {
		return nil
	}
	out.Println("")
	return tui.WriteTimes(out, *info.Times, all)
}

func writeDeployments(out tui.Output, info api.ReleaseInfo, now time.Time, deploy string) error {
	out.Println("")
	if len(info.Deployments) == 0 {
		return out.Println("not deployed yet; " + deploy + " does it")
	}
	table := tui.NewTable("deployment", "why", "result", "when", "by")
	for _, d := range info.Deployments {
		table.Add(tui.Text(fmt.Sprintf("%s#%d", d.Environment, d.Number)), tui.Text(string(d.Cause)), toneOf(d.Result).Cell(string(d.Result)),
			tui.Text(tui.Ago(d.Started, now)), tui.Text(d.Actor))
		if d.Error != "" {
			table.Note(d.Error)
		}
	}
	return table.Write(out)
}

// joinWords joins what is not empty.
func joinWords(words ...string) string {
	return strings.Join(slices.DeleteFunc(words, func(w string) bool { return w == "" }), " ")
}

func prefixed(prefix, text string) string {
	if text == "" {
		return ""
	}
	return prefix + text
}
