package main

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// baseImage is what the example's Dockerfile is built from.
const baseImage = "golang:1.26"

// base finds the image in the base images' layout.
func (l *lab) base() (name.Tag, v1.Image, error) {
	tag, err := name.NewTag(baseImage)
	if err != nil {
		return tag, nil, err
	}
	images, err := layout.ImageIndexFromPath(bases(l.repo))
	if err != nil {
		return tag, nil, err
	}
	index, err := images.IndexManifest()
	if err != nil {
		return tag, nil, err
	}
	for _, m := range index.Manifests {
		if m.Annotations["io.containerd.image.name"] == "docker.io/library/"+baseImage {
			img, err := images.Image(m.Digest)
			return tag, img, err
		}
	}
	return tag, nil, fmt.Errorf("%s is not among the base images: make bases", baseImage)
}

// archive writes the base image as docker load takes it.
func (l *lab) archive(path string) error {
	tag, img, err := l.base()
	if err != nil {
		return err
	}
	return tarball.WriteToFile(path, tag, img)
}

// mirror serves the base image on loopback, as a mirror of docker.io, and returns its address.
func (l *lab) mirror() (string, error) {
	dir, err := l.folder("mirror")
	if err != nil {
		return "", err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	quiet := log.New(io.Discard, "", 0)
	server := &http.Server{
		Handler:           registry.New(registry.Logger(quiet), registry.WithBlobHandler(registry.NewDiskBlobHandler(dir))),
		ReadHeaderTimeout: time.Minute,
	}
	go server.Serve(listener) //nolint:errcheck // it ends when it is closed
	l.later(server.Close)
	addr := listener.Addr().String()
	_, img, err := l.base()
	if err != nil {
		return "", err
	}
	at, err := name.NewTag(addr + "/library/" + baseImage)
	if err != nil {
		return "", err
	}
	return addr, remote.Write(at, img)
}
