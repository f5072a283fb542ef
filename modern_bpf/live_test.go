// SPDX-License-Identifier: Apache-2.0

package modernbpf

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/scap/plane"
)

// needLive skips where the kernel or the user cannot run the probe; where both
// can, anything that goes wrong is a failure.
func needLive(t testing.TB) {
	t.Helper()
	why := ""
	if os.Geteuid() != 0 {
		why = "needs root"
	} else if _, err := os.Stat("/sys/kernel/btf/vmlinux"); err != nil {
		why = "the kernel has no BTF"
	}
	if why == "" {
		return
	}
	if os.Getenv("TIERCEL_LIVE") == "require" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// running opens a driver that collects the given calls, of this process too.
func running(t testing.TB, opts Options, codes ...scap.SC) *Driver {
	t.Helper()
	needLive(t)
	opts.ReportSelf = true
	d, err := Open(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close(); delete(unread, d) })
	applied, err := d.SetInterestingSyscalls(scap.Selection{Exit: scap.NewSyscallSet(codes...)})
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range applied.Degraded {
		if !strings.Contains(g.Reason.Error(), "refused for a test") {
			t.Errorf("%v is degraded: %v", g.Syscall, g.Reason)
		}
	}
	if err := d.Start(); err != nil {
		t.Fatal(err)
	}
	return d
}

// drain throws away what is in the rings.
func drain(t testing.TB, d *Driver) {
	t.Helper()
	read(t, d, 20*time.Millisecond, func(*scap.Event) bool { return false })
}

// unread are copies of events that came in a batch behind the one that a read
// was looking for.
var unread = map[*Driver][]*scap.Event{}

// read calls f with the events that come, until it returns true or those of the
// time given are over; it reports which. A machine that stands still meanwhile
// takes nothing of them away.
func read(t testing.TB, d *Driver, limit time.Duration, f func(*scap.Event) bool) bool {
	t.Helper()
	for len(unread[d]) > 0 {
		ev := unread[d][0]
		unread[d] = unread[d][1:]
		if f(ev) {
			return true
		}
	}
	var b scap.Batch
	for end := time.Now().Add(limit); ; {
		if err := d.Next(&b, 5*time.Millisecond); err != nil {
			t.Fatal(err)
		}
		found, behind := false, len(b.Events) == 0
		if !behind {
			behind = b.Events[len(b.Events)-1].Timestamp() >= uint64(end.UnixNano())
		}
		for i := range b.Events {
			if found {
				unread[d] = append(unread[d], b.Events[i].Clone())
			} else {
				found = f(&b.Events[i])
			}
		}
		d.Release(&b)
		if found {
			return true
		}
		if behind && time.Now().After(end) {
			return false
		}
	}
}

// await returns a copy of the first event of the type that f accepts.
func await(t testing.TB, d *Driver, typ scap.EventType, f func(*scap.Event) bool) *scap.Event {
	t.Helper()
	var got *scap.Event
	var others []string
	ok := read(t, d, time.Minute, func(ev *scap.Event) bool {
		if ev.Type() == typ && f(ev) {
			got = ev.Clone()
			return true
		}
		if len(others) < 30 {
			others = append(others, fmt.Sprintf("%v(%d)", ev.Type(), ev.TID()))
		}
		return false
	})
	if !ok {
		t.Fatalf("no %v event came; others: %s", typ, strings.Join(others, " "))
	}
	return got
}

func byTID(tid int) func(*scap.Event) bool {
	return func(ev *scap.Event) bool { return ev.TID() == int64(tid) }
}

// onThread runs f on a thread of its own and returns the thread's id.
func onThread(f func()) int {
	tid := make(chan int)
	go func() {
		// Never unlocked: the thread ends with the goroutine.
		runtime.LockOSThread()
		// The runtime's preemption signal would interrupt a call that blocks.
		var urgent unix.Sigset_t
		urgent.Val[0] = 1 << (unix.SIGURG - 1)
		unix.PthreadSigmask(unix.SIG_BLOCK, &urgent, nil)
		f()
		tid <- unix.Gettid()
	}()
	return <-tid
}

// call makes a system call on a thread of its own and returns the thread and
// the result as the kernel gave it: negative for an error.
func call(nr uintptr, args ...uintptr) (tid int, ret int64) {
	var a [6]uintptr
	copy(a[:], args)
	tid = onThread(func() {
		r, _, e := unix.RawSyscall6(nr, a[0], a[1], a[2], a[3], a[4], a[5])
		ret = int64(r)
		if e != 0 {
			ret = -int64(e)
		}
	})
	return tid, ret
}

// none is the number of a call that this architecture does not have; call
// answers it with ENOSYS.
const none = ^uintptr(0) >> 1

