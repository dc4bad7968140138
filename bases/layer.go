package main

import (
	"archive/tar"
	"io"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// addTar makes a layer of the entries that write writes.
func (l *layout) addTar(write func(*tar.Writer) error) (ocispec.Descriptor, error) {
	return l.addBlob(ocispec.MediaTypeImageLayer, func(w io.Writer) error {
		t := tar.NewWriter(w)
		if err := write(t); err != nil {
			return err
		}
		return t.Close()
	})
}

func writeDir(w *tar.Writer, name string, mode int64) error {
	return w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: strings.TrimPrefix(name, "/") + "/", Mode: mode, ModTime: epoch})
}

func writeFile(w *tar.Writer, name string, mode int64, content []byte) error {
	h := &tar.Header{Typeflag: tar.TypeReg, Name: strings.TrimPrefix(name, "/"), Mode: mode, Size: int64(len(content)), ModTime: epoch}
	if err := w.WriteHeader(h); err != nil {
		return err
	}
	_, err := w.Write(content)
	return err
}
