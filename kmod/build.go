// SPDX-License-Identifier: Apache-2.0

package kmod

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// ModuleName is the module's name: tiercel.ko, /sys/module/tiercel.
const ModuleName = "tiercel"

// BuildOptions say what to build, and where.
type BuildOptions struct {
	Release string    // of the kernel; "" is the running one
	Headers string    // its build folder; "" is /lib/modules/RELEASE/build
	Dir     string    // gets the sources and all products; must exist
	Version string    // what the module says of itself
	Output  io.Writer // what make prints; nil: only shown when it fails
}

// Release returns the release of the running kernel.
func Release() (string, error) {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return "", fmt.Errorf("ask for the kernel's release: %w", err)
	}
	return unix.ByteSliceToString(u.Release[:]), nil
}

// Build compiles the module against a kernel's headers and returns where it
// lies. It says what is missing before it begins.
func Build(ctx context.Context, o BuildOptions) (string, error) {
	if o.Release == "" {
		release, err := Release()
		if err != nil {
			return "", err
		}
		o.Release = release
	}
	if o.Headers == "" {
		o.Headers = "/lib/modules/" + o.Release + "/build"
	}
	if _, err := os.Stat(filepath.Join(o.Headers, "Makefile")); err != nil {
		return "", fmt.Errorf("build the module for %s: no kernel headers in %s; install those of this very kernel "+
			"(Debian, Ubuntu: linux-headers-%s; Fedora, RHEL: kernel-devel-%s), or use modern_bpf", o.Release, o.Headers, o.Release, o.Release)
	}
	if _, err := exec.LookPath("make"); err != nil {
		return "", fmt.Errorf("build the module for %s: make is not installed; install make and gcc", o.Release)
	}
	if err := WriteSources(o.Dir, o.Version); err != nil {
		return "", err
	}
	args := []string{"-C", o.Headers, "M=" + o.Dir, fmt.Sprintf("-j%d", runtime.NumCPU()), "modules"}
	if builtByClang(o.Headers) {
		args = append(args, "LLVM=1")
	}
	cmd := exec.CommandContext(ctx, "make", args...)
	cmd.Env = makeEnviron(os.Environ())
	var log tail
	cmd.Stdout = &log
	if o.Output != nil {
		cmd.Stdout = io.MultiWriter(o.Output, &log)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return "", fmt.Errorf("build the module for %s: %w", o.Release, ctx.Err())
		}
		return "", fmt.Errorf("build the module for %s: make in %s: %w\n%s", o.Release, o.Headers, err, log.text())
	}
	ko := filepath.Join(o.Dir, ModuleName+".ko")
	if _, err := os.Stat(ko); err != nil {
		return "", fmt.Errorf("build the module for %s: make succeeded, but left no module\n%s", o.Release, log.text())
	}
	return ko, nil
}

// makeEnviron is the environment of a make that is no part of the one that may
// have started this program: what that one was told is not meant for it.
func makeEnviron(env []string) []string {
	env = slices.DeleteFunc(slices.Clone(env), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return name == "MAKEFLAGS" || name == "MFLAGS" || name == "MAKEOVERRIDES" || name == "MAKELEVEL" || name == "GNUMAKEFLAGS"
	})
	return append(env, "LC_ALL=C")
}

// builtByClang reports whether the kernel was built by LLVM's tools, so that its
// modules must be, too.
func builtByClang(headers string) bool {
	b, err := os.ReadFile(filepath.Join(headers, "include/config/auto.conf"))
	return err == nil && bytes.Contains(b, []byte("\nCONFIG_CC_IS_CLANG=y\n"))
}

// tail keeps the end of what is written to it.
type tail struct{ b []byte }

const tailBytes = 8 << 10

// Write implements io.Writer.
func (t *tail) Write(p []byte) (int, error) {
	t.b = append(t.b, p...)
	if len(t.b) > 2*tailBytes {
		t.b = append(t.b[:0], t.b[len(t.b)-tailBytes:]...)
	}
	return len(p), nil
}

func (t *tail) text() string {
	b := t.b
	if len(b) > tailBytes {
		b = b[len(b)-tailBytes:]
	}
	return strings.TrimSpace(string(b))
}

// Load puts the module in the file into the kernel.
func Load(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("load the module: %w; tiercel driver build kmod makes it", err)
	}
	defer f.Close()
	flags := 0
	if !strings.HasSuffix(path, ".ko") {
		flags = unix.MODULE_INIT_COMPRESSED_FILE // since Linux 5.17
	}
	err = unix.FinitModule(int(f.Fd()), "", flags)
	if err == nil {
		return nil
	}
	return fmt.Errorf("load the module %s: %w%s", path, err, loadAdvice(err))
}

// loadAdvice says what to do about the errors of finit_module(2).
func loadAdvice(err error) string {
	switch {
	case errors.Is(err, unix.EEXIST):
		return ": a module of this name is loaded already (tiercel driver status); unload it first"
	case errors.Is(err, unix.ENOEXEC):
		return ": it was built for another kernel; tiercel driver build kmod makes one for this kernel (the kernel's log says more: dmesg)"
	case errors.Is(err, unix.EKEYREJECTED), errors.Is(err, unix.ENOKEY):
		return ": this kernel takes signed modules only (Secure Boot); sign it with an enrolled key (mokutil --import), or use modern_bpf"
	case errors.Is(err, unix.EPERM):
		return ": needs CAP_SYS_MODULE, and a kernel that is not locked down and lets modules be loaded (kernel.modules_disabled)"
	case errors.Is(err, unix.EOPNOTSUPP):
		return ": this kernel is built without the tracepoints of system calls; use modern_bpf where it runs"
	}
	return ""
}

// Unload takes the module out of the kernel. It fails while somebody uses it.
func Unload() error {
	err := unix.DeleteModule(ModuleName, unix.O_NONBLOCK)
	switch {
	case err == nil, errors.Is(err, unix.ENOENT):
		return nil
	case errors.Is(err, unix.EWOULDBLOCK), errors.Is(err, unix.EBUSY):
		return fmt.Errorf("unload the module: it is in use; end its consumers (fuser -v %s)", devicePath)
	}
	return fmt.Errorf("unload the module: %w%s", err, loadAdvice(err))
}

// Loaded reports whether a module of our name is in the kernel.
func Loaded() bool {
	_, err := os.Stat("/sys/module/" + ModuleName)
	return err == nil
}

// ReadInfo asks the loaded module what it is, without becoming a consumer.
func ReadInfo() (Info, error) {
	fd, err := openDevice()
	if err != nil {
		return Info{}, err
	}
	defer unix.Close(fd)
	return readInfo(fd)
}
