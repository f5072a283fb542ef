// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/tiercel/tiercel/bpf"
	"github.com/tiercel/tiercel/kmod"
	"github.com/tiercel/tiercel/test/vm/machine"
)

// builtDrivers are the drivers that DKMS or an administrator would have built
// for the machine's kernel: file here to place there.
type builtDrivers map[string]string

// buildDrivers builds them with this machine's compilers against the headers of
// the kernel's packages, which are unpacked, not installed.
func buildDrivers(ctx context.Context, dir string, k *machine.Kernel) (builtDrivers, error) {
	root := filepath.Join(dir, "headers")
	names, err := k.Archive.KernelPackages("linux-headers-" + k.Release)
	if err != nil {
		return nil, err
	}
	for _, n := range names {
		if strings.HasPrefix(n, "linux-headers-") || strings.HasPrefix(n, "linux-kbuild-") {
			if err := k.Archive.Fetch(root, n); err != nil {
				return nil, err
			}
		}
	}
	headers := filepath.Join(root, "usr/src/linux-headers-"+k.Release)
	out := filepath.Join(dir, "module")
	probe := filepath.Join(dir, "probe")
	for _, d := range []string{out, probe} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return nil, err
		}
	}
	object, err := bpf.Build(ctx, bpf.BuildOptions{Release: k.Release, Headers: headers, Root: root, Dir: probe})
	if err != nil {
		return nil, err
	}
	if err := relocate(root, headers); err != nil {
		return nil, err
	}
	ko, err := kmod.Build(ctx, kmod.BuildOptions{Release: k.Release, Headers: headers, Dir: out, Version: oldVersion})
	if err != nil {
		return nil, err
	}
	place, err := bpf.BuiltPath(k.Release)
	if err != nil {
		return nil, err
	}
	return builtDrivers{ko: fmt.Sprintf("/usr/lib/modules/%s/updates/dkms/%s.ko", k.Release, kmod.ModuleName), object: place}, nil
}

// relocate makes the headers' makefile find its other half where it lies.
func relocate(root, headers string) error {
	path := filepath.Join(headers, "Makefile")
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	text := strings.ReplaceAll(string(b), " /usr/src/", " "+root+"/usr/src/")
	return os.WriteFile(path, []byte(text), 0o644)
}
