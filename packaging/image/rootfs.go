// SPDX-License-Identifier: Apache-2.0

package main

import (
	"archive/tar"
	"bytes"
	"debug/elf"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// entry is a file of the image. One that ends in a slash is a folder.
type entry struct {
	path string
	mode int64
	data []byte
	link string // set: a symbolic link
}

// The image's places, as in the packages.
const (
	rulesDir    = "usr/share/tiercel/rules/"
	licencesDir = "usr/share/doc/tiercel/"
	configFile  = "etc/tiercel/tiercel.yaml"
)

// systemFiles are what a program expects of any system. Nobody but root is
// known: names of the host's users come from the host's own files.
func systemFiles() ([]entry, error) {
	certificates, err := authorities()
	if err != nil {
		return nil, err
	}
	return []entry{
		{path: "etc/", mode: 0o755},
		{path: "etc/group", mode: 0o644, data: []byte("root:x:0:\n")},
		{path: "etc/passwd", mode: 0o644, data: []byte("root:x:0:0:root:/:/sbin/nologin\n")},
		{path: "etc/ssl/", mode: 0o755},
		{path: "etc/ssl/certs/", mode: 0o755},
		{path: "etc/ssl/certs/ca-certificates.crt", mode: 0o644, data: certificates},
		// Where the host is mounted. A /var/run is nearly always this link.
		{path: "host/", mode: 0o755},
		{path: "host/var/", mode: 0o755},
		{path: "host/var/run", mode: 0o777, link: "../run"},
		{path: "tmp/", mode: 0o1777},
	}, nil
}

// authorities are the certificate authorities that Mozilla trusts, from a Go
// module that go.sum pins. Those that it trusts with restrictions are left out:
// a file of certificates cannot say them.
func authorities() ([]byte, error) {
	var b bytes.Buffer
	for root := range bundle.Roots() {
		if root.Constraint != nil {
			continue
		}
		if err := pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate}); err != nil {
			return nil, err
		}
	}
	return b.Bytes(), nil
}

// aboutAuthorities is what the licences of the agent do not tell: this file is
// in no program.
const aboutAuthorities = `/etc/ssl/certs/ca-certificates.crt are the certificate authorities of Mozilla's root program, from certdata.txt of
NSS (https://hg.mozilla.org/projects/nss), under the Mozilla Public License 2.0 (https://www.mozilla.org/MPL/2.0/), by way of
the Go module golang.org/x/crypto/x509roots/fallback. Those that Mozilla trusts with restrictions are left out.
`

// agentFiles are the agent and what it reads.
func (b *build) agentFiles(arch string) ([]entry, error) {
	program, err := os.ReadFile(b.binaries[arch])
	if err != nil {
		return nil, err
	}
	if err := checkBinary(program, arch); err != nil {
		return nil, fmt.Errorf("%s: %w", b.binaries[arch], err)
	}
	config, err := os.ReadFile(filepath.Join(b.source, b.config))
	if err != nil {
		return nil, err
	}
	files := []entry{
		{path: "etc/tiercel/", mode: 0o755},
		{path: "etc/tiercel/config.d/", mode: 0o755},
		{path: "etc/tiercel/rules.d/", mode: 0o755},
		{path: configFile, mode: 0o644, data: config},
		{path: "usr/", mode: 0o755},
		{path: "usr/bin/", mode: 0o755},
		{path: "usr/bin/tiercel", mode: 0o755, data: program},
		{path: "usr/share/", mode: 0o755},
		{path: "usr/share/doc/", mode: 0o755},
		{path: licencesDir, mode: 0o755},
		{path: "usr/share/tiercel/", mode: 0o755},
		{path: rulesDir, mode: 0o755},
	}
	files = append(files, entry{path: licencesDir + "ca-certificates.txt", mode: 0o644, data: []byte(aboutAuthorities)})
	sources := []struct{ pattern, to string }{
		{filepath.Join(b.source, "rules/default/*.yaml"), rulesDir},
		{filepath.Join(b.source, "LICENSE"), licencesDir},
		{filepath.Join(b.source, "LICENSES/*"), licencesDir},
	}
	if dir := b.notices[arch]; dir != "" {
		sources = append(sources, struct{ pattern, to string }{filepath.Join(dir, "*"), licencesDir})
	}
	for _, from := range sources {
		more, err := copies(from.pattern, from.to)
		if err != nil {
			return nil, err
		}
		files = append(files, more...)
	}
	slices.SortFunc(files, func(x, y entry) int { return strings.Compare(x.path, y.path) })
	return files, nil
}

func copies(pattern, to string) ([]entry, error) {
	names, err := filepath.Glob(pattern)
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("there is no %s", pattern)
	}
	var files []entry
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		files = append(files, entry{path: to + filepath.Base(name), mode: 0o644, data: data})
	}
	return files, nil
}

// checkBinary refuses what could not run in an image without a libc, or on
// that architecture.
func checkBinary(program []byte, arch string) error {
	f, err := elf.NewFile(bytes.NewReader(program))
	if err != nil {
		return err
	}
	machines := map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}
	want, known := machines[arch]
	switch {
	case !known:
		return fmt.Errorf("architecture %s is not known; there are amd64 and arm64", arch)
	case f.Machine != want:
		return fmt.Errorf("is for %s, not for %s", f.Machine, arch)
	case slices.ContainsFunc(f.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP }):
		return fmt.Errorf("is not static (build it with CGO_ENABLED=0)")
	}
	return nil
}

// archive makes a tar of files, all of root and of one time.
func archive(files []entry, at time.Time) ([]byte, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range files {
		h := &tar.Header{Name: f.path, Mode: f.mode, ModTime: at, Typeflag: tar.TypeReg, Size: int64(len(f.data))}
		switch {
		case f.link != "":
			h.Typeflag, h.Linkname = tar.TypeSymlink, f.link
		case strings.HasSuffix(f.path, "/"):
			h.Typeflag = tar.TypeDir
		}
		if err := w.WriteHeader(h); err != nil {
			return nil, err
		}
		if _, err := w.Write(f.data); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// writeTree writes files below a folder that is made anew, for those who build
// with the Dockerfile.
func writeTree(dir string, files []entry) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, f := range files {
		path := filepath.Join(dir, f.path)
		var err error
		switch {
		case f.link != "":
			err = os.Symlink(f.link, path)
		case strings.HasSuffix(f.path, "/"):
			err = os.MkdirAll(path, 0o755)
		default:
			err = os.WriteFile(path, f.data, 0o644)
		}
		if err == nil && f.link == "" {
			err = os.Chmod(path, os.FileMode(f.mode&0o777)|os.ModeSticky*os.FileMode(f.mode>>9&1))
		}
		if err != nil {
			return err
		}
	}
	return nil
}
