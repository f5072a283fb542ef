// SPDX-License-Identifier: Apache-2.0

package procfs

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// fileRecord is a record as the kernel writes it.
func fileRecord(tgid, tid, fd uint32, start uint64, path string) []byte {
	b := make([]byte, fileHead, fileHead+len(path)+1)
	if path != "" {
		b = append(append(b, path...), 0)
	}
	binary.NativeEndian.PutUint32(b, uint32(len(b)))
	binary.NativeEndian.PutUint32(b[fileOffTGID:], tgid)
	binary.NativeEndian.PutUint32(b[fileOffTID:], tid)
	binary.NativeEndian.PutUint32(b[fileOffFD:], fd)
	binary.NativeEndian.PutUint32(b[fileOffFlags:], 0o2)
	binary.NativeEndian.PutUint32(b[fileOffMount:], 7)
	binary.NativeEndian.PutUint32(b[fileOffDev:], 254<<20|300)
	binary.NativeEndian.PutUint32(b[fileOffMode:], unix.S_IFREG|0o600)
	binary.NativeEndian.PutUint64(b[fileOffIno:], 99)
	binary.NativeEndian.PutUint64(b[fileOffStart:], start)
	return b
}

func TestRecordsAreFoundByProcess(t *testing.T) {
	f := &openFiles{of: map[int64]int{}}
	stream := bytes.Join([][]byte{
		fileRecord(5, 5, 0, 20e6, "/a"), fileRecord(5, 5, 3, 20e6, "/b"),
		fileRecord(6, 7, 0, 10e6, "/thread"), // one that does not share them
		fileRecord(8, 8, 1, 30e6, ""),
	}, nil)
	if err := f.read(bytes.NewReader(stream)); err != nil {
		t.Fatal(err)
	}
	records, ok := f.process(5, 2)
	if !ok {
		t.Fatal("process 5 is not there")
	}
	var links []string
	for {
		o, rest, ok := nextFile(records, 5)
		if !ok {
			break
		}
		links = append(links, string(o.link))
		records = rest
		if o.flags != 2 || o.mount != 7 || o.ino != 99 || o.dev != encodeDev(254, 300) || o.mod != unix.S_IFREG|0o600 {
			t.Errorf("%+v", o)
		}
	}
	if diff := cmp.Diff([]string{"/a", "/b"}, links); diff != "" {
		t.Error(diff)
	}
	for _, c := range []struct {
		name  string
		pid   int64
		ticks uint64
	}{{"whose pid is used again", 5, 3}, {"with a thread of its own table only", 6, 1}, {"that is not known", 9, 0}} {
		if _, ok := f.process(c.pid, c.ticks); ok {
			t.Errorf("process %d is there, %s", c.pid, c.name)
		}
	}
	if records, _ := f.process(8, 3); records == nil {
		t.Error("process 8 is not there")
	} else if _, known := New("", Options{}).knownFD(owner{}, &fdDirs{}, &openFile{}); known {
		t.Error("a descriptor without a path is taken for known")
	}
	f.drop()
	if _, ok := f.process(8, 3); ok {
		t.Error("the last process is still there after drop")
	}
}

func TestHalfRecordsAreRefused(t *testing.T) {
	whole := fileRecord(1, 1, 0, 0, "/x")
	for n := 1; n < len(whole); n++ {
		f := &openFiles{of: map[int64]int{}}
		if f.add(whole[:n]) {
			t.Errorf("%d of %d bytes are taken", n, len(whole))
		}
	}
}

func FuzzRecords(f *testing.F) {
	f.Add(fileRecord(1, 1, 0, 0, "/x"))
	f.Add([]byte{48, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		files := &openFiles{of: map[int64]int{}}
		files.add(b)
		for pid := range files.of {
			records := files.records[files.of[pid]:]
			for n := 0; ; n++ {
				_, rest, ok := nextFile(records, pid)
				if !ok {
					break
				}
				if len(rest) >= len(records) {
					t.Fatal("no progress")
				}
				records = rest
			}
		}
	})
}

// The iterator must tell what /proc tells, descriptor by descriptor.
func TestTheIteratorTellsWhatProcTells(t *testing.T) {
	var refused *ebpf.VerifierError
	if f, err := iterate(); errors.As(err, &refused) && len(refused.Log) > 1 && !strings.Contains(err.Error(), "not allowed") {
		t.Fatalf("the verifier refuses the program: %v", err) // before 5.12 it allows no bpf_d_path here
	} else if err != nil {
		t.Skipf("no BPF iterator here: %v", err)
	} else if len(f.of) == 0 {
		t.Fatal("the iterator tells nothing")
	}
	dir := t.TempDir()
	gone := filepath.Join(dir, "gone")
	var extra []*os.File
	for _, path := range []string{"/dev/null", dir, "/proc/self/status", gone} {
		if path == gone {
			if err := os.WriteFile(gone, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		f, err := os.Open(path)
		f = closer(t, f, err)
		extra = append(extra, f)
	}
	if err := os.Remove(gone); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	file, err2 := closer(t, l, err).(*net.TCPListener).File()
	extra = append(extra, closer(t, file, err2))
	for _, open := range []func() (int, error){
		func() (int, error) { return unix.Eventfd(0, unix.EFD_CLOEXEC) },
		func() (int, error) { return unix.EpollCreate1(0) },
		func() (int, error) { return unix.MemfdCreate("doc", 0) },
		func() (int, error) { return unix.PidfdOpen(os.Getpid(), 0) },
		func() (int, error) { return unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0) },
	} {
		fd, err := open()
		if err != nil {
			t.Fatal(err)
		}
		extra = append(extra, closer(t, os.NewFile(uintptr(fd), ""), nil))
	}
	cmd := exec.Command("sleep", "60")
	cmd.ExtraFiles = extra
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	pid := int64(cmd.Process.Pid)
	scan := func(from int) map[int64]FD {
		r := New("", Options{})
		r.iterateFrom = from
		if _, err := r.open(); err != nil {
			t.Fatal(err)
		}
		if r.hostPidNS != initPidNS {
			t.Skip("we are in a pid namespace of our own")
		}
		fds := map[int64]FD{}
		err := r.Scan(func(p *Process) error {
			if p.PID == pid {
				if known := r.files != nil; known != (from == 0) {
					t.Errorf("iterated: %v, with %d processes as the threshold", known, from)
				}
				for _, f := range p.FDs {
					fds[f.Num] = f
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return fds
	}
	fromProc, iterated := scan(1<<30), scan(0)
	if len(fromProc) < len(extra)+3 {
		t.Errorf("only %d descriptors: %+v", len(fromProc), fromProc)
	}
	same := cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })
	if diff := cmp.Diff(fromProc, iterated, same); diff != "" {
		t.Errorf("-proc +iterator:\n%s", diff)
	}
}

func TestIteratorsCanBeTurnedOff(t *testing.T) {
	r := New("", Options{NoIterators: true})
	r.iterateFrom = 0
	err := r.Scan(func(*Process) error {
		if r.files != nil {
			t.Error("the scan uses an iterator")
		}
		return errStop
	})
	if !errors.Is(err, errStop) {
		t.Fatal(err)
	}
}

var errStop = errors.New("enough is seen")
