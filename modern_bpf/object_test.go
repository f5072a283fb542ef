// SPDX-License-Identifier: Apache-2.0

package modernbpf

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/scap/plane"
)

// objects are the compiled probes of all architectures.
func objects(t *testing.T) map[string]*ebpf.CollectionSpec {
	t.Helper()
	specs := make(map[string]*ebpf.CollectionSpec)
	files, _ := filepath.Glob("probe_*_bpfel.o")
	for _, f := range files {
		spec, err := ebpf.LoadCollectionSpec(f)
		if err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		specs[f] = spec
	}
	if len(specs) != 2 {
		t.Fatalf("objects for %d architectures: %v", len(specs), files)
	}
	return specs
}

// Linux 5.10 is the oldest kernel that the probe is made for.
const (
	newestHelperOf510 = asm.FnRedirectPeer // bpf_redirect_peer, the last one in 5.10's bpf.h
	programLimit      = 4096               // what unprivileged and very old kernels take; ours stay far below the million
)

// The verifier of 5.10 must know every instruction and every helper.
func TestObjectsNeedNothingNewerThanLinux510(t *testing.T) {
	for file, spec := range objects(t) {
		for name, p := range spec.Programs {
			if len(p.Instructions) > programLimit {
				t.Errorf("%s: %s has %d instructions", file, name, len(p.Instructions))
			}
			for i := range p.Instructions {
				ins := &p.Instructions[i]
				if ins.IsBuiltinCall() && asm.BuiltinFunc(ins.Constant) > newestHelperOf510 {
					t.Errorf("%s: %s calls %v", file, name, asm.BuiltinFunc(ins.Constant))
				}
				if ins.IsKfuncCall() {
					t.Errorf("%s: %s calls a kernel function", file, name)
				}
				if class := ins.OpCode.Class(); class == asm.StXClass && ins.OpCode.Mode() == asm.AtomicMode {
					// Addition without fetch is as old as eBPF, everything else came with 5.12.
					if ins.Constant != 0 {
						t.Errorf("%s: %s uses an atomic operation with result", file, name)
					}
				}
			}
		}
	}
}

// Calls and tail calls in one program need 5.10, on arm64 6.0.
func TestNoProgramBothCallsAndTailCalls(t *testing.T) {
	for file, spec := range objects(t) {
		for name, p := range spec.Programs {
			calls, tails := false, false
			for i := range p.Instructions {
				ins := &p.Instructions[i]
				calls = calls || ins.IsFunctionCall()
				tails = tails || ins.IsBuiltinCall() && asm.BuiltinFunc(ins.Constant) == asm.FnTailCall
			}
			if calls && tails {
				t.Errorf("%s: %s has both", file, name)
			}
		}
	}
}

// Every event that a current driver makes has its programs, but for those that
// arrive as the generic event on purpose.
func TestEveryEventHasItsPrograms(t *testing.T) {
	generic := map[scap.EventType]bool{scap.EvQuotactlX: true}
	for file, spec := range objects(t) {
		p := &programs{spec: spec}
		var missing []string
		for i := range scap.Events {
			ev := &scap.Events[i]
			if ev.Status != scap.StatusDriver || ev.Class != scap.ClassSyscall || ev.Code.IsEnter() || ev.Code == scap.EvGenericX {
				continue
			}
			if p.program(ev.Code) == "" && !generic[ev.Code] {
				missing = append(missing, ev.Enum)
			}
		}
		if len(missing) > 0 {
			t.Logf("%s: these arrive as the generic event: %s", file, strings.Join(missing, " "))
		}
		if len(missing) > 5 {
			t.Errorf("%s: %d events have no program", file, len(missing))
		}
	}
}

