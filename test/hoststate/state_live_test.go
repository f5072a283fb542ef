// SPDX-License-Identifier: Apache-2.0

//go:build linux

package hoststate

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	modernbpf "github.com/tiercel/tiercel/modern_bpf"
	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/scap/procfs"
	"github.com/tiercel/tiercel/sinsp"
	"github.com/tiercel/tiercel/sinsp/state"
	"github.com/tiercel/tiercel/test/live"
)

var names = []string{
	"files", "sockets", "orphan", "threadexec", "namespace", "identity", "kinds", "storm", "sockets6", "unix",
	"passing", "sessions", "unshared", "users", "jail", "forks", "mainless",
}

func TestLiveModelAgreesWithProc(t *testing.T) {
	w := newWatch(t, state.Options{})
	roots := w.play()
	// What a busy machine, or a kernel whose probes can be preempted, has lost makes
	// the model wrong, and is told: then all is played once more.
	const tries = 4
	for try := 1; ; try++ {
		var st scap.Stats
		if err := w.d.Stats(&st); err != nil {
			t.Fatal(err)
		}
		if st.Drops() == 0 {
			break
		}
		if try == tries {
			t.Fatalf("%d events were dropped: the model cannot be right", st.Drops())
		}
		t.Logf("once more: %+v", st.Counters)
		w = newWatch(t, state.Options{})
		roots = w.play()
	}
	if n := len(compare(t, w.e, roots)); n < len(names)+4 {
		t.Errorf("only %d processes of the workloads were found", n)
	}
	w.compareHost()
}

// TestLiveModelHealsAfterLosses loses a third of all that happens. A few events
// of a process afterwards make the model right again: what is known of new
// sockets is read at most once a second, and a process at most every two.
func TestLiveModelHealsAfterLosses(t *testing.T) {
	w := newWatch(t, state.Options{LookupsPerSecond: 5000})
	w.random = rand.New(rand.NewPCG(11, 12))
	roots := w.play()
	w.random = nil
	w.e.Lost(1)
	wrong := &recorder{TB: t}
	for range 5 {
		for pid := range family(t, roots) {
			syscall.Kill(int(pid), syscall.SIGUSR1)
		}
		w.drain(1100 * time.Millisecond)
		wrong.said = nil
		if n := len(compare(wrong, w.e, roots)); n < len(names)+4 {
			t.Fatalf("only %d processes of the workloads were found", n)
		}
		for pid := range family(t, roots) {
			if th := w.e.Thread(pid); th != nil && th.Uncertain() && !th.Dead() {
				wrong.Errorf("%s: process %d (%s) is still in doubt: %b", roots[pid], pid, th.Cmdline, th.Doubt())
			}
		}
		if len(wrong.said) == 0 {
			break
		}
	}
	for _, s := range wrong.said {
		t.Error(s)
	}
	c := w.e.Counters()
	if c.LostEvents < 100 || c.Heals < uint64(len(names)) {
		t.Errorf("%d events were lost, %d processes read again", c.LostEvents, c.Heals)
	}
}

// recorder keeps what a comparison complains of.
type recorder struct {
	testing.TB
	said []string
}

// Errorf implements testing.TB.
func (r *recorder) Errorf(format string, args ...any) {
	r.said = append(r.said, fmt.Sprintf(format, args...))
}

// watch feeds a model with what the driver reports.
type watch struct {
	t      *testing.T
	d      scap.Driver
	e      *state.Engine
	random *rand.Rand // loses events when it is not nil
}

