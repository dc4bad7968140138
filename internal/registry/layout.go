package registry

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"strconv"
	"strings"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

const layoutScheme = "oci-layout"

// annotationName is how containerd and BuildKit write an image's whole name into a layout's index.
const annotationName = "io.containerd.image.name"

// layoutTransport answers the reading half of the distribution API
// (https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pull) from an OCI image layout.
type layoutTransport struct {
	dir   string
	root  fs.FS
	files http.RoundTripper // serves files of the folder, with ranges
}

func newLayoutTransport(dir string) *layoutTransport {
	root := os.DirFS(dir)
	return &layoutTransport{dir: dir, root: root, files: http.NewFileTransportFS(root)}
}

// RoundTrip serves /v2/NAME/manifests/REFERENCE and /v2/NAME/blobs/DIGEST; the query's ns is the registry that NAME is in.
func (t *layoutTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Method != http.MethodGet && req.Method != http.MethodHead {
		return status(req, http.StatusMethodNotAllowed), nil
	}
	name, kind, wanted, ok := splitPath(req.URL.Path)
	if !ok {
		return status(req, http.StatusNotFound), nil
	}
	if kind == "blobs" {
		return t.blob(req, wanted, "application/octet-stream")
	}
	index, err := t.readIndex()
	if err != nil {
		return nil, err
	}
	if !isDigest(wanted) {
		wanted = index.find(req.URL.Query().Get("ns") + "/" + name + ":" + wanted)
	}
	return t.blob(req, wanted, t.mediaType(wanted))
}

// splitPath takes a path apart from its end: NAME may hold any number of slashes.
func splitPath(path string) (name, kind, wanted string, ok bool) {
	parts := strings.Split(strings.TrimPrefix(path, "/v2/"), "/")
	if len(parts) < 3 {
		return "", "", "", false
	}
	n := len(parts)
	name, kind, wanted = strings.Join(parts[:n-2], "/"), parts[n-2], parts[n-1]
	return name, kind, wanted, kind == "blobs" || kind == "manifests"
}

func (t *layoutTransport) blob(req *http.Request, wanted, mediaType string) (*http.Response, error) {
	if !isDigest(wanted) {
		return status(req, http.StatusNotFound), nil
	}
	file := req.Clone(req.Context())
	file.URL.Path, file.URL.RawPath = "/"+blobPath(wanted), ""
	resp, err := t.files.RoundTrip(file)
	if err != nil || resp.StatusCode >= http.StatusBadRequest {
		return resp, err
	}
	resp.Header.Set("Content-Type", mediaType)
	resp.Header.Set("Docker-Content-Digest", wanted)
	if size, err := strconv.ParseInt(resp.Header.Get("Content-Length"), 10, 64); err == nil {
		resp.ContentLength = size
	}
	return resp, nil
}

// mediaType is what the manifest says of itself; the field is optional in OCI's manifests and nowhere else.
func (t *layoutTransport) mediaType(wanted string) string {
	var manifest struct {
		MediaType string            `json:"mediaType"`
		Manifests []json.RawMessage `json:"manifests"`
	}
	b, err := fs.ReadFile(t.root, blobPath(wanted))
	if err != nil || json.Unmarshal(b, &manifest) != nil {
		return "application/octet-stream"
	}
	switch {
	case manifest.MediaType != "":
		return manifest.MediaType
	case manifest.Manifests != nil:
		return ocispec.MediaTypeImageIndex
	default:
		return ocispec.MediaTypeImageManifest
	}
}

// layoutIndex is a layout's index.json.
type layoutIndex struct{ ocispec.Index }

// readIndex reads the index at each request: the layout may be replaced while it is served.
func (t *layoutTransport) readIndex() (layoutIndex, error) {
	var index layoutIndex
	b, err := fs.ReadFile(t.root, ocispec.ImageIndexFile)
	if errors.Is(err, fs.ErrNotExist) {
		return index, errors.New("there is no OCI image layout")
	}
	if err != nil {
		return index, err
	}
	if err := json.Unmarshal(b, &index.Index); err != nil {
		return index, fmt.Errorf("read %s/%s: %w", t.dir, ocispec.ImageIndexFile, err)
	}
	return index, nil
}

// find is the digest that the whole name stands for, or empty.
func (i layoutIndex) find(name string) string {
	for _, m := range i.Manifests {
		for _, key := range []string{annotationName, ocispec.AnnotationRefName} {
			named, err := reference.ParseDockerRef(m.Annotations[key])
			if err == nil && named.String() == name {
				return m.Digest.String()
			}
		}
	}
	return ""
}

func isDigest(s string) bool { return digest.Digest(s).Validate() == nil }

func blobPath(dgst string) string {
	algorithm, encoded, _ := strings.Cut(dgst, ":")
	return ocispec.ImageBlobsDir + "/" + algorithm + "/" + encoded
}

func status(req *http.Request, code int) *http.Response {
	return &http.Response{
		StatusCode: code, Status: fmt.Sprintf("%d %s", code, http.StatusText(code)),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{}, Body: http.NoBody, Request: req,
	}
}
