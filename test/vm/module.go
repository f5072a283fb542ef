// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/tiercel/tiercel/kmod"
	"github.com/tiercel/tiercel/test/vm/machine"
)

// buildModule compiles the module in that root, with all warnings of the
// compiler and of sparse, none of which may come.
func buildModule(cache, tools string, g *guestKernel) (string, error) {
	dir := filepath.Join(tools, "build", g.Release)
	if err := emptyFolder(dir); err != nil {
		return "", err
	}
	if err := kmod.WriteSources(dir, "vmtest"); err != nil {
		return "", err
	}
	if err := checkers(cache, tools, g); err != nil {
		return "", err
	}
	out, err := makeModule(tools, g, g.Release, "W=1", "C=2", "CF=-fmax-warnings=unlimited", "KERNELDOC=true", "PYTHON3=true")
	if err != nil {
		return "", err
	}
	if line := warns.Find(out); line != nil {
		return "", fmt.Errorf("build the module for %s: there are warnings\n%s", g.Release, machine.Tail(string(out), 3000))
	}
	// The kernel's makefiles go on without sparse when they do not like it.
	sources, err := filepath.Glob("kmod/module/*.c")
	if err != nil {
		return "", err
	}
	if n := bytes.Count(out, []byte("CHECK ")); n != len(sources) {
		return "", fmt.Errorf("build the module for %s: sparse looked at %d of %d files\n%s", g.Release, n, len(sources), machine.Tail(string(out), 3000))
	}
	return filepath.Join(dir, "tiercel.ko"), nil
}

// warns finds what a compiler or sparse says of a source; the kernel's
// makefiles warn of other things, too.
var warns = regexp.MustCompile(`\.[ch]:\d+:(\d+:)? (warning|error):`)

// checkers puts sparse into the root, and takes care of what W=1 and C=2 want
// that Debian's headers come without.
func checkers(cache, tools string, g *guestKernel) error {
	if _, err := os.Stat(tools + "/usr/bin/sparse"); err != nil {
		suite := g.Suite
		if suite != "bookworm" {
			suite = "forky" // 0.6.4 does not understand the headers of 7.x
		}
		a, err := machine.NewArchive(cache, "sparse-"+suite, machine.AMD64.Name, "debian "+suite)
		if err != nil {
			return err
		}
		if err := a.Fetch(tools, "sparse"); err != nil {
			return err
		}
	}
	// Comments in the format of kernel-doc, which is a script in perl, are not used.
	if err := os.Symlink("true", tools+"/usr/bin/perl"); err != nil && !os.IsExist(err) {
		return err
	}
	folders, err := filepath.Glob(tools + "/usr/src/linux-headers-*-common/scripts")
	if err != nil {
		return err
	}
	for _, dir := range folders { // from 7.x on makefiles ask it, and the packages lack it
		name := filepath.Join(dir, "checker-valid.sh")
		if _, err := os.Stat(name); err == nil {
			continue
		}
		if err := os.WriteFile(name, []byte("#!/bin/sh\necho 1\n"), 0o755); err != nil {
			return err
		}
	}
	return nil
}

// makeModule runs the kernel's makefiles over /build/NAME of the root.
func makeModule(tools string, g *guestKernel, name string, vars ...string) ([]byte, error) {
	script := `mknod -m 666 /dev/null c 1 3 2>/dev/null; export PATH=/usr/bin:/usr/sbin:/bin:/sbin; ` +
		`exec make -j4 -C ` + headersOf(g) + ` M=/build/` + name + ` CC=gcc HOSTCC=gcc modules ` + strings.Join(vars, " ")
	if g.Arch == machine.ARM64 {
		script += ` ARCH=arm64 CROSS_COMPILE=aarch64-linux-gnu- CC=aarch64-linux-gnu-gcc-12`
	}
	out, err := chroot(tools, script)
	if err != nil {
		return nil, fmt.Errorf("build the module for %s: %w\n%s", g.Release, err, machine.Tail(string(out), 3000))
	}
	return out, nil
}

// otherModules are modules of our name that the agent must not take for its
// own: by name, what makes them different. An empty entry is somebody else's.
var otherModules = map[string]struct{ file, from, to string }{
	"other-api":    {"abi.h", "#define TCL_API_VERSION ", "#define TCL_API_VERSION 9"},
	"other-schema": {"version.h", `#define TCL_SCHEMA  "`, `#define TCL_SCHEMA  "-`},
	"foreign":      {},
}

const foreign = `// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include <linux/module.h>
MODULE_DESCRIPTION("somebody else's module of the same name");
MODULE_LICENSE("Dual MIT/GPL");
`

// buildOthers makes those modules and returns their files by name.
func buildOthers(tools string, g *guestKernel) (map[string]string, error) {
	files := map[string]string{}
	for name, o := range otherModules {
		folder := g.Release + "-" + name
		dir := filepath.Join(tools, "build", folder)
		if err := os.RemoveAll(dir); err != nil {
			return nil, err
		}
		// With the times of files, so that only what is changed is built again.
		if out, err := exec.CommandContext(context.Background(), "cp", "-a", filepath.Join(tools, "build", g.Release), dir).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("%w: %s", err, out)
		}
		var err error
		if o.file == "" {
			err = makeForeign(dir)
		} else {
			err = replaceIn(filepath.Join(dir, o.file), o.from, o.to)
		}
		if err != nil {
			return nil, err
		}
		if _, err := makeModule(tools, g, folder); err != nil {
			return nil, err
		}
		files[name] = filepath.Join(dir, "tiercel.ko")
	}
	return files, nil
}

func replaceIn(path, from, to string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if !bytes.Contains(b, []byte(from)) {
		return fmt.Errorf("%s has no %q", path, from)
	}
	return os.WriteFile(path, bytes.Replace(b, []byte(from), []byte(to), 1), 0o644)
}

// makeForeign leaves a module without a device in the folder.
func makeForeign(dir string) error {
	if err := emptyFolder(dir); err != nil {
		return err
	}
	for name, text := range map[string]string{"Kbuild": "obj-m := tiercel.o\n", "tiercel.c": foreign} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}
