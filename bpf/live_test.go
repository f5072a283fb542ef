// SPDX-License-Identifier: Apache-2.0

//go:build linux

package bpf_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tiercel/tiercel/bpf"
	modernbpf "github.com/tiercel/tiercel/modern_bpf"
	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/test/live"
)

// From the kernel's BTF to an event, with nothing else of the kernel at hand:
// what a filler finds in its structures (the file's inode) is what stat says.
func TestLiveAProbeFromThisKernelsBTFTellsEvents(t *testing.T) {
	t.Parallel()
	live.Require(t)
	if !bpf.RunningHasBTF() {
		t.Skip("this kernel has no BTF")
	}
	d, err := bpf.OpenFile(bpf.ObjectFromBTF(t), modernbpf.Options{ReportSelf: true, RingBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	applied, err := d.SetInterestingSyscalls(scap.Selection{Exit: scap.NewSyscallSet(scap.SCOpenat)})
	if err != nil || len(applied.Degraded) > 0 {
		t.Fatalf("%+v, %v", applied, err)
	}
	if err := d.Start(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "made from BTF")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		t.Fatal(err)
	}
	var b scap.Batch
	for end := time.Now().Add(time.Minute); time.Now().Before(end); d.Release(&b) {
		if err := d.Next(&b, 10*time.Millisecond); err != nil {
			t.Fatal(err)
		}
		for i := range b.Events {
			e := &b.Events[i]
			// fd, dirfd, name, flags, mode, dev, ino
			if name, _ := e.Str(2); name != path {
				continue
			}
			dev, _ := e.Uint(5)
			ino, _ := e.Uint(6)
			if ino != st.Ino || dev != st.Dev {
				t.Errorf("inode %d on %#x, want %d on %#x", ino, dev, st.Ino, st.Dev)
			}
			return
		}
	}
	t.Error("no event came")
}
