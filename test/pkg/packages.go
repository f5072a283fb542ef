// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/tiercel/tiercel/test/vm/disk"
	"github.com/tiercel/tiercel/test/vm/machine"
)

// packages are two releases, as they come from `make packages`, and what is made
// of them to be refused.
type packages struct {
	old, new   string // the deb, the new one with another configuration file
	plain      string // the old deb, not packed: a machine that is emulated takes long to unpack it
	foreign    string // the deb of another architecture
	oldRPM     string
	newRPM     string
	oldVersion string
	newVersion string
}

const (
	oldVersion = "0.1.0-pkgtest"
	newVersion = "0.2.0-pkgtest"
	// newLine is what the new release's configuration has and the old one's lacks.
	newLine = "# a line of the new release\n"
)

// makePackages makes them in dir, or takes those in kept.
func makePackages(ctx context.Context, dir, kept string) (*packages, error) {
	if kept == "" {
		kept = dir
	}
	p := &packages{oldVersion: oldVersion, newVersion: newVersion}
	for _, r := range []struct {
		version  string
		deb, rpm *string
	}{{oldVersion, &p.old, &p.oldRPM}, {newVersion, &p.new, &p.newRPM}} {
		out := filepath.Join(kept, r.version)
		if err := machine.Once(out, func(out string) error {
			return disk.Command(ctx, "make", "-s", "packages", "VERSION="+r.version, "ARGS=-arch amd64 -formats deb,rpm -out "+out)
		}); err != nil {
			return nil, err
		}
		var err1, err2 error
		*r.deb, err1 = one(out, "tiercel_*_amd64.deb")
		*r.rpm, err2 = one(out, "tiercel-[0-9]*.rpm")
		if err := errors.Join(err1, err2); err != nil {
			return nil, err
		}
	}
	var err error
	if p.foreign, err = rewrite(ctx, p.old, filepath.Join(dir, "foreign.deb"), "DEBIAN/control", func(s string) string {
		return strings.Replace(s, "Architecture: amd64", "Architecture: arm64", 1)
	}); err != nil {
		return nil, err
	}
	if p.plain, err = rewrite(ctx, p.old, filepath.Join(dir, "plain.deb"), "etc/tiercel/tiercel.yaml", func(s string) string { return s }); err != nil {
		return nil, err
	}
	p.new, err = rewrite(ctx, p.new, filepath.Join(dir, "new.deb"), "etc/tiercel/tiercel.yaml", func(s string) string { return s + newLine })
	return p, err
}

// one returns the only file that a pattern means.
func one(dir, pattern string) (string, error) {
	found, err := filepath.Glob(filepath.Join(dir, pattern))
	if err == nil && len(found) != 1 {
		err = fmt.Errorf("%s: %d files are %s", dir, len(found), pattern)
	}
	if err != nil {
		return "", err
	}
	return found[0], nil
}

// rewrite makes a deb that differs in one file.
func rewrite(ctx context.Context, from, to, file string, change func(string) string) (string, error) {
	dir := to + ".d"
	if err := disk.Command(ctx, "dpkg-deb", "-R", from, dir); err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	b, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(dir, file), []byte(change(string(b))), 0o644); err != nil {
		return "", err
	}
	// The sums of files are not what is tried here.
	_ = os.Remove(filepath.Join(dir, "DEBIAN/md5sums"))
	out, err := exec.CommandContext(ctx, "dpkg-deb", "-Znone", "-b", dir, to).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("dpkg-deb -b: %w\n%s", err, out)
	}
	return to, nil
}
