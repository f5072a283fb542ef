// SPDX-License-Identifier: Apache-2.0

package kmod

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unsafe"

	"github.com/tiercel/tiercel/scap/plane"
)

// The C side of the interface, asked for its sizes and numbers by a program of
// its own, is what the Go side believes.
func TestABI(t *testing.T) {
	gcc, err := exec.LookPath("gcc")
	if err != nil {
		t.Skip("gcc is not installed")
	}
	want := map[string]uint64{
		"sizeof(struct tcl_abi_info)":                     uint64(unsafe.Sizeof(abiInfo{})),
		"sizeof(struct tcl_abi_setup)":                    uint64(unsafe.Sizeof(abiSetup{})),
		"sizeof(struct tcl_abi_ring)":                     uint64(unsafe.Sizeof(abiRing{})),
		"sizeof(struct tcl_abi_plane)":                    uint64(unsafe.Sizeof(plane.Plane{})),
		"sizeof(struct tcl_abi_stats)":                    uint64(unsafe.Sizeof(abiStats{})),
		"sizeof(struct tcl_abi_drops)":                    uint64(unsafe.Sizeof(abiDrops{})),
		"offsetof(struct tcl_abi_info, schema)":           uint64(unsafe.Offsetof(abiInfo{}.Schema)),
		"offsetof(struct tcl_abi_info, version)":          uint64(unsafe.Offsetof(abiInfo{}.Version)),
		"offsetof(struct tcl_abi_setup, boot_offset)":     uint64(unsafe.Offsetof(abiSetup{}.BootOffset)),
		"offsetof(struct tcl_abi_setup, statsd)":          uint64(unsafe.Offsetof(abiSetup{}.Statsd)),
		"offsetof(struct tcl_abi_setup, wake_level)":      uint64(unsafe.Offsetof(abiSetup{}.WakeLevel)),
		"offsetof(struct tcl_abi_setup, rings)":           uint64(unsafe.Offsetof(abiSetup{}.Rings)),
		"offsetof(struct tcl_abi_ring, fd)":               uint64(unsafe.Offsetof(abiRing{}.FD)),
		"offsetof(struct tcl_abi_ring, cpu)":              uint64(unsafe.Offsetof(abiRing{}.CPU)),
		"offsetof(struct tcl_abi_plane, enter)":           uint64(unsafe.Offsetof(plane.Plane{}.Enter)),
		"offsetof(struct tcl_abi_plane, tp)":              uint64(unsafe.Offsetof(plane.Plane{}.TP)),
		"offsetof(struct tcl_abi_stats, drops_recursion)": uint64(unsafe.Offsetof(abiStats{}.DropsRecursion)),
		"offsetof(struct tcl_abi_stats, faults)":          uint64(unsafe.Offsetof(abiStats{}.Faults)),
		"offsetof(struct tcl_abi_stats, drops_class)":     uint64(unsafe.Offsetof(abiStats{}.DropsClass)),
		"TCL_API_VERSION":                                 apiVersion,
		"TCL_SETUP_DROP_FAILED":                           setupDropFailed,
		"TCL_SETUP_REPORT_SELF":                           setupReportSelf,
		"TCL_SETUP_DYNAMIC":                               setupDynamic,
		"TCL_IOC_INFO":                                    uint64(iocInfo), "TCL_IOC_SETUP": uint64(iocSetup), "TCL_IOC_RING": uint64(iocRing),
		"TCL_IOC_SELECT": uint64(iocSelect), "TCL_IOC_START": uint64(iocStart), "TCL_IOC_STOP": uint64(iocStop),
		"TCL_IOC_SAMPLING": uint64(iocSampling), "TCL_IOC_SNAPLEN": uint64(iocSnaplen),
		"TCL_IOC_STATS": uint64(iocStats), "TCL_IOC_DROPS": uint64(iocDrops), "TCL_IOC_NAMES": uint64(iocNames),
	}
	var src bytes.Buffer
	src.WriteString("#include <stddef.h>\n#include <stdio.h>\n#include \"abi.h\"\nint main(void)\n{\n")
	for expr := range want {
		fmt.Fprintf(&src, "\tprintf(\"%%llu %%s\\n\", (unsigned long long)(%s), %q);\n", expr, expr)
	}
	src.WriteString("\treturn 0;\n}\n")
	dir := t.TempDir()
	file, bin := filepath.Join(dir, "abi.c"), filepath.Join(dir, "abi")
	if err := os.WriteFile(file, src.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(gcc, "-Imodule", "-o", bin, file).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	out, err := exec.Command(bin).Output()
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for line := range strings.Lines(string(out)) {
		value, expr, _ := strings.Cut(strings.TrimSpace(line), " ")
		seen++
		if got := fmt.Sprint(want[expr]); got != value {
			t.Errorf("%s is %s in C, %s in Go", expr, value, got)
		}
	}
	if seen != len(want) {
		t.Errorf("%d of %d values came", seen, len(want))
	}
}

func TestSourcesCarryTheirVersion(t *testing.T) {
	dir := t.TempDir()
	for range 2 { // also over what an earlier build has left
		if err := WriteSources(dir, `1.2.3 "quoted" `+strings.Repeat("x", 100)); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(filepath.Join(dir, "version.h"))
	if err != nil {
		t.Fatal(err)
	}
	schema, err := Schema()
	if err != nil || len(schema) != schemaSize-1 {
		t.Fatalf("schema %q: %v", schema, err)
	}
	if !strings.Contains(string(b), `TCL_SCHEMA  "`+schema+`"`) || !strings.Contains(string(b), `1.2.3 \"quoted\" xxx`) {
		t.Errorf("%s", b)
	}
	if m := regexp.MustCompile(`TCL_VERSION (".*")`).FindSubmatch(b); m == nil || len(unquoted(t, m[1])) >= versionSize {
		t.Errorf("the version does not fit into its %d bytes: %s", versionSize, b)
	}
}

func unquoted(t *testing.T, text []byte) string {
	t.Helper()
	s, err := strconv.Unquote(string(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAModuleOfAnotherGenerationIsRefused(t *testing.T) {
	schema, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	if err := (Info{API: apiVersion, Schema: schema, Version: "1.0"}).Check(); err != nil {
		t.Errorf("our own module is refused: %v", err)
	}
	for name, i := range map[string]Info{
		"interface": {API: apiVersion + 1, Schema: schema, Version: "2.0"},
		"events":    {API: apiVersion, Schema: "0123456789abcde", Version: "2.0"},
	} {
		err := i.Check()
		if err == nil || !strings.Contains(err.Error(), "tiercel driver unload kmod") || !strings.Contains(err.Error(), "2.0") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A device of that name that is not ours does not know our questions.
func TestAForeignDeviceIsToldApart(t *testing.T) {
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := readInfo(int(f.Fd())); err == nil || !strings.Contains(err.Error(), "somebody else's module") {
		t.Errorf("error %v", err)
	}
}
