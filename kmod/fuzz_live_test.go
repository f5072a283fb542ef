// SPDX-License-Identifier: Apache-2.0

package kmod

import (
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/scap/plane"
)

// needsModule skips where the module is not what is tested: it cannot be loaded
// on most machines, so the virtual machines of the matrix say when it is.
func needsModule(t *testing.T) {
	t.Helper()
	if os.Getenv("TIERCEL_DRIVER") != "kmod" {
		t.Skip("the module is tested where TIERCEL_DRIVER=kmod says that it is loaded (make vmtest)")
	}
}

// Whatever userspace says, the module answers with an error or does it; it
// never reads or writes beyond what it was given, and goes on working.
func TestLiveFuzzedIoctls(t *testing.T) {
	needsModule(t)
	rng := rand.New(rand.NewPCG(1, 2))
	page := os.Getpagesize()
	// Arguments lie at the end of a page with nothing behind it.
	mem, err := unix.Mmap(-1, 0, 4*page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(mem)
	if err := unix.Mprotect(mem[3*page:], unix.PROT_NONE); err != nil {
		t.Fatal(err)
	}
	numbers := []uint{iocInfo, iocSetup, iocRing, iocSelect, iocStart, iocStop, iocSampling, iocSnaplen, iocStats, iocDrops, iocNames}
	var files []int
	done, refused := 0, 0
	for end := time.Now().Add(3 * time.Second); time.Now().Before(end); {
		if len(files) < 4 {
			fd, err := openDevice()
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, fd)
		}
		i := rng.IntN(len(files))
		if rng.IntN(40) == 0 {
			unix.Close(files[i])
			files = append(files[:i], files[i+1:]...)
			continue
		}
		nr := numbers[rng.IntN(len(numbers))]
		if rng.IntN(10) == 0 {
			nr = uint(rng.Uint32())
		}
		size := int(nr >> 16 & 0x3fff)
		if size > 3*page {
			size = 3 * page
		}
		arg := mem[3*page-size : 3*page]
		fill(rng, nr, arg)
		at := unsafe.Pointer(nil)
		switch {
		case size == 0:
		case rng.IntN(20) == 0:
			at = unsafe.Pointer(&mem[3*page-size/2]) // runs into the hole
		default:
			at = unsafe.Pointer(&arg[0])
		}
		if err := ioctl(files[i], nr, at); err != nil {
			refused++
		} else {
			done++
			if nr == iocRing {
				fuzzRing(rng, int((*abiRing)(unsafe.Pointer(&arg[0])).FD))
			}
		}
	}
	for _, fd := range files {
		unix.Close(fd)
	}
	if done == 0 || refused == 0 {
		t.Errorf("%d done, %d refused", done, refused)
	}
	t.Logf("%d ioctls done, %d refused", done, refused)
	stillWorks(t)
}

// fill makes an argument: mostly nonsense, sometimes nearly right.
func fill(rng *rand.Rand, nr uint, arg []byte) {
	for i := range arg {
		arg[i] = byte(rng.Uint32())
	}
	if len(arg) == 0 || rng.IntN(3) == 0 {
		return
	}
	switch nr {
	case iocSetup:
		s := (*abiSetup)(unsafe.Pointer(&arg[0]))
		*s = abiSetup{RingBytes: uint32(os.Getpagesize()) << rng.IntN(4), CPUsPerRing: rng.Uint32N(3), Snaplen: rng.Uint32N(70000),
			Flags: rng.Uint32N(9), WakeLevel: rng.Uint32()}
	case iocRing:
		r := (*abiRing)(unsafe.Pointer(&arg[0]))
		*r = abiRing{Index: rng.Uint32N(3)}
	case iocSelect:
		(*plane.Plane)(unsafe.Pointer(&arg[0])).TP &= 0xf07
	case iocSampling:
		*(*uint32)(unsafe.Pointer(&arg[0])) = 1 << rng.IntN(9)
	case iocStats:
		(*abiStats)(unsafe.Pointer(&arg[0])).CPU = rng.Uint32N(4)
	}
}

// fuzzRing maps a ring in ways that it should not be mapped, and writes where
// it may, nonsense.
func fuzzRing(rng *rand.Rand, fd int) {
	defer unix.Close(fd)
	page := os.Getpagesize()
	for range 4 {
		prot := []int{unix.PROT_READ, unix.PROT_READ | unix.PROT_WRITE, unix.PROT_READ | unix.PROT_EXEC, unix.PROT_NONE}[rng.IntN(4)]
		b, err := unix.Mmap(fd, int64(rng.IntN(40)*page), (1+rng.IntN(40))*page, prot, unix.MAP_SHARED)
		if err != nil {
			continue
		}
		if prot&unix.PROT_WRITE != 0 {
			for range 8 {
				b[rng.IntN(len(b))] = byte(rng.Uint32())
			}
		}
		unix.Munmap(b)
	}
}