// What the loader takes for the layout of shared memory is what was compiled.
func TestSharedLayouts(t *testing.T) {
	for file, spec := range objects(t) {
		for _, c := range []struct {
			name string
			size uintptr
			at   map[string]uintptr
		}{
			{"tcl_calls", unsafe.Sizeof(plane.Calls{}), map[string]uintptr{
				"native": unsafe.Offsetof(plane.Calls{}.Native), "ia32": unsafe.Offsetof(plane.Calls{}.IA32)}},
			{"tcl_plane", unsafe.Sizeof(plane.Plane{}), map[string]uintptr{
				"exit": unsafe.Offsetof(plane.Plane{}.Exit), "enter": unsafe.Offsetof(plane.Plane{}.Enter), "tp": unsafe.Offsetof(plane.Plane{}.TP)}},
			{"tcl_control", unsafe.Sizeof(control{}), map[string]uintptr{
				"active": unsafe.Offsetof(control{}.Active), "self": unsafe.Offsetof(control{}.Self),
				"boot_offset": unsafe.Offsetof(control{}.BootOffset), "plane": unsafe.Offsetof(control{}.Plane),
				"sampling": unsafe.Offsetof(control{}.Sampling), "silent": unsafe.Offsetof(control{}.Silent), "marking": unsafe.Offsetof(control{}.Marking),
				"all_names": unsafe.Offsetof(control{}.AllNames), "zero": unsafe.Sizeof(control{}) - 4}},
			{"tcl_counters", unsafe.Sizeof(counters{}), map[string]uintptr{
				"seen": unsafe.Offsetof(counters{}.Seen), "delivered": unsafe.Offsetof(counters{}.Delivered),
				"drops_ring": unsafe.Offsetof(counters{}.DropsRing), "drops_page": unsafe.Offsetof(counters{}.DropsPage),
				"drops_scratch": unsafe.Offsetof(counters{}.DropsScratch), "drops_class": unsafe.Offsetof(counters{}.DropsClass),
				"faults": unsafe.Offsetof(counters{}.Faults), "sampled": unsafe.Offsetof(counters{}.Sampled),
				"no_slot": unsafe.Offsetof(counters{}.NoSlot)}},
		} {
			var s *btf.Struct
			if err := spec.Types.TypeByName(c.name, &s); err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			if uintptr(s.Size) != c.size || len(s.Members) != len(c.at) {
				t.Errorf("%s: struct %s has %d bytes and %d members, Go has %d and %d", file, c.name, s.Size, len(s.Members), c.size, len(c.at))
			}
			for _, m := range s.Members {
				if want, ok := c.at[m.Name]; !ok || uintptr(m.Offset.Bytes()) != want {
					t.Errorf("%s: %s.%s is at %d, Go has %d (%v)", file, c.name, m.Name, m.Offset.Bytes(), want, ok)
				}
			}
		}
		if got := spec.Maps[mapDrops].ValueSize; got != 8*callTable {
			t.Errorf("%s: drops by call have %d bytes, Go has %d", file, got, 8*callTable)
		}
		if got := spec.Maps[mapSlots].MaxEntries; got != slots {
			t.Errorf("%s: %d slots a CPU, Go has %d", file, got, slots)
		}
		if got := spec.Maps[mapTailExit].MaxEntries; got != firstTailPart+tailParts {
			t.Errorf("%s: tail table of %d entries, Go needs %d", file, got, firstTailPart+tailParts)
		}
		if n := len(scap.Events); n > firstTailPart {
			t.Errorf("%d event codes, parts begin at %d", n, firstTailPart)
		}
	}
}

// The selection is made with the schema's table, the probe maps with its own.
func TestTheObjectMaps32BitNumbersAsTheSchemaDoes(t *testing.T) {
	v := objects(t)["probe_x86_bpfel.o"].Variables["tcl_nr_of_ia32"]
	table := make([]int16, v.Size()/2)
	if err := v.Get(table); err != nil || len(table) != plane.Table {
		t.Fatalf("%d entries: %v", len(table), err)
	}
	for nr, native := range table {
		if want := scap.IA32Number(nr); int(native) != want {
			t.Errorf("32-bit call %d is %d, the schema says %d", nr, native, want)
		}
	}
}

func hostObject() string {
	if runtime.GOARCH == "arm64" {
		return "probe_arm64_bpfel.o"
	}
	return "probe_x86_bpfel.o"
}

// The committed object is what the pinned compiler makes of the sources; make
// check-generate says the same of all architectures.
func TestObjectIsReproducible(t *testing.T) {
	for _, tool := range []string{"clang-19", "llvm-strip-19", "llvm-objcopy-19"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed (Debian: apt-get install clang-19 llvm-19)", tool)
		}
	}
	if testing.Short() {
		t.Skip("compiles the probe")
	}
	dir := t.TempDir()
	out, err := exec.Command("sh", "-c", generateCommand(t, dir)).CombinedOutput()
	if err != nil {
		t.Fatalf("generate: %v\n%s", err, out)
	}
	for _, f := range []string{hostObject()} {
		want, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join(dir, f))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not what the sources compile to: run go generate ./modern_bpf and commit", f)
		}
	}
}

// generateCommand is what doc.go tells go generate, with its products in dir.
func generateCommand(t *testing.T, dir string) string {
	t.Helper()
	src, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	var script []string
	for line := range strings.Lines(string(src)) {
		if cmd, ok := strings.CutPrefix(line, "//go:generate "); ok {
			cmd = strings.TrimSpace(cmd)
			cmd = strings.Replace(cmd, "bpf2go ", "bpf2go -go-package modernbpf -output-dir "+dir+" ", 1)
			cmd = strings.Replace(cmd, "amd64,arm64", runtime.GOARCH, 1)
			cmd = strings.Replace(cmd, "probe_x86_bpfel.o probe_arm64_bpfel.o", filepath.Join(dir, hostObject()), 1)
			script = append(script, cmd)
		}
	}
	return strings.Join(script, " && ")
}
