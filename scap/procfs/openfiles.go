// SPDX-License-Identifier: Apache-2.0

package procfs

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

//go:generate go tool bpf2go -cc clang-19 -strip llvm-strip-19 -target amd64,arm64 -no-global-types -cflags "-O2 -g -Wall -Wextra -Werror -mcpu=v3" openFiles bpf/openfiles.bpf.c

// iterateFrom is the number of processes from which on it pays to ask for all
// descriptors at once: loading the iterator costs about as much as reading the
// descriptors of a thousand processes.
const iterateFrom = 1000

// maxOpenFiles bounds the memory for descriptors that are not yet handed out.
// The processes behind it are read from /proc.
const maxOpenFiles = 256 << 20

// initPidNS is the inode of the first pid namespace (linux/proc_ns.h). The
// iterator tells the ids of that one.
const initPidNS = 0xeffffffc

// openFiles are the open descriptors of many processes, as a BPF iterator told
// them. It does not change once it is read.
type openFiles struct {
	records []byte
	of      map[int64]int // pid -> where its records begin
}

// Layout of a record: struct record of bpf/openfiles.bpf.c.
const (
	fileOffTGID  = 4
	fileOffTID   = 8
	fileOffFD    = 12
	fileOffFlags = 16
	fileOffMount = 20
	fileOffDev   = 24
	fileOffMode  = 28
	fileOffIno   = 32
	fileOffStart = 40
	fileHead     = 48
)

// iterate asks the kernel for all open descriptors. The error tells that it
// does not do that (before Linux 5.12), or not for us.
func iterate() (*openFiles, error) {
	spec, err := loadOpenFiles()
	if err != nil {
		return nil, err
	}
	coll, err := ebpf.NewCollection(spec)
	if err != nil {
		return nil, fmt.Errorf("load the iterator: %w", err)
	}
	defer coll.Close()
	it, err := link.AttachIter(link.IterOptions{Program: coll.Programs["tcl_open_files"]})
	if err != nil {
		return nil, fmt.Errorf("attach the iterator: %w", err)
	}
	defer it.Close()
	from, err := it.Open()
	if err != nil {
		return nil, fmt.Errorf("open the iterator: %w", err)
	}
	defer from.Close()
	f := &openFiles{of: make(map[int64]int)}
	return f, f.read(from)
}

// read takes all records. The kernel hands out whole ones.
func (f *openFiles) read(from io.Reader) error {
	buf := make([]byte, 64<<10)
	for len(f.records) < maxOpenFiles {
		n, err := from.Read(buf)
		if n > 0 {
			if !f.add(buf[:n]) {
				return errors.New("the iterator gave half a record")
			}
			continue
		}
		if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil && err != io.EOF {
			return fmt.Errorf("read the iterator: %w", err)
		}
		return nil
	}
	// The process that was being told may lack some: it is read from /proc.
	f.drop()
	return nil
}

// add takes whole records. Those of threads that do not share the descriptors
// of their process are left out.
func (f *openFiles) add(b []byte) bool {
	for len(b) > 0 {
		if len(b) < fileHead {
			return false
		}
		size := int(binary.NativeEndian.Uint32(b))
		if size < fileHead || size > len(b) {
			return false
		}
		tgid := int64(binary.NativeEndian.Uint32(b[fileOffTGID:]))
		if tgid == int64(binary.NativeEndian.Uint32(b[fileOffTID:])) {
			if _, known := f.of[tgid]; !known {
				f.of[tgid] = len(f.records)
			}
			f.records = append(f.records, b[:size]...)
		}
		b = b[size:]
	}
	return true
}

// drop forgets the process whose records came last.
func (f *openFiles) drop() {
	last, at := int64(0), -1
	for pid, i := range f.of {
		if i > at {
			last, at = pid, i
		}
	}
	if at >= 0 {
		delete(f.of, last)
	}
}

// openFile is a record. The link is what readlink gives.
type openFile struct {
	num                    int64
	flags, mount, dev, mod uint32
	ino                    uint64
	link                   []byte
}

// process returns the records of a process that began that many clock ticks
// after the boot; ok is false when nothing is known of it.
func (f *openFiles) process(pid int64, ticks uint64) (records []byte, ok bool) {
	if f == nil {
		return nil, false
	}
	at, ok := f.of[pid]
	if !ok {
		return nil, false
	}
	records = f.records[at:]
	// Its pid may have been given to another one since.
	start := binary.NativeEndian.Uint64(records[fileOffStart:])
	return records, start/(1e9/ticksPerSecond) == ticks
}

