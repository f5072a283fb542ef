// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// BuildOptions say what to build, and where.
type BuildOptions struct {
	Release string    // of the kernel
	Arch    string    // of the kernel, as Go says it; "" is this program's
	Headers string    // its build folder; "" is /lib/modules/RELEASE/build
	BTF     string    // a file with its types, to be used instead of headers; see Plan
	Root    string    // where the absolute paths in the headers begin; "" is /
	Dir     string    // gets the sources and all products; must exist and be empty
	Output  io.Writer // what is run and what it says; nil: only shown when it fails
}

// compilers are the three programs that lead from C to an object, all of one
// version.
type compilers struct{ clang, opt, llc string }

// newestClang and oldestClang bound the versions that are looked for by name.
const (
	newestClang = 22
	oldestClang = 14
)

// ErrNoCompiler says that there is no clang with its opt and llc.
var ErrNoCompiler = errors.New("clang and llvm (clang, opt and llc of one version, 14 or newer) are not installed; install the packages clang and llvm")

// ErrNoClang says that there is no clang at all.
var ErrNoClang = errors.New("clang 14 or newer is not installed; install the package clang")

// suffixes of the names of LLVM's programs, newest version first.
func suffixes() []string {
	var s []string
	for v := newestClang; v >= oldestClang; v-- {
		s = append(s, fmt.Sprintf("-%d", v))
	}
	return append(s, "")
}

// findCompilers looks for the newest that are complete.
func findCompilers(look func(string) (string, error)) (compilers, error) {
	for _, suffix := range suffixes() {
		clang, err1 := look("clang" + suffix)
		opt, err2 := look("opt" + suffix)
		llc, err3 := look("llc" + suffix)
		if errors.Join(err1, err2, err3) == nil {
			return compilers{clang, opt, llc}, nil
		}
	}
	return compilers{}, ErrNoCompiler
}

// FindClang returns the newest clang, which is enough to build from BTF; look
// is as for FindCompiler.
func FindClang(look func(string) (string, error)) (string, error) {
	for _, suffix := range suffixes() {
		if clang, err := look("clang" + suffix); err == nil {
			return clang, nil
		}
	}
	return "", ErrNoClang
}

// FindCompiler returns the clang that a probe would be compiled with; look finds
// a program by its name, as exec.LookPath does.
func FindCompiler(look func(string) (string, error)) (string, error) {
	c, err := findCompilers(look)
	return c.clang, err
}

// Build compiles the probe and returns where the object lies. It says what is
// missing before it begins. See Plan for what it compiles against.
func Build(ctx context.Context, o BuildOptions) (string, error) {
	fail := func(err error) (string, error) {
		return "", fmt.Errorf("build the legacy probe for %s: %w", o.Release, err)
	}
	if o.Arch == "" {
		o.Arch = runtime.GOARCH
	}
	o, err := Plan(o)
	if err != nil {
		return fail(err)
	}
	if err := WriteSources(o.Dir); err != nil {
		return fail(err)
	}
	object := filepath.Join(o.Dir, "probe.o")
	if o.BTF != "" {
		err = fromBTF(ctx, &o, object)
	} else {
		var source string
		if source, err = sourceTree(o.Root, o.Headers); err == nil {
			err = fromHeaders(ctx, &o, source, object)
		}
	}
	if err != nil {
		return fail(err)
	}
	return object, nil
}

func runStep(ctx context.Context, step []string, output io.Writer) error {
	cmd := exec.CommandContext(ctx, step[0], step[1:]...)
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if output != nil {
		fmt.Fprintln(output, strings.Join(step, " "))
		cmd.Stdout = io.MultiWriter(output, &log)
		cmd.Stderr = cmd.Stdout
	}
	err := cmd.Run()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		text := log.String()
		if len(text) > maxLog {
			text = text[:maxLog] + "..."
		}
		return fmt.Errorf("%s: %w\n%s", step[0], err, text)
	}
	return nil
}

// maxLog bounds what is told of a compiler's errors: the first ones tell most.
const maxLog = 4 << 10
