// SPDX-License-Identifier: Apache-2.0

// Package dkms lays out the sources of the kernel module as DKMS wants them in
// /usr/src/tiercel-VERSION, so that the module is built again for each kernel
// that is installed.
package dkms

import (
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/tiercel/tiercel/kmod"
)

var (
	//go:embed dkms.conf
	conf string
	//go:embed Makefile
	makefile string
)

// versions that can stand in a path and in dkms.conf, which is a shell script.
var versions = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z.+~-]{0,62}$`)

// Write makes dir and puts all that DKMS needs into it. version is that of the
// package, and what the module will say of itself.
func Write(dir, version string) error {
	if !versions.MatchString(version) {
		return fmt.Errorf("version %q: must begin with a letter or a digit and have at most 63 of these, dots, pluses, tildes and dashes", version)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := kmod.WriteSources(dir, version); err != nil {
		return err
	}
	for name, text := range map[string]string{"dkms.conf": strings.ReplaceAll(conf, "@VERSION@", version), "Makefile": makefile} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}
