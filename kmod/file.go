// SPDX-License-Identifier: Apache-2.0

package kmod

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// StateDir holds what is built on this host, in a folder for each kernel.
const StateDir = "/var/lib/tiercel"

// BuiltPath is where a module is put that is built here. It is not below
// /lib/modules, which may be read-only and belongs to the package manager.
func BuiltPath(release string) string {
	return filepath.Join(StateDir, release, ModuleName+".ko")
}

// places are where a module for a kernel may lie, the preferred one first:
// those of DKMS and of packages, then our own.
func places(release string) []string {
	var out []string
	for _, dir := range []string{"updates/dkms", "extra", "extra/" + ModuleName, "updates"} {
		for _, ext := range []string{".ko", ".ko.xz", ".ko.zst", ".ko.gz"} {
			out = append(out, filepath.Join("/lib/modules", release, dir, ModuleName+ext))
		}
	}
	return append(out, BuiltPath(release))
}

// Files returns the modules for a kernel that there are, the preferred one
// first; root is where / is.
func Files(root, release string) []string {
	var out []string
	for _, p := range places(release) {
		if st, err := os.Stat(root + p); err == nil && st.Mode().IsRegular() {
			out = append(out, p)
		}
	}
	return out
}

// Find returns the first of Files. The error matches fs.ErrNotExist when there
// is none.
func Find(root, release string) (string, error) {
	if all := Files(root, release); len(all) > 0 {
		return all[0], nil
	}
	return "", ErrNoFile(release)
}

// ErrNoFile says where no module was found for a kernel.
func ErrNoFile(release string) error {
	return fmt.Errorf("no module for %s, neither below /lib/modules/%s (updates/dkms, extra, updates) nor as %s: %w",
		release, release, BuiltPath(release), fs.ErrNotExist)
}

// File is what a module's file says of itself.
type File struct {
	Release string // of the kernel that it was built for
	Version string // of the Tiercel that it was built from
	API     string // number of the interface
	Schema  string // see Schema
}

// ErrCompressed says that a file's contents are not looked at.
var ErrCompressed = errors.New("the module is compressed")

// ReadFile reads what the module in a file says of itself.
func ReadFile(path string) (File, error) {
	if !strings.HasSuffix(path, ".ko") {
		return File{}, fmt.Errorf("%s: %w", path, ErrCompressed)
	}
	e, err := elf.Open(path)
	if err != nil {
		return File{}, fmt.Errorf("%s is no kernel module: %w", path, err)
	}
	defer e.Close()
	section := e.Section(".modinfo")
	if section == nil || section.Size > maxModInfo {
		return File{}, fmt.Errorf("%s is no kernel module: it has no section .modinfo", path)
	}
	info, err := section.Data()
	if err != nil {
		return File{}, fmt.Errorf("%s: %w", path, err)
	}
	var f File
	for pair := range bytes.SplitSeq(info, []byte{0}) {
		key, value, _ := strings.Cut(string(pair), "=")
		switch key {
		case "vermagic":
			f.Release, _, _ = strings.Cut(value, " ")
		case "version":
			f.Version = value
		case "api":
			f.API = value
		case "schema":
			f.Schema = value
		}
	}
	return f, nil
}

const maxModInfo = 1 << 16

// Check says whether the module fits a kernel and this program.
func (f File) Check(path, release string) error {
	schema, err := Schema()
	if err != nil {
		return err
	}
	const build = "build the one of this release: tiercel driver build kmod --force"
	switch {
	case f.Release != release:
		return fmt.Errorf("%s was built for the kernel %s, not for %s; %s", path, f.Release, release, build)
	case f.API != strconv.Itoa(apiVersion) || f.Schema != schema:
		return fmt.Errorf("%s is of another version (%s: interface %s, events %s; needed: %d, %s); %s",
			path, f.Version, f.API, f.Schema, apiVersion, schema, build)
	}
	return nil
}
