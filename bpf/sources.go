// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/tiercel/tiercel/drivers/probe"
	modernbpf "github.com/tiercel/tiercel/modern_bpf"
)

//go:embed probe/*.h
var own embed.FS

// trees are the sources by the folder that they are written to.
func trees() (map[string]fs.FS, error) {
	backend, err := fs.Sub(own, "probe")
	if err != nil {
		return nil, err
	}
	shell, err := fs.Sub(modernbpf.Shell, "bpf")
	if err != nil {
		return nil, err
	}
	return map[string]fs.FS{".": backend, "shell": shell, "probe": probe.Sources}, nil
}

// mainSource is what is compiled, relative to where the sources are written.
const mainSource = "shell/probe.bpf.c"

// WriteSources writes the probe's C into dir, which must exist: the backend,
// what it has in common with the modern probe in shell/, and the shared headers
// in probe/.
func WriteSources(dir string) error {
	all, err := trees()
	if err != nil {
		return err
	}
	for name, tree := range all {
		if err := os.CopyFS(filepath.Join(dir, name), tree); err != nil {
			return fmt.Errorf("write the probe's sources: %w", err)
		}
	}
	return nil
}

// SourceHash names the sources: objects of one hash are interchangeable.
func SourceHash() (string, error) {
	all, err := trees()
	if err != nil {
		return "", err
	}
	h := sha256.New()
	for _, name := range []string{".", "shell", "probe"} {
		err := fs.WalkDir(all[name], ".", func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			b, err := fs.ReadFile(all[name], path)
			fmt.Fprintf(h, "%s/%s %d\n", name, path, len(b))
			h.Write(b)
			return err
		})
		if err != nil {
			return "", fmt.Errorf("hash the probe's sources: %w", err)
		}
	}
	return hex.EncodeToString(h.Sum(nil))[:12], nil
}

// stateDir holds what is built on this host, in a folder for each kernel.
const stateDir = "/var/lib/tiercel"

// BuiltPath is where the probe for a kernel is kept, by its sources, when it was
// built against headers.
func BuiltPath(release string) (string, error) {
	paths, err := BuiltPaths(release)
	if err != nil {
		return "", err
	}
	return paths[0], nil
}

// BuiltPaths are all places where the probe for a kernel may be, in the order in
// which the agent looks: built against headers, built from BTF.
func BuiltPaths(release string) ([]string, error) {
	hash, err := SourceHash()
	if err != nil {
		return nil, err
	}
	stem := filepath.Join(stateDir, release, "probe-"+hash)
	return []string{stem + ".o", stem + "-btf.o"}, nil
}

// Place is where the product of a build with these options is kept; they come
// from Plan.
func (o *BuildOptions) Place() (string, error) {
	paths, err := BuiltPaths(o.Release)
	if err != nil {
		return "", err
	}
	if o.BTF != "" {
		return paths[1], nil
	}
	return paths[0], nil
}

// RemoveOld removes the probes beside the given one that were built from other
// sources: no program asks for them any more. It returns their paths.
func RemoveOld(kept string) (removed []string, err error) {
	hash, err := SourceHash()
	if err != nil {
		return nil, err
	}
	all, err := filepath.Glob(filepath.Join(filepath.Dir(kept), "probe-*.o"))
	var failed []error
	for _, path := range all {
		if path == kept || strings.HasPrefix(filepath.Base(path), "probe-"+hash) {
			continue
		}
		if e := os.Remove(path); e != nil {
			failed = append(failed, e)
			continue
		}
		removed = append(removed, path)
	}
	return removed, errors.Join(append(failed, err)...)
}
