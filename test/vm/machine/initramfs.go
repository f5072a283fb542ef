// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Initramfs writes a cpio archive in the newc format, which the kernel unpacks
// as its first root (Documentation/driver-api/early-userspace). Several may
// follow each other in one file: the later one wins.
//
// The first error ends it, and Close returns that error.
type Initramfs struct {
	w    *bufio.Writer
	n    int64
	ino  int
	dirs map[string]bool
	err  error
}

// NewInitramfs begins an archive with the folders that every root has.
func NewInitramfs(w io.Writer) *Initramfs {
	a := &Initramfs{w: bufio.NewWriterSize(w, 1<<20), dirs: map[string]bool{".": true, "/": true}}
	for _, d := range []string{"proc", "sys", "dev", "tmp"} {
		a.Dir(d)
	}
	return a
}

func (a *Initramfs) write(p []byte) {
	if a.err == nil {
		_, a.err = a.w.Write(p)
		a.n += int64(len(p))
	}
}

func (a *Initramfs) pad() { a.write(make([]byte, (4-a.n%4)%4)) }

// header begins an entry; device is that of a device node.
func (a *Initramfs) header(name string, mode uint32, size int64, device uint64) {
	a.ino++
	major, minor := uint32(device>>8&0xfff), uint32(device&0xff|device>>12&0xfff00)
	a.write(fmt.Appendf(nil, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X",
		a.ino, mode, 0, 0, 1, 0, size, 0, 0, major, minor, len(name)+1, 0))
	a.write(append([]byte(name), 0))
	a.pad()
}

func (a *Initramfs) entry(name string, mode uint32, content []byte) {
	a.header(name, mode, int64(len(content)), 0)
	a.write(content)
	a.pad()
}

// Dir adds a folder and those that it is in.
func (a *Initramfs) Dir(dir string) {
	if a.dirs[dir] {
		return
	}
	a.Dir(filepath.Dir(dir))
	a.dirs[dir] = true
	a.entry(dir, syscall.S_IFDIR|0o755, nil)
}

// Text adds a file with this content, and its folder.
func (a *Initramfs) Text(name, content string, perm uint32) {
	a.Dir(filepath.Dir(name))
	a.entry(name, syscall.S_IFREG|perm, []byte(content))
}

// Link adds a symbolic link, and its folder.
func (a *Initramfs) Link(name, target string) {
	a.Dir(filepath.Dir(name))
	a.entry(name, syscall.S_IFLNK|0o777, []byte(target))
}

// File adds a file of the host as an executable one, and its folder.
func (a *Initramfs) File(name, path string) {
	a.Dir(filepath.Dir(name))
	a.copy(name, path, syscall.S_IFREG|0o755)
}

func (a *Initramfs) copy(name, path string, mode uint32) {
	if a.err != nil {
		return
	}
	f, err := os.Open(path)
	if err != nil {
		a.err = err
		return
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		a.err = err
		return
	}
	a.header(name, mode, st.Size(), 0)
	n, err := io.CopyN(a.w, f, st.Size())
	if err != nil {
		a.err = fmt.Errorf("%s: %w", path, err)
	}
	a.n += n
	a.pad()
}

// Tree adds what is below dir under the name prefix ("" is the root), with its
// modes; owner is root. What skip tells is left out, by its path below dir.
func (a *Initramfs) Tree(prefix, dir string, skip func(rel string) bool) {
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || a.err != nil {
			return errors.Join(err, a.err)
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if skip != nil && rel != "." && skip(rel) {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		return a.node(filepath.Join(prefix, rel), path, info)
	})
	if a.err == nil {
		a.err = err
	}
}

// node adds what lies at path as it is.
func (a *Initramfs) node(name, path string, info fs.FileInfo) error {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return fmt.Errorf("%s: no such information here", path)
	}
	switch st.Mode & syscall.S_IFMT {
	case syscall.S_IFDIR:
		if a.dirs[name] {
			return nil
		}
		a.Dir(filepath.Dir(name))
		a.dirs[name] = true
		a.entry(name, st.Mode, nil)
	case syscall.S_IFLNK:
		target, err := os.Readlink(path)
		if err != nil {
			return err
		}
		a.Link(name, target)
	case syscall.S_IFREG:
		a.Dir(filepath.Dir(name))
		a.copy(name, path, st.Mode)
	case syscall.S_IFCHR, syscall.S_IFBLK:
		a.Dir(filepath.Dir(name))
		a.header(name, st.Mode, 0, st.Rdev)
	}
	return a.err // sockets and pipes have no use
}

// Close ends the archive.
func (a *Initramfs) Close() error {
	a.ino = 0
	a.entry("TRAILER!!!", 0, nil)
	if a.err != nil {
		return a.err
	}
	return a.w.Flush()
}
