// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

// Kernels before 6.8 refuse a loop that does not end with a jump (check_cfg in
// kernel/bpf/verifier.c): one whose last instruction merely stands before its
// first. Compilers differ in how they lay a loop out, so what each of them makes
// is looked at, without such a kernel.
func TestLoopsEndWithAJump(t *testing.T) {
	objects := map[string]string{"modern_bpf": "../modern_bpf/probe_x86_bpfel.o", "modern_bpf on arm64": "../modern_bpf/probe_arm64_bpfel.o"}
	for _, name := range []string{"clang-14", "clang-16", "clang-19"} {
		if object := builtBy(t, name); object != "" {
			objects[name] = object
		}
	}
	for name, object := range objects {
		spec, err := ebpf.LoadCollectionSpec(object)
		if err != nil {
			t.Fatal(err)
		}
		for prog, p := range spec.Programs {
			if at, bad := fallsBack(p.Instructions); bad {
				t.Errorf("%s: %s: instruction %d ends a loop without a jump", name, prog, at)
			}
		}
	}
}

// builtBy returns the probe that this compiler makes, "" where it is not there.
func builtBy(t *testing.T, clang string) string {
	t.Helper()
	path, err := exec.LookPath(clang)
	if err != nil {
		t.Logf("%s is not installed", clang)
		return ""
	}
	dir := t.TempDir()
	o := BuildOptions{Release: "6.1.0-0-test", Arch: "amd64", BTF: kernelBTF(t, "testdata/6.1-amd64.btf.gz"), Dir: filepath.Join(dir, "build"), Output: t.Output()}
	object := filepath.Join(dir, "probe.o")
	if err := WriteSources(o.Dir); err != nil {
		t.Fatal(err)
	}
	if err := writeKernelHeader(o.BTF, filepath.Join(o.Dir, "kernel.h")); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(context.Background(), path, append(flagsFromBTF(&o), "-c", filepath.Join(o.Dir, mainSource), "-o", object)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", clang, err, out)
	}
	if _, err := os.Stat(object); err != nil {
		t.Fatal(err)
	}
	return object
}

// edge is a way from an instruction to another; free is one that may go back.
type edge struct {
	to   int
	free bool
}

// fallsBack walks the program as the kernel does, in depth, and returns the
// first instruction from which it goes back without a jump.
func fallsBack(insns asm.Instructions) (int, bool) {
	at := map[int]int{} // raw offset to index
	offsets := make([]int, len(insns))
	raw := 0
	for i, ins := range insns {
		at[raw], offsets[i] = i, raw
		raw += int(ins.Size()) / asm.InstructionSize
	}
	next := func(i int) []edge {
		ins := insns[i]
		op := ins.OpCode.JumpOp()
		jump := ins.OpCode.Class().IsJump() && op != asm.Call && op != asm.Exit
		switch {
		case op == asm.Exit && ins.OpCode.Class().IsJump():
			return nil
		case !jump:
			return []edge{{i + 1, false}}
		}
		far := edge{at[offsets[i]+1+int(ins.Offset)], true}
		if op == asm.Ja {
			return []edge{far}
		}
		return []edge{{i + 1, true}, far}
	}
	const (
		onPath = 1 + iota
		done
	)
	state := make([]int, len(insns)+1)
	type step struct {
		at   int
		left []edge
	}
	path := []step{{0, next(0)}}
	state[0] = onPath
	for len(path) > 0 {
		s := &path[len(path)-1]
		if len(s.left) == 0 {
			state[s.at] = done
			path = path[:len(path)-1]
			continue
		}
		e := s.left[0]
		s.left = s.left[1:]
		switch {
		case e.to >= len(insns):
		case state[e.to] == onPath && !e.free:
			return s.at, true
		case state[e.to] == 0:
			state[e.to] = onPath
			path = append(path, step{e.to, next(e.to)})
		}
	}
	return 0, false
}

// The walk finds a loop that ends without a jump, and no other.
func TestFallsBackIsTheKernelsRule(t *testing.T) {
	exit := asm.Return()
	jump := func(off int16) asm.Instruction {
		ins := asm.Ja.Label("")
		ins.Offset = off
		return ins
	}
	unless := func(off int16) asm.Instruction {
		ins := asm.JEq.Imm(asm.R1, 0, "")
		ins.Offset = off
		return ins
	}
	nop := asm.Mov.Imm(asm.R0, 0)
	for name, c := range map[string]struct {
		insns asm.Instructions
		bad   bool
	}{
		"straight":            {asm.Instructions{nop, exit}, false},
		"a jump back":         {asm.Instructions{nop, unless(1), jump(-3), exit}, false},
		"a fall into the top": {asm.Instructions{jump(1), nop, unless(-2), exit}, true},
	} {
		if at, bad := fallsBack(c.insns); bad != c.bad {
			t.Errorf("%s: %v at %d, want %v", name, bad, at, c.bad)
		}
	}
}