func newWatch(t *testing.T, o state.Options) *watch {
	t.Helper()
	live.Require(t)
	d, err := modernbpf.Open(modernbpf.Options{ReportSelf: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	set := sinsp.StateSet(sinsp.Current).Union(sinsp.NetSet())
	// Not in the state set, but the model follows them where they are selected.
	set = set.Union(scap.ParseSyscallSet("setpgid", "unshare", "setns"))
	if _, err := d.SetInterestingSyscalls(scap.Selection{Exit: set}); err != nil {
		t.Fatal(err)
	}
	if err := d.Start(); err != nil {
		t.Fatal(err)
	}
	o.BootTime = scap.BootTime()
	o.Proc = procfs.New("", procfs.Options{BootTime: o.BootTime})
	o.Alive = func(tid int64) bool {
		_, err := os.Lstat(fmt.Sprint("/proc/", tid))
		return err == nil
	}
	w := &watch{t: t, d: d, e: state.New(o)}
	if err := w.e.Prime(); err != nil {
		t.Fatal(err)
	}
	return w
}

// play starts the workloads and follows them until they are ready and their
// last events have come. It returns what plays in which process.
func (w *watch) play() map[int64]string {
	w.t.Helper()
	in, hold, err := os.Pipe()
	if err != nil {
		w.t.Fatal(err)
	}
	os.Stdin = in
	ready := make(chan []*exec.Cmd)
	go func() {
		all := make([]*exec.Cmd, len(names))
		for i, name := range names {
			if all[i], err = start(name, nil); err != nil {
				w.t.Errorf("%s: %v", name, err)
			}
		}
		ready <- all
	}()
	var all []*exec.Cmd
	for until := time.Now().Add(2 * time.Minute); all == nil && time.Now().Before(until); {
		w.feed()
		select {
		case all = <-ready:
		default:
		}
	}
	w.t.Cleanup(func() {
		hold.Close()
		for _, cmd := range all {
			if cmd != nil {
				cmd.Wait()
			}
		}
		in.Close()
	})
	w.drain(300 * time.Millisecond)
	roots := map[int64]string{}
	for i, cmd := range all {
		if cmd != nil {
			roots[int64(cmd.Process.Pid)] = names[i]
		}
	}
	return roots
}

// drain feeds the model for a while, and with all that happened until its end,
// also where the machine stood still.
func (w *watch) drain(how time.Duration) {
	w.t.Helper()
	until := time.Now().Add(how)
	for behind := false; !behind || time.Now().Before(until); {
		behind = w.feed() >= uint64(until.UnixNano())
	}
}

// feed hands one batch to the model, and returns the time of its last event, the
// end of time when it is empty. What is lost comes in runs, as when a ring is
// full.
func (w *watch) feed() (last uint64) {
	w.t.Helper()
	last = math.MaxUint64
	var b scap.Batch
	if err := w.d.Next(&b, 20*time.Millisecond); err != nil {
		w.t.Fatal(err)
	}
	for i := 0; i < len(b.Events); i++ {
		if w.random != nil && w.random.IntN(40) == 0 {
			run := min(w.random.IntN(40), len(b.Events)-i)
			w.e.Lost(uint64(run))
			i += run
			continue
		}
		w.e.Process(&b.Events[i])
	}
	if n := len(b.Events); n > 0 {
		last = b.Events[n-1].Timestamp()
	}
	w.d.Release(&b)
	return last
}

// compareHost checks that the model has the threads of the whole host, and no
// others. Both change while they are looked at: what differs has to differ
// again when the events until then have come.
func (w *watch) compareHost() {
	w.t.Helper()
	first := differing(w.t, w.e)
	w.drain(500 * time.Millisecond)
	for tid, what := range differing(w.t, w.e) {
		if first[tid] == what {
			w.t.Errorf("thread %d %s", tid, what)
		}
	}
	if w.e.NumThreads() < 50 {
		w.t.Errorf("only %d threads are known", w.e.NumThreads())
	}
}

func differing(t *testing.T, e *state.Engine) map[int64]string {
	t.Helper()
	diff := map[int64]string{}
	for th := range e.Threads() {
		if _, err := os.Lstat(fmt.Sprint("/proc/", th.TID)); err != nil && th.TID > 0 {
			diff[th.TID] = "(" + th.Cmdline + ") is not in /proc"
		}
	}
	err := procfs.New("", procfs.Options{NoFDs: true, BootTime: scap.BootTime()}).Scan(func(p *procfs.Process) error {
		for _, th := range append([]procfs.Thread{p.Main}, p.Threads...) {
			if m := e.Thread(th.TID); m == nil {
				diff[th.TID] = "(" + th.Comm + ") is not known"
			} else if m.PID != th.PID {
				diff[th.TID] = fmt.Sprint("is of process ", m.PID, ", /proc says ", th.PID)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return diff
}

// family returns the processes below the roots, the roots included, with what
// plays in them.
func family(t testing.TB, roots map[int64]string) map[int64]string {
	t.Helper()
	of := map[int64]string{}
	scan := func(p *procfs.Process) error {
		name := roots[p.PID]
		if name == "" {
			name = of[p.Main.PTID]
		}
		if name != "" {
			of[p.PID] = name
		}
		return nil
	}
	for former := -1; former < len(of); {
		former = len(of)
		if err := procfs.New("", procfs.Options{NoFDs: true, BootTime: scap.BootTime()}).Scan(scan); err != nil {
			t.Fatal(err)
		}
	}
	return of
}

// compare checks the processes below the roots, and returns them.
func compare(t testing.TB, e *state.Engine, roots map[int64]string) map[int64]string {
	t.Helper()
	of := family(t, roots)
	err := procfs.New("", procfs.Options{BootTime: scap.BootTime()}).Scan(func(p *procfs.Process) error {
		if name := of[p.PID]; name != "" {
			compareProcess(t, e, p, name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return of
}

func compareProcess(t testing.TB, e *state.Engine, p *procfs.Process, workload string) {
	t.Helper()
	differs := func(what string, got, want any) {
		if got != want {
			t.Errorf("%s, process %d: %s is %v, /proc says %v", workload, p.PID, what, got, want)
		}
	}
	for _, th := range append([]procfs.Thread{p.Main}, p.Threads...) {
		m := e.Thread(th.TID)
		if m == nil {
			t.Errorf("%s: thread %d of %d is not known", workload, th.TID, p.PID)
			continue
		}
		differs("pid", m.PID, p.PID)
		differs("vtid", m.VTID, th.VTID)
		differs("vpid", m.VPID, th.VPID)
		differs("uid", m.UID, th.UID)
		differs("gid", m.GID, th.GID)
		differs("session", m.SID, th.VSID)
		differs("group", m.PGID, th.PGID)
		differs("effective capabilities", m.CapEffective, th.CapEffective)
		differs("dead", m.Dead(), workload == "mainless" && th.TID == p.PID)
	}
	m := e.Thread(p.PID)
	if m == nil {
		return
	}
	parent := int64(0)
	if m.Parent() != nil {
		parent = m.Parent().PID
	}
	differs("parent", parent, p.Main.PTID)
	differs("comm", m.Comm, p.Main.Comm)
	differs("exe", m.Exe, p.Exe)
	differs("exepath", m.ExePath, p.ExePath)
	differs("arguments", strings.Join(m.Args, "|"), strings.Join(p.Args, "|"))
	differs("environment", strings.Join(m.Env, "|"), strings.Join(p.Env, "|"))
	differs("directory", filepath.Clean(m.CWD()), p.CWD)
	differs("root", root(m.Root), p.Root)
	alive := 1 + len(p.Threads)
	if workload == "mainless" {
		alive--
	}
	differs("threads", m.Group().Alive, alive)
	for g := range m.FDs().All() {
		// The parent of a process in a new user namespace opens these after the
		// clone, and the copy of its table is made at the child's first event.
		if strings.HasPrefix(g.Name, fmt.Sprintf("/proc/%d/", p.PID)) {
			continue
		}
		if !slices.ContainsFunc(p.FDs, func(f procfs.FD) bool { return f.Num == g.Num }) {
			t.Errorf("%s, process %d: descriptor %d (%s) is not in /proc", workload, p.PID, g.Num, g.Name)
		}
	}
	for i := range p.FDs {
		compareFD(t, m.FDs().Get(p.FDs[i].Num), &p.FDs[i], workload)
	}
}

// root returns a root as /proc has it: that of the host is not known by events.
func root(r string) string {
	if r == "" {
		return "/"
	}
	return r
}

func compareFD(t testing.TB, g *state.FD, f *procfs.FD, workload string) {
	t.Helper()
	if g == nil {
		// No event of the model makes these.
		if f.Type != procfs.FDPidfd {
			t.Errorf("%s: descriptor %d (%d %s) is not known", workload, f.Num, f.Type, f.Name)
		}
		return
	}
	conn := func(t state.FDType) state.FDType {
		// A UDP socket without peer is a bound one for /proc, and what it
		// last talked to for the model.
		if t == state.FDIPv6 && f.Src.Addr().Is4In6() {
			return state.FDIPv4
		}
		switch t {
		case state.FDIPv4Server:
			return state.FDIPv4
		case state.FDIPv6Server:
			return state.FDIPv6
		}
		return t
	}
	if conn(g.Type) != conn(state.FDType(f.Type)) {
		t.Errorf("%s: descriptor %d is of type %d (%s), /proc says %d (%s)", workload, f.Num, g.Type, g.Name, f.Type, f.Name)
		return
	}
	if g.Flags&state.OpenCloexec != f.Flags&state.OpenCloexec {
		t.Errorf("%s: descriptor %d (%s): close-on-exec differs from /proc", workload, f.Num, g.Name)
	}
	switch f.Type {
	case procfs.FDFile, procfs.FDDirectory:
	case procfs.FDMemfd:
		if g.Name != f.Name {
			t.Errorf("%s: memfd %d is named %s, /proc says %s", workload, f.Num, g.Name, f.Name)
		}
		return
	case procfs.FDIPv4, procfs.FDIPv6:
		compareEnds(t, g, f, workload)
		return
	case procfs.FDFIFO, procfs.FDPidfd:
		if g.Ino != f.Ino && f.Type == procfs.FDFIFO || g.PID != f.PID {
			t.Errorf("%s: descriptor %d is of inode %d, process %d, /proc says %d, %d", workload, f.Num, g.Ino, g.PID, f.Ino, f.PID)
		}
		return
	default:
		return
	}
	if g.Ino != f.Ino || g.Dev != f.Dev {
		t.Errorf("%s: descriptor %d (%s) is inode %d:%d, /proc says %d:%d", workload, f.Num, g.Name, g.Dev, g.Ino, f.Dev, f.Ino)
	}
	// What was found in /proc keeps the mark of a file that has no name any more.
	if name := strings.TrimSuffix(f.Name, " (deleted)"); strings.TrimSuffix(g.Name, " (deleted)") != name {
		t.Errorf("%s: descriptor %d is named %s, /proc says %s", workload, f.Num, g.Name, name)
	}
}

// compareEnds compares the addresses of a connection. The model has the
// client's end first, /proc its own.
func compareEnds(t testing.TB, g *state.FD, f *procfs.FD, workload string) {
	t.Helper()
	if !g.IsConn() || f.Dst.Port() == 0 {
		return
	}
	name := func(src, dst netip.AddrPort) string { return plain(src) + "->" + plain(dst) }
	want := name(f.Src, f.Dst)
	if g.Role == state.RoleServer {
		want = name(f.Dst, f.Src)
	}
	if g.Name != want {
		t.Errorf("%s: descriptor %d is %s, /proc says %s", workload, f.Num, g.Name, want)
	}
}

func plain(a netip.AddrPort) string { return fmt.Sprint(a.Addr().Unmap(), ":", a.Port()) }
