// SPDX-License-Identifier: Apache-2.0

package modernbpf

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/scap/scaptest"
)

func TestLiveSamplingLeavesOutWhatCarriesNoState(t *testing.T) {
	// read is sampled, close never is, semget is always left out.
	d := running(t, Options{}, scap.SCRead, scap.SCClose, scap.SCSemget)
	const ratio = 4
	if err := d.SetSampling(ratio); err != nil {
		t.Fatal(err)
	}
	// A thread that gets little of a busy machine, or that stands still for a
	// second, says nothing about a quarter.
	const tries = 5
	for try := 1; ; try++ {
		wrong := sampled(t, d, ratio)
		if wrong == "" {
			break
		}
		if try == tries {
			t.Fatal(wrong)
		}
		t.Logf("once more: %s", wrong)
	}

	if err := d.SetSampling(1); err != nil {
		t.Fatal(err)
	}
	drain(t, d)
	after, _ := call(unix.SYS_SEMGET, 1, 0, 0)
	await(t, d, scap.EvSemgetX, byTID(after))
	if d.shared.control.Silent != 0 {
		t.Error("sampling is off and nobody was told that the silence is over")
	}
}

// sampled makes calls for two seconds and says what was not sampled as it should
// be.
func sampled(t *testing.T, d *Driver, ratio uint64) (wrong string) {
	t.Helper()
	var before scap.Stats
	if err := d.Stats(&before); err != nil {
		t.Fatal(err)
	}
	drain(t, d)
	stop := make(chan struct{})
	made := make(chan int)
	var tid int
	ready := make(chan struct{})
	go func() {
		runtime.LockOSThread()
		tid = unix.Gettid()
		close(ready)
		n := 0
		for {
			select {
			case <-stop:
				made <- n
				return
			default:
			}
			unix.RawSyscall(unix.SYS_READ, ^uintptr(0), 0, 0)
			unix.RawSyscall(unix.SYS_CLOSE, ^uintptr(0), 0, 0)
			unix.RawSyscall(unix.SYS_SEMGET, 1, 0, 0)
			time.Sleep(time.Millisecond)
			n++
		}
	}()
	<-ready
	counts := map[scap.EventType]int{}
	var marks []scap.EventType
	look := func(ev *scap.Event) bool {
		switch typ := ev.Type(); typ {
		case scap.EvDropE, scap.EvDropX:
			if v, _ := ev.Uint(0); v != ratio || ev.NumParams() != 1 {
				t.Errorf("a marker with ratio %d", v)
			}
			marks = append(marks, typ)
		case scap.EvReadX:
			if ev.TID() == int64(tid) {
				counts[typ]++
				if at := (ev.Timestamp() - uint64(d.shared.control.BootOffset)) % uint64(time.Second); at >= uint64(time.Second)/ratio {
					wrong = fmt.Sprintf("a read came %v after the start of a second", time.Duration(at))
				}
			}
		default:
			if ev.TID() == int64(tid) {
				counts[typ]++
			}
		}
		return false
	}
	read(t, d, 2300*time.Millisecond, look)
	close(stop)
	n := <-made
	read(t, d, 20*time.Millisecond, look)
	closes, reads := counts[scap.EvCloseX], counts[scap.EvReadX]
	var st scap.Stats
	scaptest.Account(t, d, &st)
	if counts[scap.EvSemgetX] != 0 {
		t.Errorf("%d semget events came, want none", counts[scap.EvSemgetX])
	}
	for i := 1; i < len(marks); i++ {
		if marks[i] == marks[i-1] {
			t.Errorf("marker %v came twice in a row: %v", marks[i], marks)
		}
	}
	switch out := st.Sampled - before.Sampled; {
	case closes < n-50:
		return fmt.Sprintf("%d of %d close events came, they carry state", closes, n)
	case reads == 0 || reads > n/2:
		return fmt.Sprintf("%d of %d read events came, want about a quarter", reads, n)
	case len(marks) < 2:
		return fmt.Sprintf("markers: %v", marks)
	case out < uint64(n-reads)+uint64(n)-100:
		return fmt.Sprintf("%d were left out, only %d counted", 2*n-reads, out)
	}
	return wrong
}

func TestSamplingRatioIsAPowerOfTwo(t *testing.T) {
	d := &Driver{}
	for _, ratio := range []int{0, -2, 3, 100, 256} {
		if err := d.SetSampling(ratio); err == nil || !strings.Contains(err.Error(), "power of two") {
			t.Errorf("ratio %d: %v", ratio, err)
		}
	}
}

// pattern is n bytes of which no two neighbours are equal.
func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + i>>8)
	}
	return b
}

func TestLiveSnaplenUpTo65000(t *testing.T) {
	file, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	data := pattern(70000)
	for _, snap := range []int{1, 80, 16 << 10, 32 << 10, 32<<10 + 1, MaxSnapLen} {
		d := running(t, Options{SnapLen: snap}, scap.SCWrite, scap.SCWritev)
		for _, size := range []int{snap - 1, snap, snap + 1, len(data)} {
			keep(data)
			tid, ret := call(unix.SYS_WRITE, file.Fd(), address(data), uintptr(size))
			ev := await(t, d, scap.EvWriteX, byTID(tid))
			check(t, ev, params{"res": ret, "data": data[:min(size, snap)], "fd": int(file.Fd()), "size": size})
		}
		half := uintptr(40000)
		iov := block(address(data), half, address(data)+half, uintptr(len(data))-half)
		tid, ret := call(unix.SYS_WRITEV, file.Fd(), iov, 2)
		ev := await(t, d, scap.EvWritevX, byTID(tid))
		check(t, ev, params{"res": ret, "data": data[:min(len(data), snap)], "fd": int(file.Fd()), "size": len(data)})
		d.Close()
	}
}

