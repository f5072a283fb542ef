// SPDX-License-Identifier: Apache-2.0

package main

import (
	"archive/tar"
	"bytes"
	"crypto/x509"
	"debug/elf"
	"encoding/binary"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// program is the least that is an executable: a header, and a program header
// for an interpreter if it is to be dynamic.
func program(t *testing.T, machine elf.Machine, dynamic bool) []byte {
	t.Helper()
	h := elf.Header64{
		Ident: [elf.EI_NIDENT]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)},
		Type:  uint16(elf.ET_EXEC), Machine: uint16(machine), Version: uint32(elf.EV_CURRENT), Ehsize: 64, Phentsize: 56,
	}
	var b bytes.Buffer
	if dynamic {
		h.Phoff, h.Phnum = 64, 1
	}
	if err := binary.Write(&b, binary.LittleEndian, h); err != nil {
		t.Fatal(err)
	}
	if dynamic {
		if err := binary.Write(&b, binary.LittleEndian, elf.Prog64{Type: uint32(elf.PT_INTERP)}); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

// newBuild returns a build of the real sources with small programs.
func newBuild(t *testing.T) *build {
	t.Helper()
	dir := t.TempDir()
	b := &build{
		source: "../..", config: "packaging/image/tiercel.yaml", out: filepath.Join(dir, "dist"), name: "example.org/tiercel",
		version: "1.2.3+dirty", revision: "c0ffee", created: time.Unix(1700000000, 0).UTC(), binaries: map[string]string{}, notices: map[string]string{},
	}
	for arch, machine := range map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64} {
		b.binaries[arch] = filepath.Join(dir, arch)
		if err := os.WriteFile(b.binaries[arch], program(t, machine, false), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

func files(t *testing.T, img v1.Image) map[string]*tar.Header {
	t.Helper()
	r := mutate.Extract(img)
	defer r.Close()
	all := map[string]*tar.Header{}
	for tr := tar.NewReader(r); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all[strings.TrimSuffix(h.Name, "/")] = h
	}
}

func TestTheSameInputsGiveTheSameBytes(t *testing.T) {
	b := newBuild(t)
	read := func() map[string]string {
		if err := b.run(); err != nil {
			t.Fatal(err)
		}
		all := map[string]string{}
		names, _ := filepath.Glob(filepath.Join(b.out, "*.tar"))
		for _, name := range names {
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			all[filepath.Base(name)] = string(data)
		}
		return all
	}
	first := read()
	if len(first) != 3 {
		t.Fatalf("%d archives, want one for docker for each architecture and the layout", len(first))
	}
	b.out = filepath.Join(t.TempDir(), "elsewhere")
	for name, data := range read() {
		if first[name] != data {
			t.Errorf("%s differs from one run to the next", name)
		}
	}
}

func TestImageHoldsWhatTheAgentReads(t *testing.T) {
	all, err := newBuild(t).images()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range all {
		there := files(t, m.image)
		for name, mode := range map[string]int64{
			"usr/bin/tiercel": 0o755, "etc/tiercel/tiercel.yaml": 0o644, "etc/tiercel/rules.d": 0o755, "etc/tiercel/config.d": 0o755,
			"usr/share/tiercel/rules/00-vocabulary.yaml": 0o644, "etc/passwd": 0o644, "etc/group": 0o644,
			"etc/ssl/certs/ca-certificates.crt": 0o644, "usr/share/doc/tiercel/LICENSE": 0o644, "tmp": 0o1777,
		} {
			h := there[name]
			switch {
			case h == nil:
				t.Errorf("%s: there is no %s", m.arch, name)
			case h.Mode != mode:
				t.Errorf("%s: %s has mode %o, want %o", m.arch, name, h.Mode, mode)
			}
		}
		for name, h := range there {
			if h.Uid != 0 || h.Gid != 0 || h.Mode&0o6000 != 0 {
				t.Errorf("%s: %s is of %d:%d with mode %o", m.arch, name, h.Uid, h.Gid, h.Mode)
			}
			if h.Mode&0o002 != 0 && name != "tmp" && h.Typeflag != tar.TypeSymlink {
				t.Errorf("%s: everybody may write %s", m.arch, name)
			}
			if strings.Contains(name, "_test.yaml") {
				t.Errorf("%s: tests of rules do not belong into the image: %s", m.arch, name)
			}
		}
	}
}

func TestNoticesGoAlong(t *testing.T) {
	b := newBuild(t)
	b.notices["amd64"] = t.TempDir()
	if err := os.WriteFile(filepath.Join(b.notices["amd64"], "THIRD-PARTY.txt"), []byte("theirs"), 0o600); err != nil {
		t.Fatal(err)
	}
	m, err := b.image("amd64")
	if err != nil {
		t.Fatal(err)
	}
	if h := files(t, m.image)["usr/share/doc/tiercel/THIRD-PARTY.txt"]; h == nil || h.Mode != 0o644 {
		t.Errorf("the licences of others are missing: %+v", h)
	}
	if h := files(t, m.image)["usr/share/doc/tiercel/ca-certificates.txt"]; h == nil {
		t.Error("nothing says whose the certificate authorities are")
	}
}

func TestImageSaysWhatItIs(t *testing.T) {
	all, err := newBuild(t).images()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range all {
		c, err := m.image.ConfigFile()
		if err != nil {
			t.Fatal(err)
		}
		if c.Architecture != m.arch || c.OS != "linux" || !slices.Equal(c.Config.Entrypoint, []string{"/usr/bin/tiercel"}) || !slices.Contains(c.Config.Env, "HOST_ROOT=/host") {
			t.Errorf("%s: %+v", m.arch, c)
		}
		for label, want := range map[string]string{
			"version": "1.2.3+dirty", "revision": "c0ffee", "created": "2023-11-14T22:13:20Z", "source": sourceURL, "licenses": licences,
		} {
			if got := c.Config.Labels["org.opencontainers.image."+label]; got != want {
				t.Errorf("%s: label %s is %q, want %q", m.arch, label, got, want)
			}
		}
	}
}

func TestArchivesAreRead(t *testing.T) {
	b := newBuild(t)
	if err := b.run(); err != nil {
		t.Fatal(err)
	}
	base := filepath.Join(b.out, "tiercel-image-1.2.3-dirty")
	for _, arch := range []string{"amd64", "arm64"} {
		img, err := tarball.ImageFromPath(base+"-docker-"+arch+".tar", nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := validate.Image(img); err != nil {
			t.Errorf("%s: %v", arch, err)
		}
	}
	dir := t.TempDir()
	f, err := os.Open(base + "-oci.tar")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	unpack(t, dir, f)
	idx, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(idx); err != nil {
		t.Error(err)
	}
	top, err := idx.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	inner, err := idx.ImageIndex(top.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	list, err := inner.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	if text, _ := json.Marshal(list); len(list.Manifests) != 2 || list.Manifests[0].Platform.Architecture != "amd64" || list.Manifests[1].Platform.Architecture != "arm64" {
		t.Errorf("the index does not list both architectures: %s", text)
	}
}

func unpack(t *testing.T, dir string, r io.Reader) {
	t.Helper()
	for tr := tar.NewReader(r); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, filepath.FromSlash(h.Name))
		if h.Typeflag == tar.TypeDir {
			err = os.MkdirAll(path, 0o755)
		} else {
			var data []byte
			if data, err = io.ReadAll(tr); err == nil {
				err = os.WriteFile(path, data, 0o600)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestWhatCannotRunIsRefused(t *testing.T) {
	for _, c := range []struct {
		name    string
		program []byte
		want    string
	}{
		{"another architecture", program(t, elf.EM_AARCH64, false), "is for EM_AARCH64, not for amd64"},
		{"a dynamic program", program(t, elf.EM_X86_64, true), "is not static"},
		{"a script", []byte("#!/bin/sh\nexec /usr/lib/tiercel\n"), "bad magic number"},
	} {
		b := newBuild(t)
		if err := os.WriteFile(b.binaries["amd64"], c.program, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := b.images(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q in it", c.name, err, c.want)
		}
	}
	b := newBuild(t)
	b.binaries["mips"] = b.binaries["amd64"]
	if _, err := b.images(); err == nil || !strings.Contains(err.Error(), "there are amd64 and arm64") {
		t.Errorf("an unknown architecture: %v", err)
	}
}

func TestAuthoritiesAreCertificates(t *testing.T) {
	text, err := authorities()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for rest := text; ; n++ {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if c, err := x509.ParseCertificate(block.Bytes); err != nil || !c.IsCA {
			t.Errorf("certificate %d: %v", n, err)
		}
	}
	if n < 50 {
		t.Errorf("%d authorities are too few to be all of them", n)
	}
}

func TestVersionsBecomeTags(t *testing.T) {
	if got := imageTag("1.2.3-dev+c0ffee~1"); got != "1.2.3-dev-c0ffee-1" {
		t.Error(got)
	}
}
