// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// archiveWriter writes a cpio archive in the newc format, which the kernel
// unpacks as its first root (Documentation/driver-api/early-userspace).
type archiveWriter struct {
	w   *bufio.Writer
	n   int64
	ino int
	err error
}

func (a *archiveWriter) write(p []byte) {
	if a.err == nil {
		_, a.err = a.w.Write(p)
		a.n += int64(len(p))
	}
}

func (a *archiveWriter) pad() { a.write(make([]byte, (4-a.n%4)%4)) }

func (a *archiveWriter) entry(name string, mode uint32, content []byte) {
	a.ino++
	a.write(fmt.Appendf(nil, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X",
		a.ino, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name)+1, 0))
	a.write(append([]byte(name), 0))
	a.pad()
	a.write(content)
	a.pad()
}

const (
	modeDir  = 0o040755
	modeFile = 0o100755
	modeLink = 0o120777
)

// writeInitramfs writes files (name in the archive to file on disk) and the
// folders that they are in. Symbolic links are name to target.
func writeInitramfs(out io.Writer, files, links map[string]string, texts map[string]string) error {
	a := &archiveWriter{w: bufio.NewWriterSize(out, 1<<20)}
	dirs := map[string]bool{".": true, "/": true}
	var mkdir func(dir string)
	mkdir = func(dir string) {
		if dirs[dir] {
			return
		}
		mkdir(filepath.Dir(dir))
		dirs[dir] = true
		a.entry(dir, modeDir, nil)
	}
	for _, d := range []string{"proc", "sys", "dev", "tmp"} {
		mkdir(d)
	}
	for name, path := range files {
		mkdir(filepath.Dir(name))
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		a.entry(name, modeFile, b)
	}
	for name, text := range texts {
		mkdir(filepath.Dir(name))
		a.entry(name, modeFile, []byte(text))
	}
	for name, target := range links {
		mkdir(filepath.Dir(name))
		a.entry(name, modeLink, []byte(target))
	}
	a.ino = 0
	a.entry("TRAILER!!!", 0, nil)
	if a.err != nil {
		return a.err
	}
	return a.w.Flush()
}