// nextFile takes the first record of a process off.
func nextFile(records []byte, pid int64) (o openFile, rest []byte, ok bool) {
	if len(records) < fileHead || int64(binary.NativeEndian.Uint32(records[fileOffTGID:])) != pid {
		return o, nil, false
	}
	size := binary.NativeEndian.Uint32(records)
	u32 := func(at int) uint32 { return binary.NativeEndian.Uint32(records[at:]) }
	o = openFile{
		num:   int64(u32(fileOffFD)),
		flags: u32(fileOffFlags),
		mount: u32(fileOffMount),
		// MKDEV of the kernel: 20 bits of minor number.
		dev:  encodeDev(u32(fileOffDev)>>20, u32(fileOffDev)&(1<<20-1)),
		mod:  u32(fileOffMode),
		ino:  binary.NativeEndian.Uint64(records[fileOffIno:]),
		link: bytes.TrimSuffix(records[fileHead:size], []byte{0}),
	}
	return o, records[size:], true
}

// iterate asks for all descriptors where that pays and is possible, for the
// scan that begins.
func (r *Reader) iterate() {
	r.files = nil
	if r.opts.NoFDs || r.opts.NoIterators || r.root != "" || r.hostPidNS != initPidNS || len(r.pids) < r.iterateFrom {
		return
	}
	if f, err := iterate(); err == nil {
		r.files = f
	}
}

// knownFDs fills in p.FDs from what the iterator told; false: it told nothing.
func (r *Reader) knownFDs(o owner, p *Process, ticks uint64) bool {
	records, ok := r.files.process(p.PID, ticks)
	if !ok {
		return false
	}
	links := fdDirs{fds: noDir, infos: noDir}
	defer links.close()
	for {
		var f openFile
		if f, records, ok = nextFile(records, p.PID); !ok {
			return true
		}
		if r.opts.MaxFDs > 0 && len(p.FDs) == r.opts.MaxFDs {
			p.FDsCut = true
			return true
		}
		fd, ok := r.knownFD(o, &links, &f)
		if !ok {
			// Only /proc tells the rest.
			if fd, ok = r.linkedFD(o, &links, f.num); !ok {
				continue
			}
		}
		p.FDs = append(p.FDs, fd)
	}
}

// knownFD makes a descriptor of a record; ok is false when there is more to
// know of it.
func (r *Reader) knownFD(o owner, d *fdDirs, f *openFile) (fd FD, ok bool) {
	if len(f.link) == 0 {
		return fd, false
	}
	fd = FD{Num: f.num, Flags: OpenFlags(f.flags), MountID: f.mount}
	if f.link[0] == '/' {
		r.fileOf(o, f.link, f.mod, f.ino, f.dev, &fd)
		return fd, true
	}
	if ino, isSocket := linkInode(f.link, "socket"); isSocket {
		s, ok := r.socket(o.dir, o.netns, ino)
		if !ok {
			if !d.open(o) {
				return fd, false
			}
			s = socketProtocol(d.fds, decimalText(f.num))
			s.path = string(f.link)
		}
		s.fill(ino, &fd)
		return fd, true
	}
	r.plainFD(f.link, 0, &fd)
	return fd, fd.Type != FDPidfd
}

// fdDirs are the directories of a process's descriptors, opened when needed.
type fdDirs struct{ fds, infos dir }

func (d *fdDirs) close() {
	if d.fds != noDir {
		d.fds.close()
	}
	if d.infos != noDir {
		d.infos.close()
	}
}

// open opens them unless they are open.
func (d *fdDirs) open(o owner) bool {
	if d.fds != noDir {
		return true
	}
	var err error
	if d.fds, err = openPath(o.dir, "fd"); err != nil {
		d.fds = noDir
		return false
	}
	if d.infos, err = openPath(o.dir, "fdinfo"); err != nil {
		d.infos = noDir
	}
	return true
}

func (r *Reader) linkedFD(o owner, d *fdDirs, num int64) (FD, bool) {
	if !d.open(o) {
		return FD{}, false
	}
	return r.readFD(o, d.fds, d.infos, num)
}
