// SPDX-License-Identifier: Apache-2.0

// Image makes the container image of Tiercel without a container runtime, a
// registry or a network: a static binary on nothing, with what it reads. The
// same inputs give the same bytes.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// build is what the image is made of.
type build struct {
	source   string            // folder of the sources: rules, licences
	config   string            // the agent's configuration in the image
	out      string            // folder that the archives go to
	binaries map[string]string // the agent by architecture, as Go names it
	notices  map[string]string // folders with what has to go along with it: licences of others, bill of materials
	name     string            // without the tag
	version  string
	revision string
	created  time.Time
}

func main() {
	b := build{binaries: map[string]string{}, notices: map[string]string{}}
	var created int64
	flag.StringVar(&b.source, "source", ".", "`folder` of the sources")
	flag.StringVar(&b.config, "config", "packaging/image/tiercel.yaml", "the agent's configuration, a `file` below the sources")
	flag.StringVar(&b.out, "out", "dist", "`folder` that the archives go to")
	flag.StringVar(&b.name, "name", "ghcr.io/tiercel/tiercel", "`name` of the image, without its tag")
	flag.StringVar(&b.version, "version", "", "`version` of the agent")
	flag.StringVar(&b.revision, "revision", "", "`commit` that it was built from")
	flag.Int64Var(&created, "created", 0, "`time` of that commit, in seconds since 1970")
	flag.Func("binary", "`ARCH=FILE`: the agent for an architecture; repeatable", byArch(b.binaries))
	flag.Func("notices", "`ARCH=FOLDER` with licences of others and the bill of materials; repeatable", byArch(b.notices))
	flag.Parse()
	b.created = time.Unix(created, 0).UTC()
	if err := b.run(); err != nil {
		fmt.Fprintf(os.Stderr, "image: %v\n", err)
		os.Exit(1)
	}
}

func byArch(into map[string]string) func(string) error {
	return func(s string) error {
		arch, file, ok := strings.Cut(s, "=")
		if !ok || arch == "" || file == "" {
			return errors.New("has to be ARCH=FILE, for example amd64=bin/tiercel")
		}
		into[arch] = file
		return nil
	}
}

func (b *build) run() error {
	switch {
	case b.version == "":
		return errors.New("-version is missing")
	case len(b.binaries) == 0:
		return errors.New("-binary is missing")
	}
	made, err := b.images()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(b.out, 0o755); err != nil {
		return err
	}
	tag := imageTag(b.version)
	base := filepath.Join(b.out, "tiercel-image-"+tag)
	for _, m := range made {
		if err := writeDocker(base+"-docker-"+m.arch+".tar", b.name+":"+tag, m.image); err != nil {
			return err
		}
		if err := writeTree(filepath.Join(b.out, "image", "rootfs-"+m.arch), m.files); err != nil {
			return err
		}
	}
	if err := writeLayout(base+"-oci.tar", tag, made); err != nil {
		return err
	}
	for _, m := range made {
		digest, err := m.image.Digest()
		if err != nil {
			return err
		}
		fmt.Printf("%s:%s %s %s\n", b.name, tag, m.arch, digest)
	}
	return nil
}

// imageTag makes a tag of a version: what tags cannot hold becomes a dash.
func imageTag(version string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= '0' && r <= '9', r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r == '.', r == '_', r == '-':
			return r
		}
		return '-'
	}, version)
}
