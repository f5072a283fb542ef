// SPDX-License-Identifier: Apache-2.0

// Command slim takes out of a compiled probe what its loader does not use, so
// that less is embedded and parsed at start: line numbers, relocations of the
// type information itself, and the address table of the linker. What is left
// of .BTF.ext are functions and CO-RE relocations.
//
//	go run ./internal/slim -objcopy llvm-objcopy-19 probe_x86_bpfel.o ...
package main

import (
	"debug/elf"
	"encoding/binary"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

func main() {
	objcopy := flag.String("objcopy", "llvm-objcopy-19", "the tool that rewrites sections")
	flag.Parse()
	for _, path := range flag.Args() {
		if err := slim(path, *objcopy); err != nil {
			fmt.Fprintf(os.Stderr, "slim %s: %v\n", path, err)
			os.Exit(1)
		}
	}
}

func slim(path, objcopy string) error {
	f, err := elf.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	sec := f.Section(".BTF.ext")
	if sec == nil {
		return fmt.Errorf("no .BTF.ext section (compiled without -g?)")
	}
	ext, err := sec.Data()
	if err != nil {
		return err
	}
	ext, err = withoutLines(ext)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "slim")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	part := filepath.Join(dir, "btf.ext")
	if err := os.WriteFile(part, ext, 0o600); err != nil {
		return err
	}
	out, err := exec.Command(objcopy, "--remove-section=.rel.BTF.ext", "--remove-section=.rel.BTF",
		"--remove-section=.llvm_addrsig", "--update-section=.BTF.ext="+part, path).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", objcopy, err, out)
	}
	return nil
}

// Header of .BTF.ext (Documentation/bpf/btf.rst of Linux); offsets count from
// its end.
type extHeader struct {
	Magic                    uint16
	Version, Flags           uint8
	HdrLen                   uint32
	FuncInfoOff, FuncInfoLen uint32
	LineInfoOff, LineInfoLen uint32
	CoreOff, CoreLen         uint32
}

const (
	btfMagic       = 0xeb9f
	lineRecordSize = 16
)

// withoutLines rebuilds the section with an empty table of lines.
func withoutLines(ext []byte) ([]byte, error) {
	var h extHeader
	n, err := binary.Decode(ext, binary.LittleEndian, &h)
	if err != nil || h.Magic != btfMagic || int(h.HdrLen) != n {
		return nil, fmt.Errorf("unexpected header of .BTF.ext")
	}
	body := ext[h.HdrLen:]
	cut := func(off, length uint32) ([]byte, error) {
		if uint64(off)+uint64(length) > uint64(len(body)) {
			return nil, fmt.Errorf(".BTF.ext ends within a table")
		}
		return body[off : off+length], nil
	}
	funcs, err := cut(h.FuncInfoOff, h.FuncInfoLen)
	if err != nil {
		return nil, err
	}
	relos, err := cut(h.CoreOff, h.CoreLen)
	if err != nil {
		return nil, err
	}
	// A table begins with the size of its records, even when it has none.
	lines := binary.LittleEndian.AppendUint32(nil, lineRecordSize)

	h.FuncInfoOff = 0
	h.LineInfoOff = uint32(len(funcs))
	h.LineInfoLen = uint32(len(lines))
	h.CoreOff = h.LineInfoOff + h.LineInfoLen
	out, err := binary.Append(nil, binary.LittleEndian, &h)
	if err != nil {
		return nil, err
	}
	out = append(out, funcs...)
	out = append(out, lines...)
	return append(out, relos...), nil
}
