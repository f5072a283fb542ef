// SPDX-License-Identifier: Apache-2.0

package kmod

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/tiercel/tiercel/drivers/probe"
)

//go:embed module/*.c module/*.h module/Kbuild
var module embed.FS

// WriteSources writes a tree into dir, which must exist, that builds with
// make -C /lib/modules/RELEASE/build M=dir. The source tree itself is never
// built in: the kernel's build system leaves its products beside the sources.
// version is what the module will say of itself.
func WriteSources(dir, version string) error {
	own, err := fs.Sub(module, "module")
	if err != nil {
		return err
	}
	for name, tree := range map[string]fs.FS{dir: own, filepath.Join(dir, "probe"): probe.Sources} {
		if err := writeTree(name, tree); err != nil {
			return fmt.Errorf("write the module's sources: %w", err)
		}
	}
	const text = `/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Written together with the sources. */
#ifndef TCL_VERSION_H
#define TCL_VERSION_H

#define TCL_VERSION %q
#define TCL_SCHEMA  %q

#endif
`
	schema, err := Schema()
	if err != nil {
		return err
	}
	if len(version) >= versionSize {
		version = version[:versionSize-1]
	}
	if err := os.WriteFile(filepath.Join(dir, "version.h"), fmt.Appendf(nil, text, version, schema), 0o644); err != nil {
		return fmt.Errorf("write the module's sources: %w", err)
	}
	return nil
}

// writeTree is os.CopyFS that replaces what is there.
func writeTree(dir string, tree fs.FS) error {
	return fs.WalkDir(tree, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		to := filepath.Join(dir, filepath.FromSlash(path))
		if d.IsDir() {
			return os.MkdirAll(to, 0o755)
		}
		b, err := fs.ReadFile(tree, path)
		if err != nil {
			return err
		}
		return os.WriteFile(to, b, 0o644)
	})
}

// Schema names the generation of the events: modules and agents of one
// generation understand each other. It is the beginning of a hash of the
// tables and fillers that are generated from the schema.
func Schema() (string, error) {
	h := sha256.New()
	err := fs.WalkDir(probe.Sources, "gen", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := fs.ReadFile(probe.Sources, path)
		fmt.Fprintf(h, "%s %d\n", path, len(b))
		h.Write(b)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("hash the shared sources: %w", err)
	}
	return hex.EncodeToString(h.Sum(nil))[:schemaSize-1], nil
}
