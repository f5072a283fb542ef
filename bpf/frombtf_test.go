// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"

	"github.com/tiercel/tiercel/bpf/btfheaders"
)

// kernelBTF unpacks testdata/NAME.btf.gz: the types of a Debian kernel that the
// probe looks into, and what they are made of.
func kernelBTF(t *testing.T, path string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "btf")
	if err := unpack(path, to); err != nil {
		t.Fatal(err)
	}
	return to
}

func unpack(from, to string) error {
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	b, err := io.ReadAll(z)
	if err != nil {
		return err
	}
	return os.WriteFile(to, b, 0o600)
}

func needClang(t *testing.T) string {
	t.Helper()
	clang, err := FindClang(exec.LookPath)
	if err != nil {
		t.Skipf("needs clang: %v", err)
	}
	return clang
}

// holdsAll checks that an object has what the loader asks for.
func holdsAll(t *testing.T, object string) {
	t.Helper()
	spec, err := ebpf.LoadCollectionSpec(object)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"tcl_sys_exit", "tcl_sys_enter", "tcl_proc_exec_3", "tcl_exit_truth", "x_PPME_SYSCALL_OPENAT_2_X", "e_PPME_SOCKET_CONNECT_E"} {
		if p := spec.Programs[name]; p == nil || p.Type != ebpf.RawTracepoint {
			t.Errorf("program %s: %v", name, p)
		}
	}
	for _, name := range []string{"tcl_slots", "tcl_counts", "tcl_perf", ".data.control", ".data.drops"} {
		if spec.Maps[name] == nil {
			t.Errorf("no map %s", name)
		}
	}
	if len(spec.Programs) < 100 {
		t.Errorf("%d programs, want one for every filler", len(spec.Programs))
	}
}

// compileFromBTF compiles the probe once for all tests: from the running kernel's
// types, or from those of a Debian kernel where it has none.
var compileFromBTF = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "tiercel-bpf-test-")
	if err != nil {
		return "", err
	}
	scratch = dir
	o := BuildOptions{Release: "running", BTF: runningBTF, Dir: filepath.Join(dir, "build")}
	if err := os.Mkdir(o.Dir, 0o755); err != nil {
		return "", err
	}
	if !exists(runningBTF) {
		o.BTF, o.Arch = filepath.Join(dir, "btf"), "amd64"
		if err := unpack("testdata/6.12-amd64.btf.gz", o.BTF); err != nil {
			return "", err
		}
	}
	return Build(context.Background(), o)
})

// scratch is what TestMain removes.
var scratch string

func TestMain(m *testing.M) {
	code := m.Run()
	if scratch != "" {
		_ = os.RemoveAll(scratch)
	}
	os.Exit(code)
}

func objectFromBTF(t *testing.T) string {
	t.Helper()
	needClang(t)
	object, err := compileFromBTF()
	if err != nil {
		t.Fatal(err)
	}
	return object
}

func TestAProbeIsBuiltFromBTFAlone(t *testing.T) {
	t.Parallel()
	holdsAll(t, objectFromBTF(t))
}

// Every kernel of the matrix has the members that the probe reads.
func TestTheProbeReadsWithTheTypesOfEveryKernel(t *testing.T) {
	clang := needClang(t)
	files, err := filepath.Glob("testdata/*.btf.gz")
	if err != nil || len(files) < 6 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".btf.gz")
		t.Run(name, func(t *testing.T) {
			_, arch, _ := strings.Cut(name, "-")
			o := BuildOptions{Arch: arch, Dir: t.TempDir()}
			if err := WriteSources(o.Dir); err != nil {
				t.Fatal(err)
			}
			if err := writeKernelHeader(kernelBTF(t, file), filepath.Join(o.Dir, "kernel.h")); err != nil {
				t.Fatal(err)
			}
			out, err := exec.Command(clang, append(flagsFromBTF(&o), "-fsyntax-only", filepath.Join(o.Dir, mainSource))...).CombinedOutput()
			if err != nil {
				t.Errorf("%v\n%.2000s", err, out)
			}
		})
	}
}

// A kernel may be built without subsystems of control groups; it has no numbers
// for them.
func TestTheProbeReadsAKernelWithoutSomeControlGroups(t *testing.T) {
	clang := needClang(t)
	spec, err := btf.LoadSpec(kernelBTF(t, "testdata/6.12-amd64.btf.gz"))
	if err != nil {
		t.Fatal(err)
	}
	var ids *btf.Enum
	if err := spec.TypeByName("cgroup_subsys_id", &ids); err != nil {
		t.Fatal(err)
	}
	gone := 0
	for i := range ids.Values {
		switch v := &ids.Values[i]; v.Name {
		case "cpuset_cgrp_id", "cpu_cgrp_id", "cpuacct_cgrp_id", "io_cgrp_id", "memory_cgrp_id":
			v.Name = "gone_" + v.Name
			gone++
		}
	}
	if gone != 5 {
		t.Errorf("%d of the subsystems were there", gone)
	}
	o := BuildOptions{Arch: "amd64", Dir: t.TempDir()}
	if err := WriteSources(o.Dir); err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	if err := btfheaders.Write(&text, spec, btfheaders.Options{Types: kernelTypes, Declared: ourTypes, Ask: kernelParts}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(o.Dir, "kernel.h"), text.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(clang, append(flagsFromBTF(&o), "-fsyntax-only", filepath.Join(o.Dir, mainSource))...).CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%.2000s", err, out)
	}
}

