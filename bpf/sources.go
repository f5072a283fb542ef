// SPDX-License-Identifier: Apache-2.0

// Package bpf carries the sources of the legacy eBPF probe, which is compiled
// for the kernel that it runs on, and puts them together for that build. The
// probe shares all of its fillers with the other drivers: see package
// drivers/probe.
package bpf

import (
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/tiercel/tiercel/drivers/probe"
)

//go:embed probe/*.c probe/*.h
var sources embed.FS

// WriteSources writes the probe's C into dir, which must exist: probe.c with
// its backend, and the shared headers in probe/.
func WriteSources(dir string) error {
	own, err := fs.Sub(sources, "probe")
	if err != nil {
		return err
	}
	if err := os.CopyFS(dir, own); err != nil {
		return fmt.Errorf("write the probe's sources: %w", err)
	}
	if err := os.CopyFS(filepath.Join(dir, "probe"), probe.Sources); err != nil {
		return fmt.Errorf("write the shared sources: %w", err)
	}
	return nil
}
