package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/seaworthyhq/seaworthy/internal/api"
	"github.com/seaworthyhq/seaworthy/internal/event"
	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/tui"
)

func (a *app) volume() *cobra.Command {
	cmd := &cobra.Command{Use: "volume", Short: "Volumes of an environment"}
	parentOf(cmd)
	a.addPlain(cmd, a.volumeList(), a.volumeExport(), a.volumeImport(), a.volumeRemove())
	return cmd
}

// onVolumes runs a verb on the volumes of the environment that was asked for.
func (a *app) onVolumes(run func(context.Context, *api.Client, release.Environment, []string) error) func(*cobra.Command, []string) error {
	return a.onVolumesOf(a.reach, run)
}

func (a *app) onVolumesOf(
	connect func(context.Context) (*api.Client, error), run func(context.Context, *api.Client, release.Environment, []string) error,
) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		env, err := a.targetEnvironment()
		if err != nil {
			return err
		}
		client, err := connect(cmd.Context())
		if err != nil {
			return err
		}
		return run(cmd.Context(), client, env, args)
	}
}

func (a *app) volumeList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List them, with what they take and who uses them",
		Example: "  seaworthy volume list", Args: noArgs,
		RunE: a.onVolumes(func(ctx context.Context, c *api.Client, env release.Environment, _ []string) error {
			found, err := c.Volumes(ctx, env)
			if err == nil && len(found) == 0 {
				err = a.know(ctx, c, env)
			}
			if err != nil {
				return err
			}
			return a.result(found, func(out tui.Output) error { return writeVolumes(out, env, found) })
		}),
	}
}

func writeVolumes(out tui.Output, env release.Environment, found []api.VolumeInfo) error {
	if len(found) == 0 {
		return out.Printf("%s: no volumes\n", env)
	}
	table := tui.NewTable("volume", "size", "used by")
	for _, v := range found {
		size := tui.Bytes(v.Bytes)
		if v.Empty {
			size = "empty"
		}
		table.Add(tui.Text(v.Name), tui.Text(size), tui.Text(strings.Join(v.UsedBy, " ")))
	}
	return table.Write(out)
}

// archived is what scripts are told.
type archived struct {
	Volume string `json:"volume"`
	File   string `json:"file"`
}

func (a *app) volumeExport() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use: "export NAME", Short: "Write one as a tar archive, with owners, modes, links and attributes",
		Long: lines(
			"Writes a volume as a tar archive to standard output, or to a file, which is there when it is whole and not before.",
			"What a service writes meanwhile may be in it in part: stop the service first where that matters."),
		Example: "  seaworthy volume export db-data -o db-data.tar\n  seaworthy volume export db-data | gzip > db-data.tar.gz",
		Args:    arguments(1, 1),
		RunE: a.onVolumes(func(ctx context.Context, c *api.Client, env release.Environment, args []string) error {
			if file != "" {
				if err := writeWhole(file, func(w io.Writer) error { return c.ExportVolume(ctx, env, args[0], w) }); err != nil {
					return err
				}
				return a.result(archived{args[0], file}, func(tui.Output) error { return nil })
			}
			if tui.IsTerminal(a.out) {
				return &release.UserError{
					Kind: release.KindUsage, Err: errors.New("an archive is nothing for a terminal"),
					Hint: env.Command("volume export " + args[0] + " -o " + args[0] + ".tar"),
				}
			}
			return c.ExportVolume(ctx, env, args[0], a.out)
		}),
	}
	cmd.Flags().StringVarP(&file, "output", "o", "", "write to this `file`")
	return cmd
}

