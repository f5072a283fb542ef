// SPDX-License-Identifier: Apache-2.0

// Package kmod carries the sources of the kernel module and puts them together
// for a build on the machine that it will run on. The module shares all of its
// fillers with the eBPF drivers: see package drivers/probe.
package kmod

import (
	"embed"
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
func WriteSources(dir string) error {
	own, err := fs.Sub(module, "module")
	if err != nil {
		return err
	}
	if err := os.CopyFS(dir, own); err != nil {
		return fmt.Errorf("write the module's sources: %w", err)
	}
	if err := os.CopyFS(filepath.Join(dir, "probe"), probe.Sources); err != nil {
		return fmt.Errorf("write the shared sources: %w", err)
	}
	return nil
}