// pair returns two connected UDP sockets; the second one has the given port if that is free.
func pair(t *testing.T, port int) (a, b int, ok bool) {
	t.Helper()
	open := func() int {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { unix.Close(fd) })
		return fd
	}
	a, b = open(), open()
	loop := [4]byte{127, 0, 0, 1}
	if unix.Bind(b, &unix.SockaddrInet4{Addr: loop, Port: port}) != nil {
		return 0, 0, false
	}
	if err := unix.Connect(a, &unix.SockaddrInet4{Addr: loop, Port: int(localOf(t, b).Port())}); err != nil {
		t.Fatal(err)
	}
	return a, b, true
}

// of accepts the thread's events about a descriptor: threads write the log, too.
func of(tid, param, fd int) func(*scap.Event) bool {
	return func(ev *scap.Event) bool {
		v, _ := ev.Int(param)
		return ev.TID() == int64(tid) && v == int64(fd)
	}
}

func TestLiveDynamicSnaplen(t *testing.T) {
	d := running(t, Options{DynamicSnapLen: true, FullCapture: [2]uint16{40100, 40110}, StatsdPort: 40125},
		scap.SCWrite, scap.SCSendto, scap.SCRecvfrom, scap.SCSendmsg, scap.SCWritev)
	plain := pattern(20000)
	copy(plain[12:], []byte{9, 9, 9, 9})
	with := func(head string) []byte { return append([]byte(head), plain[len(head):]...) }
	for _, c := range []struct {
		name string
		port int
		data []byte
		want int
	}{
		{"other ports have the usual length", 0, plain, 80},
		{"the range of full capture", 40105, plain, 16000},
		{"the last port of the range", 40110, plain, 16000},
		{"just outside of it", 40111, plain, 80},
		{"StatsD", 40125, plain, 2000},
		{"DNS", 53, plain, 512},
		{"MySQL", 3306, with("\x10\x00\x00\x00\x03select"), 2000},
		{"not MySQL", 3306, with("\x11\x22\x33\x44\x55select"), 80},
		{"PostgreSQL", 5432, with("Q\x00\x00\x00\x10select"), 2000},
		{"not PostgreSQL", 5432, with("\x11\x22\x33\x44\x55\x66\x77"), 80},
		{"MongoDB's port", 27017, plain, 2000},
		{"MongoDB elsewhere", 0, with("\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\xd4\x07\x00\x00"), 2000},
		{"a request of HTTP", 0, with("POST /index"), 2000},
		{"an answer of HTTP", 0, with("HTTP/1.1 200"), 2000},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, b, ok := pair(t, c.port)
			if !ok {
				t.Skipf("port %d is taken", c.port)
			}
			keep(c.data)
			tid, ret := call(unix.SYS_WRITE, uintptr(a), address(c.data), uintptr(len(c.data)))
			if ret < 0 {
				t.Fatalf("%s: write: %d", c.name, ret)
			}
			ev := await(t, d, scap.EvWriteX, of(tid, 2, a))
			if got := len(ev.Param(1)); got != c.want || string(ev.Param(1)) != string(c.data[:got]) {
				t.Errorf("%s: written %d bytes of data, want %d", c.name, got, c.want)
			}
			in := make([]byte, len(c.data))
			tid, ret = call(unix.SYS_RECVFROM, uintptr(b), address(in), uintptr(len(in)))
			keep(in)
			ev = await(t, d, scap.EvRecvfromX, byTID(tid))
			if c.port != 40125 && c.port != 53 && ret > 0 { // these are remote ports only
				if got := len(ev.Param(1)); got != c.want {
					t.Errorf("%s: received %d bytes of data, want %d", c.name, got, c.want)
				}
			}
		})
	}

	// A socket without a peer: the port is that of the address in the call.
	_, b, _ := pair(t, 0)
	to := rawAddr(localOf(t, b))
	to[2], to[3] = 40105>>8, 40105&0xff
	keep(to)
	keep(plain)
	lone, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(lone)
	tid, _ := call(unix.SYS_SENDTO, uintptr(lone), address(plain), uintptr(len(plain)), 0, address(to), uintptr(len(to)))
	ev := await(t, d, scap.EvSendtoX, byTID(tid))
	data := -1
	for i, p := range ev.Info().Params {
		if p.Name == "data" {
			data = len(ev.Param(i))
		}
	}
	if data != 16000 {
		t.Errorf("sendto a port of the range: %d bytes of data", data)
	}

	// What is no socket has the usual length, whatever it holds.
	file, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	http := with("GET / HTTP/1.1")
	keep(http)
	tid, _ = call(unix.SYS_WRITE, file.Fd(), address(http), uintptr(len(http)))
	if got := len(await(t, d, scap.EvWriteX, byTID(tid)).Param(1)); got != 80 {
		t.Errorf("a file: %d bytes of data, want 80", got)
	}
}
