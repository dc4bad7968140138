package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/seaworthyhq/seaworthy/internal/api"
	"github.com/seaworthyhq/seaworthy/internal/export"
	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/tui"
)

type exportOptions struct {
	dir    string
	images string
	all    bool
}

func (a *app) export() *cobra.Command {
	var o exportOptions
	cmd := &cobra.Command{
		Use:   "export [RELEASE]",
		Short: "A compose file by digest that Docker runs, and the images for it",
		Long: lines(
			"Writes what the environment runs as a compose file, with every image by digest: to standard output, or with -o into a",
			"folder, together with the files that the release carries. Without RELEASE it is the release that serves, with the",
			"replica counts and ports that hold now.",
			"",
			"Images of a registry are named with their digest. Those that were built here go into an archive, with --images;",
			"docker load -i hands it to Docker. Values of secrets are never written: the file says where they are to be put.",
			"The top of the file says what Docker does not do as Seaworthy does. It needs Docker Compose 2.20 or newer."),
		Example: lines(
			"  seaworthy export -e production -o /srv/shop --images /srv/shop/images.tar",
			"  cd /srv/shop && docker load -i images.tar && docker compose up",
			"  seaworthy export > shop.yaml   # of a release that carries no files"),
		Args: arguments(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, env, err := a.reachTarget(cmd.Context())
			if err != nil {
				return err
			}
			info, err := client.Export(cmd.Context(), env, strings.Join(args, ""))
			if err != nil {
				return err
			}
			return a.writeExport(cmd.Context(), client, info, o)
		},
	}
	f := cmd.Flags()
	f.StringVarP(&o.dir, "output", "o", "", "folder to write to, with the files that the release carries")
	f.StringVar(&o.images, "images", "", "file to write the images to that were built here")
	f.BoolVar(&o.all, "all-images", false, "those of registries too, for a machine that reaches none")
	return cmd
}

func (a *app) writeExport(ctx context.Context, client *api.Client, info api.ExportInfo, o exportOptions) error {
	x, err := export.Compose(export.Input{Environment: info.Environment, Release: info.Release, Config: info.Config, Archived: o.all})
	if err != nil {
		return err
	}
	if o.dir == "" && len(x.Files) > 0 {
		return &release.UserError{
			Kind: release.KindUsage, Err: fmt.Errorf("the release carries files, which do not fit into one: %d", len(x.Files)),
			Hint: info.Environment.Command("export -o DIR"),
		}
	}
	if o.dir != "" {
		if err := writeFolder(ctx, client, x, o.dir); err != nil {
			return err
		}
	}
	if o.images != "" {
		if err := writeImageArchive(ctx, client, x, o.images); err != nil {
			return err
		}
	}
	if o.dir != "" || a.json {
		return a.result(exported(info, x), func(out tui.Output) error { return nextSteps(out, x, o) })
	}
	_, err = a.out.Write(x.Compose)
	return err
}

// exportResult is what scripts are told.
type exportResult struct {
	Release release.ID                `json:"release"`
	Compose string                    `json:"compose"`
	Files   []string                  `json:"files"`
	Secrets map[string]string         `json:"secrets"` // names, by the file that has to hold the value
	Images  map[string]release.Digest `json:"images"`  // in the archive, by name
	Notes   []string                  `json:"notes"`
}

func exported(info api.ExportInfo, x *export.Export) exportResult {
	r := exportResult{
		Release: info.Release, Compose: string(x.Compose), Files: slices.Sorted(maps.Keys(x.Files)), Secrets: x.Secrets,
		Images: map[string]release.Digest{}, Notes: x.Notes,
	}
	for name, img := range x.Images {
		r.Images[name] = img.Digest
	}
	return r
}

// nextSteps says what to do with what was written.
func nextSteps(out tui.Output, x *export.Export, o exportOptions) error {
	out.Println(out.Paint(tui.Good, "✓") + " " + filepath.Join(o.dir, export.ComposeFile))
	for _, note := range x.Notes {
		out.Println("  " + out.Paint(tui.Warning, "note:") + " " + note)
	}
	for _, file := range slices.Sorted(maps.Keys(x.Secrets)) {
		if _, err := os.Stat(filepath.Join(o.dir, file)); errors.Is(err, fs.ErrNotExist) {
			out.Println("  write the value of " + x.Secrets[file] + " into " + filepath.Join(o.dir, file))
		}
	}
	switch {
	case len(x.Images) == 0:
	case o.images == "":
		out.Println("  --images FILE writes the images that Docker cannot pull: " + strings.Join(slices.Sorted(maps.Keys(x.Images)), ", "))
	default:
		out.Printf("  docker load -i %s\n", o.images)
	}
	return out.Printf("  docker compose -f %s up\n", filepath.Join(o.dir, export.ComposeFile))
}