// writeWhole makes a file that is there when it is whole. It may be replaced, and keeps what it was until then.
func writeWhole(path string, write func(io.Writer) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return &release.UserError{Kind: release.KindUsage, Err: err, Hint: "name a file in a folder that is there"}
	}
	defer os.Remove(f.Name()) // gone already where all went well
	if err := errors.Join(write(f), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

func (a *app) volumeImport() *cobra.Command {
	var docker string
	cmd := &cobra.Command{
		Use: "import NAME [FILE]", Short: "Fill one from a tar archive, or from a Docker volume",
		Long: lines(
			"Replaces what is in a volume by what is in a tar archive (a file, or standard input; it may be compressed) or in a volume of",
			"Docker, which is only read. It asks before it replaces data, and refuses while replicas use the volume. A volume that is",
			"not there is made. Whatever interrupts it leaves the volume as it was."),
		Example: "  seaworthy volume import db-data db-data.tar\n" +
			"  gunzip < db-data.tar.gz | seaworthy volume import --yes db-data\n" +
			"  seaworthy volume import db-data --from-docker myapp_db-data",
		Args: arguments(1, 2),
		RunE: a.onVolumesOf(a.connect, func(ctx context.Context, c *api.Client, env release.Environment, args []string) error {
			req := api.VolumeRequest{Environment: env, Name: args[0], Actor: actor()}
			fill, done, err := a.contentFor(ctx, c, req, args, docker)
			if err != nil {
				return err
			}
			defer done()
			return a.importVolume(ctx, c, req, fill)
		}),
	}
	cmd.Flags().StringVar(&docker, "from-docker", "", "fill it from this `volume` of Docker (DOCKER_HOST says of which)")
	return cmd
}

// contentFor is what fills the volume: found before anything is asked.
func (a *app) contentFor(ctx context.Context, c *api.Client, req api.VolumeRequest, args []string, docker string) (fill func() error, done func(), err error) {
	env, name, done := req.Environment, req.Name, func() {}
	switch {
	case docker != "" && len(args) == 2:
		return nil, nil, &release.UserError{Kind: release.KindUsage, Err: errors.New("an archive and a Docker volume were given"), Hint: "give one of them"}
	case docker != "":
		folder, err := dockerVolume(ctx, docker, env.Command("volume import --yes "+name), a.err)
		if err != nil {
			return nil, nil, err
		}
		return func() error { return c.CopyVolume(ctx, req, folder) }, done, nil
	case len(args) == 2:
		f, err := openArchive(ctx, args[1])
		if err != nil {
			return nil, nil, &release.UserError{Kind: release.KindUsage, Err: err}
		}
		return func() error { return c.ImportVolume(ctx, req, interruptible(ctx, f)) }, func() { _ = f.Close() }, nil
	case tui.IsTerminal(a.in):
		return nil, nil, &release.UserError{Kind: release.KindUsage, Err: errors.New("no archive given"), Hint: env.Command("volume import " + name + " FILE.tar")}
	}
	return func() error { return c.ImportVolume(ctx, req, interruptible(ctx, a.in)) }, done, nil
}

// openArchive opens a file. One that is a pipe opens when somebody writes to it, if ctx does not end before.
func openArchive(ctx context.Context, path string) (*os.File, error) {
	var file *os.File
	var err error
	opened := make(chan struct{})
	go func() {
		file, err = os.Open(path)
		close(opened)
	}()
	select {
	case <-opened:
		return file, err
	case <-ctx.Done():
		return nil, context.Cause(ctx) // whoever opens waits until the process ends
	}
}

// interruptible reads r until ctx ends, also while r waits for somebody who writes to it. A request may not end before its body does.
func interruptible(ctx context.Context, r io.Reader) io.Reader {
	body, w := io.Pipe()
	go func() {
		_, err := io.Copy(w, r)
		_ = w.CloseWithError(err) // it never fails
	}()
	context.AfterFunc(ctx, func() { _ = w.CloseWithError(context.Cause(ctx)) })
	return body
}

func (a *app) importVolume(ctx context.Context, c *api.Client, req api.VolumeRequest, fill func() error) error {
	env, name := req.Environment, req.Name
	req.PlanOnly = true
	if err := c.ImportVolume(ctx, req, nil); err != nil { // before anything is asked
		return err
	}
	before, err := findVolume(ctx, c, env, name)
	if err != nil {
		return err
	}
	if before != nil && !before.Empty {
		question := fmt.Sprintf("Replace all %s in volume %s of %s?", tui.Bytes(before.Bytes), name, env)
		if err := tui.Confirm(ctx, a.in, a.err, question, a.yes); err != nil {
			return err
		}
	}
	if err := fill(); err != nil {
		return err
	}
	after, err := findVolume(ctx, c, env, name)
	if err != nil || after == nil {
		return err
	}
	return a.result(after, func(out tui.Output) error {
		if len(after.UsedBy) == 0 {
			tui.Note(a.err, event.Message{Text: "note: no service that serves in " + env.String() + " uses it"})
		}
		return out.Printf("volume %s of %s has %s\n", name, env, tui.Bytes(after.Bytes))
	})
}

// findVolume is the volume of that name; nil: there is none.
func findVolume(ctx context.Context, c *api.Client, env release.Environment, name string) (*api.VolumeInfo, error) {
	all, err := c.Volumes(ctx, env)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(all, func(v api.VolumeInfo) bool { return v.Name == name })
	if i < 0 {
		return nil, nil
	}
	return &all[i], nil
}

// removed is what scripts are told.
type removed struct {
	Volume string `json:"volume"`
}

func (a *app) volumeRemove() *cobra.Command {
	return &cobra.Command{
		Use: "remove NAME", Short: "Remove one that no service uses, and all data in it",
		Example: "  seaworthy volume remove old-data", Args: arguments(1, 1),
		RunE: a.onVolumes(func(ctx context.Context, c *api.Client, env release.Environment, args []string) error {
			req := api.VolumeRequest{Environment: env, Name: args[0], Actor: actor(), PlanOnly: true}
			if err := c.RemoveVolume(ctx, req); err != nil { // before anything is asked
				return err
			}
			if err := tui.Confirm(ctx, a.in, a.err, "Remove volume "+args[0]+" of "+env.String()+" and all data in it?", a.yes); err != nil {
				return err
			}
			req.PlanOnly = false
			if err := c.RemoveVolume(ctx, req); err != nil {
				return err
			}
			return a.result(removed{args[0]}, func(out tui.Output) error {
				return out.Printf("volume %s of %s is removed\n", args[0], env)
			})
		}),
	}
}
