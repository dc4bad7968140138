package store_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/seaworthyhq/seaworthy/internal/store/storetest"
)

func TestImagesThatDifferInNothingButTimes(t *testing.T) {
	s := storetest.Open(t)
	content := bytes.Repeat([]byte("0123456789abcdef"), 10_000)
	image := func(change func(*storetest.File), cmd string) storetest.Image {
		f := storetest.File{Name: "app", Mode: 0o755, Content: content}
		change(&f)
		return storetest.Image{Config: ocispec.ImageConfig{Cmd: []string{cmd}}, Files: []storetest.File{{Name: "etc", Dir: true, Mode: 0o755}, f}}
	}
	later := func(f *storetest.File) { f.Time = time.Unix(1e9, 0) }
	was := storetest.Put(t, s, image(func(*storetest.File) {}, "app"))
	for name, row := range map[string]struct {
		is   storetest.Image
		want bool
	}{
		"times":           {image(later, "app"), true},
		"a byte":          {image(func(f *storetest.File) { later(f); f.Content = slices.Concat(content[1:], []byte("x")) }, "app"), false},
		"more bytes":      {image(func(f *storetest.File) { later(f); f.Content = slices.Concat(content, []byte("x")) }, "app"), false},
		"a name":          {image(func(f *storetest.File) { later(f); f.Name = "other" }, "app"), false},
		"a mode":          {image(func(f *storetest.File) { later(f); f.Mode = 0o700 }, "app"), false},
		"another command": {image(later, "other"), false},
		"a file more": {
			storetest.Image{Config: ocispec.ImageConfig{Cmd: []string{"app"}}, Files: append(image(later, "app").Files, storetest.File{Name: "z", Mode: 0o644})}, false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			is := storetest.Put(t, s, row.is)
			if got, err := s.SameButTimes(t.Context(), was.Digest, is.Digest); err != nil || got != row.want {
				t.Errorf("the same: %v, %v", got, err)
			}
		})
	}
}
