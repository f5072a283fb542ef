// SPDX-License-Identifier: Apache-2.0

package modernbpf

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tiercel/tiercel/scap"
)

// devIno returns a file's device in the encoding of stat(2) and its inode.
func devIno(t *testing.T, path string) (uint32, uint64) {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		t.Fatal(err)
	}
	return uint32(st.Dev), st.Ino
}

const atFDCWD = ^uintptr(99) // -100

func TestLiveOpenFamily(t *testing.T) {
	d := running(t, Options{}, scap.SCOpen, scap.SCOpenat, scap.SCOpenat2, scap.SCCreat)
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	dev, ino := devIno(t, file)
	missing := filepath.Join(dir, "missing")
	dirFD, err := unix.Open(dir, unix.O_DIRECTORY|unix.O_PATH, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(dirFD)

	t.Run("open", func(t *testing.T) {
		tid, fd := call(must(t, scap.SCOpen), cstr(file), unix.O_RDWR|unix.O_APPEND|unix.O_CLOEXEC)
		check(t, await(t, d, scap.EvOpenX, byTID(tid)), params{
			"fd": fd, "name": file, "mode": 0, "dev": dev, "ino": ino,
			"flags": scap.FileFlagsORdwr | scap.FileFlagsOAppend | scap.FileFlagsOCloexec,
		})
	})
	t.Run("open of a missing file", func(t *testing.T) {
		tid, _ := call(must(t, scap.SCOpen), cstr(missing), unix.O_WRONLY)
		check(t, await(t, d, scap.EvOpenX, byTID(tid)), params{
			"fd": -int(unix.ENOENT), "name": missing, "flags": scap.FileFlagsOWronly, "mode": 0, "dev": 0, "ino": 0,
		})
	})
	t.Run("open of a bad pointer has no name", func(t *testing.T) {
		tid, _ := call(must(t, scap.SCOpen), 8, unix.O_RDONLY)
		check(t, await(t, d, scap.EvOpenX, byTID(tid)), params{
			"fd": -int(unix.EFAULT), "name": empty, "flags": scap.FileFlagsORdonly, "mode": 0, "dev": 0, "ino": 0,
		})
	})
	t.Run("openat that creates", func(t *testing.T) {
		fresh := filepath.Join(dir, "fresh")
		tid, fd := call(unix.SYS_OPENAT, uintptr(dirFD), cstr("fresh"), unix.O_CREAT|unix.O_EXCL|unix.O_WRONLY|unix.O_TRUNC, 0o4640)
		dev, ino := devIno(t, fresh)
		check(t, await(t, d, scap.EvOpenatV2X, byTID(tid)), params{
			"fd": fd, "dirfd": dirFD, "name": "fresh", "mode": 0o4640, "dev": dev, "ino": ino,
			"flags": scap.FileFlagsOWronly | scap.FileFlagsOCreat | scap.FileFlagsOExcl | scap.FileFlagsOTrunc | scap.FileFlagsOFCreated,
		})
	})
	t.Run("openat of a directory", func(t *testing.T) {
		tid, fd := call(unix.SYS_OPENAT, atFDCWD, cstr(dir), unix.O_DIRECTORY|unix.O_NONBLOCK)
		dev, ino := devIno(t, dir)
		check(t, await(t, d, scap.EvOpenatV2X, byTID(tid)), params{
			"fd": fd, "dirfd": -100, "name": dir, "mode": 0, "dev": dev, "ino": ino,
			"flags": scap.FileFlagsORdonly | scap.FileFlagsODirectory | scap.FileFlagsONonblock,
		})
	})
	t.Run("openat2", func(t *testing.T) {
		how := block(uint64(unix.O_RDONLY|unix.O_CLOEXEC), 0, unix.RESOLVE_BENEATH|unix.RESOLVE_NO_SYMLINKS)
		tid, fd := call(unix.SYS_OPENAT2, uintptr(dirFD), cstr("file"), how, 24)
		check(t, await(t, d, scap.EvOpenat2X, byTID(tid)), params{
			"fd": fd, "dirfd": dirFD, "name": "file", "mode": 0, "dev": dev, "ino": ino,
			"flags":   scap.FileFlagsORdonly | scap.FileFlagsOCloexec,
			"resolve": scap.Openat2FlagsBeneath | scap.Openat2FlagsNoSymlinks,
		})
	})
	t.Run("openat2 that escapes", func(t *testing.T) {
		how := block(uint64(unix.O_RDONLY), 0, unix.RESOLVE_BENEATH)
		tid, _ := call(unix.SYS_OPENAT2, uintptr(dirFD), cstr("/etc/passwd"), how, 24)
		check(t, await(t, d, scap.EvOpenat2X, byTID(tid)), params{
			"fd": -int(unix.EXDEV), "dirfd": dirFD, "name": "/etc/passwd", "mode": 0, "dev": 0, "ino": 0,
			"flags": scap.FileFlagsORdonly, "resolve": scap.Openat2FlagsBeneath,
		})
	})
	t.Run("creat", func(t *testing.T) {
		made := filepath.Join(dir, "made")
		tid, fd := call(must(t, scap.SCCreat), cstr(made), 0o604)
		dev, ino := devIno(t, made)
		check(t, await(t, d, scap.EvCreatX, byTID(tid)), params{
			"fd": fd, "name": made, "mode": 0o604, "dev": dev, "ino": ino, "creat_flags": 0,
		})
	})
}

func TestLiveLayersOfAnOverlay(t *testing.T) {
	dir := t.TempDir()
	lower, upper, work, merged := filepath.Join(dir, "l"), filepath.Join(dir, "u"), filepath.Join(dir, "w"), filepath.Join(dir, "m")
	for _, p := range []string{lower, upper, work, merged} {
		if err := os.Mkdir(p, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	d := running(t, Options{}, scap.SCOpenat)
	if err := os.WriteFile(filepath.Join(lower, "f"), []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("overlay", merged, "overlay", 0, "lowerdir="+lower+",upperdir="+upper+",workdir="+work); err != nil {
		t.Skipf("overlay cannot be mounted here: %v", err)
	}
	defer unix.Unmount(merged, unix.MNT_DETACH)
	name := filepath.Join(merged, "f")
	drain(t, d)
	for _, c := range []struct {
		what  string
		flags uintptr
		layer uint32
	}{
		{"read from the lower layer", unix.O_RDONLY, scap.FileFlagsFDLowerLayer},
		{"written to the upper layer", unix.O_RDWR, scap.FileFlagsFDUpperLayer},
	} {
		tid, _ := call(unix.SYS_OPENAT, atFDCWD, cstr(name), c.flags)
		ev := await(t, d, scap.EvOpenatV2X, byTID(tid))
		if v, _ := ev.Uint(3); uint32(v)&(scap.FileFlagsFDLowerLayer|scap.FileFlagsFDUpperLayer) != c.layer {
			t.Errorf("%s: flags %#x, want layer %#x", c.what, v, c.layer)
		}
	}
}

func TestLiveDescriptors(t *testing.T) {
	d := running(t, Options{}, scap.SCClose, scap.SCDup, scap.SCDup2, scap.SCDup3, scap.SCPipe, scap.SCPipe2)
	var p [2]int
	if err := unix.Pipe(p[:]); err != nil {
		t.Fatal(err)
	}
	r, w := uintptr(p[0]), uintptr(p[1])

	tid, fd := call(unix.SYS_DUP, r)
	check(t, await(t, d, scap.EvDupV1X, byTID(tid)), params{"res": fd, "oldfd": r})
	if nr := native(scap.SCDup2); nr != none {
		tid, ret := call(nr, w, uintptr(fd))
		check(t, await(t, d, scap.EvDup2X, byTID(tid)), params{"res": ret, "oldfd": w, "newfd": fd})
	}
	tid, ret := call(unix.SYS_DUP3, r, uintptr(fd), unix.O_CLOEXEC)
	check(t, await(t, d, scap.EvDup3X, byTID(tid)), params{"res": ret, "oldfd": r, "newfd": fd, "flags": scap.FileFlagsOCloexec})
	tid, _ = call(unix.SYS_CLOSE, uintptr(fd))
	check(t, await(t, d, scap.EvCloseX, byTID(tid)), params{"res": 0, "fd": fd})
	tid, _ = call(unix.SYS_CLOSE, ^uintptr(4))
	check(t, await(t, d, scap.EvCloseX, byTID(tid)), params{"res": -int(unix.EBADF), "fd": -5})

	fds := make([]int32, 2)
	keep(fds)
	inode := func() uint64 {
		var st unix.Stat_t
		if err := unix.Fstat(int(fds[0]), &st); err != nil {
			t.Fatal(err)
		}
		return st.Ino
	}
	if nr := native(scap.SCPipe); nr != none {
		tid, _ = call(nr, address(fds))
		check(t, await(t, d, scap.EvPipeX, byTID(tid)), params{"res": 0, "fd1": fds[0], "fd2": fds[1], "ino": inode()})
	}
	tid, _ = call(unix.SYS_PIPE2, address(fds), unix.O_NONBLOCK)
	check(t, await(t, d, scap.EvPipe2X, byTID(tid)), params{"res": 0, "fd1": fds[0], "fd2": fds[1], "ino": inode(), "flags": scap.FileFlagsONonblock})
	tid, _ = call(unix.SYS_PIPE2, 8, 0)
	check(t, await(t, d, scap.EvPipe2X, byTID(tid)), params{"res": -int(unix.EFAULT), "fd1": -1, "fd2": -1, "ino": 0, "flags": 0})
}

func TestLiveNamesAndDirectories(t *testing.T) {
	d := running(t, Options{}, scap.SCRename, scap.SCRenameat, scap.SCRenameat2, scap.SCUnlink, scap.SCUnlinkat,
		scap.SCMkdir, scap.SCMkdirat, scap.SCRmdir, scap.SCLink, scap.SCLinkat, scap.SCSymlink, scap.SCSymlinkat,
		scap.SCChdir, scap.SCFchdir, scap.SCChmod, scap.SCFchmodat, scap.SCMount, scap.SCUmount2)
	dir := t.TempDir()
	p := func(name string) string { return filepath.Join(dir, name) }
	if err := os.WriteFile(p("a"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	enoent := -int(unix.ENOENT)
	wd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	defer os.Chdir(wd)
	dirFD, err := unix.Open(dir, unix.O_DIRECTORY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(dirFD)

	for _, c := range []struct {
		name string
		nr   uintptr
		args []uintptr
		typ  scap.EventType
		want params
	}{
		{"rename", native(scap.SCRename), []uintptr{cstr(p("a")), cstr(p("b"))}, scap.EvRenameX,
			params{"res": 0, "oldpath": p("a"), "newpath": p("b")}},
		{"renameat of a missing file", native(scap.SCRenameat), []uintptr{atFDCWD, cstr("no"), uintptr(dirFD), cstr("b")}, scap.EvRenameatX,
			params{"res": enoent, "olddirfd": -100, "oldpath": "no", "newdirfd": dirFD, "newpath": "b"}},
		{"renameat2", unix.SYS_RENAMEAT2, []uintptr{uintptr(dirFD), cstr("b"), uintptr(dirFD), cstr("c"), unix.RENAME_NOREPLACE}, scap.EvRenameat2X,
			params{"res": 0, "olddirfd": dirFD, "oldpath": "b", "newdirfd": dirFD, "newpath": "c", "flags": 1}},
		{"link", native(scap.SCLink), []uintptr{cstr(p("c")), cstr(p("l"))}, scap.EvLinkV2X,
			params{"res": 0, "oldpath": p("c"), "newpath": p("l")}},
		{"linkat", unix.SYS_LINKAT, []uintptr{atFDCWD, cstr(p("c")), atFDCWD, cstr(p("l2")), unix.AT_SYMLINK_FOLLOW}, scap.EvLinkatV2X,
			params{"res": 0, "olddir": -100, "oldpath": p("c"), "newdir": -100, "newpath": p("l2"), "flags": 0x400}},
		{"symlink", native(scap.SCSymlink), []uintptr{cstr("target"), cstr(p("s"))}, scap.EvSymlinkX,
			params{"res": 0, "target": "target", "linkpath": p("s")}},
		{"symlinkat", unix.SYS_SYMLINKAT, []uintptr{cstr("target"), uintptr(dirFD), cstr("s2")}, scap.EvSymlinkatX,
			params{"res": 0, "target": "target", "linkdirfd": dirFD, "linkpath": "s2"}},
		{"unlink", native(scap.SCUnlink), []uintptr{cstr(p("l"))}, scap.EvUnlinkV2X, params{"res": 0, "path": p("l")}},
		{"unlinkat of a directory that is none", unix.SYS_UNLINKAT, []uintptr{uintptr(dirFD), cstr("c"), unix.AT_REMOVEDIR}, scap.EvUnlinkatV2X,
			params{"res": -int(unix.ENOTDIR), "dirfd": dirFD, "name": "c", "flags": 0x200}},
		{"mkdir", native(scap.SCMkdir), []uintptr{cstr(p("d")), 0o750}, scap.EvMkdirV2X, params{"res": 0, "path": p("d"), "mode": 0o750}},
		{"mkdirat", unix.SYS_MKDIRAT, []uintptr{atFDCWD, cstr(p("d2")), 0o700}, scap.EvMkdiratX,
			params{"res": 0, "dirfd": -100, "path": p("d2"), "mode": 0o700}},
		{"rmdir", native(scap.SCRmdir), []uintptr{cstr(p("d2"))}, scap.EvRmdirV2X, params{"res": 0, "path": p("d2")}},
		{"chmod to set-user-id", native(scap.SCChmod), []uintptr{cstr(p("c")), 0o4755}, scap.EvChmodX,
			params{"res": 0, "filename": p("c"), "mode": 0o4755}},
		{"fchmodat", unix.SYS_FCHMODAT, []uintptr{uintptr(dirFD), cstr("c"), 0o600}, scap.EvFchmodatX,
			params{"res": 0, "dirfd": dirFD, "filename": "c", "mode": 0o600}},
		{"chdir", unix.SYS_CHDIR, []uintptr{cstr(p("d"))}, scap.EvChdirX, params{"res": 0, "path": p("d")}},
		{"chdir to nowhere", unix.SYS_CHDIR, []uintptr{cstr(p("no"))}, scap.EvChdirX, params{"res": enoent, "path": p("no")}},
		{"fchdir", unix.SYS_FCHDIR, []uintptr{uintptr(dirFD)}, scap.EvFchdirX, params{"res": 0, "fd": dirFD}},
		{"mount of an unknown file system", unix.SYS_MOUNT, []uintptr{cstr("dev"), cstr(p("d")), cstr("nofs"), 0xc0ed0000 | unix.MS_RDONLY | unix.MS_NOSUID, 0}, scap.EvMountX,
			params{"res": -int(unix.ENODEV), "dev": "dev", "dir": p("d"), "type": "nofs", "flags": 3}},
		{"umount2 of what is not mounted", unix.SYS_UMOUNT2, []uintptr{cstr(p("d")), unix.MNT_DETACH}, scap.EvUmount2X,
			params{"res": -int(unix.EINVAL), "name": p("d"), "flags": 2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.nr == none {
				t.Skip("no such call on this architecture")
			}
			tid, _ := call(c.nr, c.args...)
			check(t, await(t, d, c.typ, byTID(tid)), c.want)
		})
	}
}
