// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// BTF returns a file with the kernel's types: the vmlinux of its headers, which
// Debian has from 6.12 on, or the one inside of its image.
func (k *Kernel) BTF(cache string) (string, error) {
	path := filepath.Join(cache, "btf-"+k.Release)
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	image, err := os.ReadFile(k.Image)
	if err != nil {
		return "", err
	}
	vmlinux, err := unpackImage(image)
	if errors.Is(err, errCompression) {
		vmlinux, err = k.headersELF(cache)
	}
	if err != nil {
		return "", fmt.Errorf("types of kernel %s: %w", k.Release, err)
	}
	f, err := elf.NewFile(bytes.NewReader(vmlinux))
	if err != nil {
		return "", err
	}
	types := f.Section(".BTF")
	if types == nil {
		return "", fmt.Errorf("kernel %s has no types", k.Release)
	}
	raw, err := types.Data()
	if err != nil {
		return "", err
	}
	return path, os.WriteFile(path, raw, 0o644)
}

// headersELF returns the file with types among the kernel's headers.
func (k *Kernel) headersELF(cache string) ([]byte, error) {
	dir, err := os.MkdirTemp(cache, "headers-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	if err := k.Archive.Fetch(dir, "linux-headers-"+k.Release); err != nil {
		return nil, err
	}
	return os.ReadFile(filepath.Join(dir, "usr/src/linux-headers-"+k.Release, "vmlinux"))
}

// errCompression says that an image is packed in another way than lz4.
var errCompression = errors.New("the kernel's image is not packed with lz4")

// unpackImage returns the ELF file in a bzImage (Documentation/arch/x86/boot.rst).
func unpackImage(image []byte) ([]byte, error) {
	const sectors, offset, length = 0x1f1, 0x248, 0x24c
	if len(image) < length+4 || string(image[0x202:0x206]) != "HdrS" {
		return nil, errCompression
	}
	begin := (int(image[sectors])+1)*512 + int(binary.LittleEndian.Uint32(image[offset:]))
	end := begin + int(binary.LittleEndian.Uint32(image[length:]))
	if begin < 0 || end > len(image) || end-begin < 12 {
		return nil, errors.New("the image is cut off")
	}
	payload := image[begin:end]
	if binary.LittleEndian.Uint32(payload) != 0x184c2102 { // lz4's older frame
		return nil, errCompression
	}
	size := binary.LittleEndian.Uint32(payload[len(payload)-4:])
	if size > 1<<29 {
		return nil, fmt.Errorf("unpacked it would have %d bytes", size)
	}
	out := make([]byte, 0, size)
	for in := payload[4 : len(payload)-4]; len(in) >= 4; {
		n := int(binary.LittleEndian.Uint32(in))
		if n > len(in)-4 {
			return nil, errors.New("a block is cut off")
		}
		var err error
		if out, err = unpackLZ4(out, in[4:4+n]); err != nil {
			return nil, err
		}
		in = in[4+n:]
	}
	if uint32(len(out)) != size {
		return nil, fmt.Errorf("unpacked to %d bytes, want %d", len(out), size)
	}
	return out, nil
}

var errLZ4 = errors.New("damaged lz4 block")

// unpackLZ4 appends what a block holds (lz4_Block_format.md).
func unpackLZ4(out, in []byte) ([]byte, error) {
	first := len(out)
	// A length of 15 goes on in the bytes that follow.
	more := func(n int) (int, bool) {
		if n != 15 {
			return n, true
		}
		for len(in) > 0 {
			b := in[0]
			in, n = in[1:], n+int(b)
			if b != 255 {
				return n, true
			}
		}
		return 0, false
	}
	for len(in) > 0 {
		token := in[0]
		in = in[1:]
		literals, ok := more(int(token >> 4))
		if !ok || literals > len(in) {
			return nil, errLZ4
		}
		out, in = append(out, in[:literals]...), in[literals:]
		if len(in) == 0 {
			return out, nil
		}
		if len(in) < 2 {
			return nil, errLZ4
		}
		back := int(binary.LittleEndian.Uint16(in))
		in = in[2:]
		match, ok := more(int(token & 15))
		if !ok || back == 0 || back > len(out)-first {
			return nil, errLZ4
		}
		for range match + 4 {
			out = append(out, out[len(out)-back])
		}
	}
	return nil, errLZ4
}