func TestBTFThatCannotBeUsedSaysSo(t *testing.T) {
	needClang(t)
	broken := filepath.Join(t.TempDir(), "vmlinux")
	if err := os.WriteFile(broken, []byte("no BTF"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		o    BuildOptions
		says string
	}{
		{BuildOptions{BTF: broken}, "read the BTF in " + broken},
		{BuildOptions{BTF: filepath.Join(t.TempDir(), "none")}, "no such file"},
		{BuildOptions{BTF: broken, Headers: "/h"}, "give one of them"},
		{BuildOptions{Release: "0.0-none"}, "no kernel headers in /lib/modules/0.0-none/build, nor BTF of it; install the headers of this very kernel (Debian, Ubuntu: linux-headers-0.0-none"},
	} {
		c.o.Dir = t.TempDir()
		if _, err := Build(context.Background(), c.o); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%v, want %s", err, c.says)
		}
	}
}

// For the running kernel only its own types will do, raw or in an ELF object.
func TestAnotherKernelsTypesAreRefused(t *testing.T) {
	its, err := os.ReadFile(runningBTF)
	if err != nil {
		t.Skip("this kernel has no BTF")
	}
	other := kernelBTF(t, "testdata/6.12-amd64.btf.gz")
	err = isOfKernel(other, running())
	if err == nil || !strings.Contains(err.Error(), other+" has the BTF of another kernel than the running one; say of which with --kernel") {
		t.Error(err)
	}
	if err := isOfKernel(other, "6.12.0-1"); err != nil {
		t.Error(err)
	}
	same := filepath.Join(t.TempDir(), "btf")
	if err := os.WriteFile(same, its, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := isOfKernel(same, running()); err != nil {
		t.Error(err)
	}
	if self, err := os.Executable(); err != nil {
		t.Error(err)
	} else if err := isOfKernel(self, running()); err == nil || !strings.Contains(err.Error(), "no section .BTF") {
		t.Error(err)
	}
}

func TestHeadersComeBeforeBTFUnlessAskedFor(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"Makefile", "include/generated/autoconf.h"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		o     BuildOptions
		place string
	}{
		{BuildOptions{Release: "6.1", Headers: dir}, ".o"},
		{BuildOptions{Release: "6.1", BTF: "/b"}, "-btf.o"},
	} {
		o, err := Plan(c.o)
		if err != nil {
			t.Fatal(err)
		}
		hash, _ := SourceHash()
		if place, err := o.Place(); place != "/var/lib/tiercel/6.1/probe-"+hash+c.place || err != nil {
			t.Errorf("%+v is kept in %s, %v", c.o, place, err)
		}
	}
	lacks := errors.New("it lacks")
	for _, c := range []struct {
		noHeaders, noCompilers error
		btf, want              string
	}{
		{nil, nil, "/b", "/h "},
		{nil, nil, "", "/h "},
		{nil, lacks, "/b", " /b"},
		{nil, lacks, "", "/h "}, // whose build says what is missing
		{lacks, nil, "/b", " /b"},
		{lacks, lacks, "/b", " /b"},
		{lacks, lacks, "", "it lacks, nor BTF"},
	} {
		o, err := pick(BuildOptions{}, "/h", c.btf, c.noHeaders, c.noCompilers)
		if got := o.Headers + " " + o.BTF; got != c.want && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%+v: %q, %v", c, got, err)
		}
	}
	// The running kernel tells of itself; another one only through files of its own.
	if files := btfFiles("6.1", "6.1"); files[0] != runningBTF {
		t.Error(files)
	}
	if files := btfFiles("6.1", "6.2"); slices.Contains(files, runningBTF) || !slices.Contains(files, "/lib/modules/6.1/build/vmlinux") {
		t.Error(files)
	}
}

func TestProbesOfOtherSourcesAreRemoved(t *testing.T) {
	dir := t.TempDir()
	hash, err := SourceHash()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"probe-" + hash + ".o", "probe-" + hash + "-btf.o", "probe-0123456789ab.o", "probe-0123456789ab-btf.o", "tiercel.ko", "mine.o"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	removed, err := RemoveOld(filepath.Join(dir, "probe-"+hash+".o"))
	if err != nil || len(removed) != 2 {
		t.Errorf("%v, %v", removed, err)
	}
	left, _ := filepath.Glob(filepath.Join(dir, "*"))
	if len(left) != 4 || slices.ContainsFunc(left, func(p string) bool { return strings.Contains(p, "0123456789ab") }) {
		t.Error(left)
	}
}