// stillWorks reads an event of a fresh consumer.
func stillWorks(t *testing.T) {
	t.Helper()
	d, err := Open(Options{ReportSelf: true})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if _, err := d.SetInterestingSyscalls(scap.Selection{Exit: scap.NewSyscallSet(scap.SCGetuid)}); err != nil {
		t.Fatal(err)
	}
	if err := d.Start(); err != nil {
		t.Fatal(err)
	}
	var b scap.Batch
	for range 200 { // no span of time: clocks of emulated machines jump
		unix.Getuid()
		if err := d.Next(&b, 50*time.Millisecond); err != nil {
			t.Fatal(err)
		}
		n := len(b.Events)
		d.Release(&b)
		if n > 0 {
			return
		}
	}
	t.Error("no event comes any more")
}

// A ring's data cannot be written by its reader, not even by way of mprotect.
func TestLiveRingsAreReadOnly(t *testing.T) {
	needsModule(t)
	d, err := Open(Options{RingBytes: 1 << 16})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	page := os.Getpagesize()
	fd := d.ringFD[0]
	for name, c := range map[string]struct {
		offset, size, prot int
	}{
		"data, writable":              {page, page, unix.PROT_READ | unix.PROT_WRITE},
		"both pages, writable":        {0, 2 * page, unix.PROT_READ | unix.PROT_WRITE},
		"beyond the end":              {page, page + 2<<16 + page, unix.PROT_READ},
		"far beyond the end":          {1 << 40, page, unix.PROT_READ},
		"data, executable":            {page, page, unix.PROT_READ | unix.PROT_EXEC},
		"the consumer's, executable":  {0, page, unix.PROT_READ | unix.PROT_EXEC},
		"the consumer's and the next": {0, 2 * page, unix.PROT_READ},
	} {
		if b, err := unix.Mmap(fd, int64(c.offset), c.size, c.prot, unix.MAP_SHARED); err == nil {
			unix.Munmap(b)
			t.Errorf("%s: can be mapped", name)
		}
	}
	b, err := unix.Mmap(fd, int64(page), page+2<<16, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(b)
	if err := unix.Mprotect(b, unix.PROT_READ|unix.PROT_WRITE); err == nil {
		t.Error("mprotect makes the data writable")
	}
}

// A reader that is killed leaves nothing behind: its hooks go, and the module
// can be unloaded and loaded again.
func TestLiveAKilledConsumerLeavesNothing(t *testing.T) {
	needsModule(t)
	if os.Getenv("TIERCEL_TEST_CONSUMER") != "" {
		d, err := Open(Options{ReportSelf: true})
		if err != nil {
			t.Fatal(err)
		}
		_, _ = d.SetInterestingSyscalls(scap.Selection{Exit: scap.NewSyscallSet(scap.SCOpenat, scap.SCClose, scap.SCRead)})
		_ = d.Start()
		os.Stdout.WriteString("ready\n")
		var b scap.Batch
		for d.Next(&b, time.Millisecond) == nil {
			d.Release(&b)
		}
		return
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		killConsumer(t, self)
	}
	module := os.Getenv("TIERCEL_MODULE")
	for range 10 {
		if err := Unload(); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(Options{}); !errors.Is(err, ErrNotLoaded) {
			t.Fatalf("without the module: %v", err)
		}
		if err := Load(module); err != nil {
			t.Fatal(err)
		}
		if err := Load(module); err == nil {
			t.Error("it is loaded twice")
		}
	}
	if i, err := ReadInfo(); err != nil || i.API != apiVersion || i.CPUs == 0 {
		t.Errorf("%+v, %v", i, err)
	}
	stillWorks(t)
}

// killConsumer starts this test once more as a reader of the module, and kills it
// while it reads. The reader never outlives this process: it would keep the module.
func killConsumer(t *testing.T, self string) {
	t.Helper()
	// The signal comes when the thread ends that started it: that must be this one.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd := exec.Command(self, "-test.run=^TestLiveAKilledConsumerLeavesNothing$")
	cmd.Env = append(os.Environ(), "TIERCEL_TEST_CONSUMER=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := cmd.Process.Kill(); err != nil {
			t.Error(err)
		}
		_ = cmd.Wait()
	}()
	if _, err := out.Read(make([]byte, 16)); err != nil {
		t.Fatal(err)
	}
	if err := Unload(); err == nil {
		t.Error("the module can be unloaded under its reader")
	}
}
