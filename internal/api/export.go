package api

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

// Export returns what an environment runs of a release, or would run: of the one that serves where name is empty.
func (c *Client) Export(ctx context.Context, env release.Environment, name string) (ExportInfo, error) {
	q := query(env)
	q.Set("name", name)
	var out ExportInfo
	return out, c.call(ctx, http.MethodGet, PathExport+"?"+q.Encode(), nil, &out)
}

// File reads a content that releases carry.
func (c *Client) File(ctx context.Context, d release.Digest) ([]byte, error) {
	resp, err := c.send(ctx, http.MethodGet, PathFiles+"/"+url.PathEscape(string(d)), nil)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, lost(ctx, err)
	}
	if release.DigestOf(b) != d {
		return nil, fmt.Errorf("file %s came as another one", d.Short())
	}
	return b, nil
}

// ArchivedImage is an image and the name that it has in an archive.
type ArchivedImage struct {
	Name   string
	Digest release.Digest
}

// Images writes images as an archive that Docker loads and that is an OCI layout.
func (c *Client) Images(ctx context.Context, images []ArchivedImage, w io.Writer) error {
	q := url.Values{}
	for _, img := range images {
		q.Add("image", string(img.Digest)+" "+img.Name)
	}
	resp, err := c.send(ctx, http.MethodGet, PathImages+"?"+q.Encode(), nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(w, resp.Body); err != nil {
		return lost(ctx, err)
	}
	return nil
}

// ArchivedImages reads what Images asks for.
func ArchivedImages(r *http.Request) []ArchivedImage {
	var all []ArchivedImage
	for _, text := range r.URL.Query()["image"] {
		digest, name, _ := strings.Cut(text, " ")
		all = append(all, ArchivedImage{Name: name, Digest: release.Digest(digest)})
	}
	return all
}