// native returns a call's number here, or none.
func native(sc scap.SC) uintptr {
	if nr := sc.Info().Number[plane.HostArch()]; nr >= 0 {
		return uintptr(nr)
	}
	return none
}

// must skips the test where the architecture lacks the call.
func must(t *testing.T, sc scap.SC) uintptr {
	t.Helper()
	nr := native(sc)
	if nr == none {
		t.Skipf("%v does not exist on this architecture", sc)
	}
	return nr
}

// params is what an event must carry: parameter name to a number, a string
// (without its NUL), or the raw bytes. A func(*scap.Event, int) string gives a
// complaint or "".
type params map[string]any

// check compares all parameters of an event; each must be named.
func check(t testing.TB, ev *scap.Event, want params) {
	t.Helper()
	info := ev.Info()
	if ev.NumParams() != len(info.Params) {
		t.Errorf("%v has %d parameters, want %d", ev.Type(), ev.NumParams(), len(info.Params))
	}
	seen := 0
	for i, p := range info.Params {
		w, ok := want[p.Name]
		if !ok {
			t.Errorf("%v: nothing is expected of parameter %s (%s)", ev.Type(), p.Name, show(ev, i))
			continue
		}
		seen++
		if complaint := compare(ev, i, w); complaint != "" {
			t.Errorf("%v.%s: %s", ev.Type(), p.Name, complaint)
		}
	}
	if seen != len(want) {
		t.Errorf("%v: of %d expectations %d have a parameter", ev.Type(), len(want), seen)
	}
}

func compare(ev *scap.Event, i int, want any) string {
	switch w := want.(type) {
	case func(*scap.Event, int) string:
		return w(ev, i)
	case string:
		if got, ok := ev.Str(i); !ok || got != w || !bytes.HasSuffix(ev.Param(i), []byte{0}) {
			return fmt.Sprintf("%s, want %q and a NUL", show(ev, i), w)
		}
	case []byte:
		if !bytes.Equal(ev.Param(i), w) {
			return fmt.Sprintf("%x, want %x", ev.Param(i), w)
		}
	default:
		var n int64
		fmt.Sscan(fmt.Sprint(want), &n)
		got, ok := ev.Int(i)
		if width, _ := ev.Info().Params[i].Type.Width(); len(ev.Param(i)) != int(width) {
			return fmt.Sprintf("%d bytes, want %d", len(ev.Param(i)), width)
		}
		if u, _ := ev.Uint(i); !ok || (got != n && u != uint64(n)) {
			return fmt.Sprintf("%s, want %d (%#x)", show(ev, i), n, n)
		}
	}
	return ""
}

func show(ev *scap.Event, i int) string {
	p := ev.Info().Params[i]
	if !p.Type.IsText() {
		if v, ok := ev.Int(i); ok {
			return fmt.Sprintf("%d (%#x)", v, uint64(v))
		}
	}
	return fmt.Sprintf("%q", ev.Param(i))
}

// Expectations that are not plain values.

func empty(ev *scap.Event, i int) string {
	if p := ev.Param(i); len(p) != 0 {
		return fmt.Sprintf("%q, want no value", p)
	}
	return ""
}

func anything(*scap.Event, int) string { return "" }

func positive(ev *scap.Event, i int) string {
	if v, ok := ev.Int(i); !ok || v <= 0 {
		return fmt.Sprintf("%s, want a positive number", show(ev, i))
	}
	return ""
}

func contains(s string) func(*scap.Event, int) string {
	return func(ev *scap.Event, i int) string {
		if !bytes.Contains(ev.Param(i), []byte(s)) {
			return fmt.Sprintf("%q, want it to contain %q", ev.Param(i), s)
		}
		return ""
	}
}

// cstr returns the address of a NUL-terminated copy that stays alive.
func cstr(s string) uintptr {
	b := append([]byte(s), 0)
	keep(b)
	return address(b)
}

var provoke = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "provoke")
	if err != nil {
		return "", err
	}
	bin := filepath.Join(dir, "provoke")
	out, err := exec.Command("gcc", "-O1", "-static", "-o", bin, "testdata/provoke.c").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return bin, nil
})

// helper returns the compiled testdata/provoke.c.
func helper(t testing.TB) string {
	t.Helper()
	if _, err := exec.LookPath("gcc"); err != nil {
		t.Skip("needs gcc to compile testdata/provoke.c")
	}
	bin, err := provoke()
	if err != nil {
		t.Fatal(err)
	}
	return bin
}

func TestMain(m *testing.M) {
	code := m.Run()
	if bin, err := provoke(); err == nil && bin != "" {
		os.RemoveAll(filepath.Dir(bin))
	}
	os.Exit(code)
}
