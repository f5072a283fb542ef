// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

const (
	sourceURL = "https://github.com/tiercel/tiercel"
	licences  = "Apache-2.0 AND (GPL-2.0-only OR MIT)"
)

// made is the image for one architecture.
type made struct {
	arch  string
	image v1.Image
	files []entry
}

// images makes an image for each architecture, in the order of their names.
func (b *build) images() ([]made, error) {
	var archs []string
	for arch := range b.binaries {
		archs = append(archs, arch)
	}
	slices.Sort(archs)
	var all []made
	for _, arch := range archs {
		m, err := b.image(arch)
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, nil
}

// image has two layers: what any program needs, which rarely changes, and the
// agent.
func (b *build) image(arch string) (made, error) {
	system, err := systemFiles()
	if err != nil {
		return made{}, err
	}
	agent, err := b.agentFiles(arch)
	if err != nil {
		return made{}, err
	}
	img, err := mutate.ConfigFile(mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON), b.configOf(arch))
	if err != nil {
		return made{}, err
	}
	for _, l := range []struct {
		files []entry
		what  string
		at    time.Time
	}{
		// Of no time, so that a new version of the agent leaves this layer alone.
		{system, "certificate authorities, users, places for the host", time.Unix(0, 0)},
		{agent, "agent, rules, configuration, licences", b.created},
	} {
		layer, err := newLayer(l.files, l.at)
		if err != nil {
			return made{}, err
		}
		img, err = mutate.Append(img, mutate.Addendum{
			Layer: layer, MediaType: types.OCILayer,
			History: v1.History{Created: v1.Time{Time: b.created}, CreatedBy: "tiercel packaging/image", Comment: l.what},
		})
		if err != nil {
			return made{}, err
		}
	}
	return made{arch: arch, image: img, files: append(system, agent...)}, nil
}

func newLayer(files []entry, at time.Time) (v1.Layer, error) {
	data, err := archive(files, at)
	if err != nil {
		return nil, err
	}
	return tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil },
		tarball.WithMediaType(types.OCILayer), tarball.WithCompressedCaching)
}

// configOf is how the image is run. The health check asks on loopback: no port
// is opened.
func (b *build) configOf(arch string) *v1.ConfigFile {
	return &v1.ConfigFile{
		Architecture: arch, OS: "linux", Created: v1.Time{Time: b.created},
		RootFS: v1.RootFS{Type: "layers"},
		Config: v1.Config{
			User:       "0:0",
			Entrypoint: []string{"/usr/bin/tiercel"},
			Env:        []string{"PATH=/usr/bin", "HOST_ROOT=/host"},
			WorkingDir: "/",
			StopSignal: "SIGTERM",
			Labels:     b.labels(),
			Healthcheck: &v1.HealthConfig{
				Test: []string{"CMD", "/usr/bin/tiercel", "health", "--running"}, Interval: 30 * time.Second, Timeout: 5 * time.Second,
				StartPeriod: 30 * time.Second, Retries: 3,
			},
		},
	}
}

// labels are those that the OCI image specification names.
func (b *build) labels() map[string]string {
	const prefix = "org.opencontainers.image."
	return map[string]string{
		prefix + "title":         "tiercel",
		prefix + "description":   "Runtime security agent: watches the system calls of a Linux host and alerts by rules",
		prefix + "url":           sourceURL,
		prefix + "source":        sourceURL,
		prefix + "documentation": sourceURL + "/tree/main/docs",
		prefix + "licenses":      licences,
		prefix + "vendor":        "Tiercel",
		prefix + "version":       b.version,
		prefix + "revision":      b.revision,
		prefix + "created":       b.created.Format(time.RFC3339),
	}
}

// index lists the images of all architectures.
func index(tag string, all []made) (v1.ImageIndex, error) {
	inner := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, m := range all {
		digest, err := m.image.Digest()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.arch, err)
		}
		size, err := m.image.Size()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.arch, err)
		}
		inner = mutate.AppendManifests(inner, mutate.IndexAddendum{Add: m.image, Descriptor: v1.Descriptor{
			MediaType: types.OCIManifestSchema1, Digest: digest, Size: size, Platform: &v1.Platform{OS: "linux", Architecture: m.arch},
		}})
	}
	return mutate.AppendManifests(mutate.IndexMediaType(empty.Index, types.OCIImageIndex), mutate.IndexAddendum{
		Add:        inner,
		Descriptor: v1.Descriptor{MediaType: types.OCIImageIndex, Annotations: map[string]string{"org.opencontainers.image.ref.name": tag}},
	}), nil
}
