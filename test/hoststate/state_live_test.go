// SPDX-License-Identifier: Apache-2.0

//go:build linux

package hoststate

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	modernbpf "github.com/tiercel/tiercel/modern_bpf"
	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/scap/procfs"
	"github.com/tiercel/tiercel/sinsp"
	"github.com/tiercel/tiercel/sinsp/state"
	"github.com/tiercel/tiercel/test/live"
)

func TestLiveModelAgreesWithProc(t *testing.T) {
	live.Require(t)
	d, err := modernbpf.Open(modernbpf.Options{ReportSelf: true})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	set := sinsp.StateSet(sinsp.Current).Union(sinsp.NetSet())
	// Not in the state set, but the model follows them where they are selected.
	set = set.Union(scap.ParseSyscallSet("setpgid", "unshare", "setns"))
	if _, err := d.SetInterestingSyscalls(scap.Selection{Exit: set}); err != nil {
		t.Fatal(err)
	}
	if err := d.Start(); err != nil {
		t.Fatal(err)
	}
	boot := scap.BootTime()
	e := state.New(state.Options{Proc: procfs.New("", procfs.Options{BootTime: boot}), BootTime: boot})
	if err := e.Prime(); err != nil {
		t.Fatal(err)
	}
	names := []string{
		"files", "sockets", "orphan", "threadexec", "namespace", "identity", "kinds", "storm", "sockets6", "unix",
		"passing", "sessions", "unshared", "users", "jail", "forks", "mainless",
	}
	cmds := make(chan []*exec.Cmd)
	in, hold, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	os.Stdin = in
	go func() {
		var all []*exec.Cmd
		for _, name := range names {
			cmd, err := start(name, nil)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			all = append(all, cmd)
		}
		cmds <- all
	}()
	all := follow(t, d, e, cmds)
	defer func() {
		hold.Close()
		for _, cmd := range all {
			cmd.Wait()
		}
	}()

	var st scap.Stats
	if err := d.Stats(&st); err != nil || st.Drops() != 0 {
		t.Fatalf("%d events were dropped (%v): the model cannot be right", st.Drops(), err)
	}
	roots := map[int64]string{}
	for i, cmd := range all {
		roots[int64(cmd.Process.Pid)] = names[i]
	}
	if n := compare(t, e, roots); n < len(names)+4 {
		t.Errorf("only %d processes of the workloads were found", n)
	}
	compareHost(t, d, e)
}

// follow feeds the engine until the workloads are ready and their last events
// have come.
func follow(t *testing.T, d scap.Driver, e *state.Engine, cmds chan []*exec.Cmd) (all []*exec.Cmd) {
	t.Helper()
	var b scap.Batch
	for until := time.Now().Add(20 * time.Second); time.Now().Before(until); {
		if err := d.Next(&b, 20*time.Millisecond); err != nil {
			t.Fatal(err)
		}
		for i := range b.Events {
			e.Process(&b.Events[i])
		}
		d.Release(&b)
		select {
		case all = <-cmds:
			until = time.Now().Add(300 * time.Millisecond)
		default:
		}
	}
	return all
}

// compareHost checks that the model has the threads of the whole host, and no
// others. Both change while they are looked at: what differs has to differ
// again when the events until then have come.
func compareHost(t *testing.T, d scap.Driver, e *state.Engine) {
	t.Helper()
	first := differing(t, e)
	drain(t, d, e, 500*time.Millisecond)
	for tid, what := range differing(t, e) {
		if first[tid] == what {
			t.Errorf("thread %d %s", tid, what)
		}
	}
	if e.NumThreads() < 50 {
		t.Errorf("only %d threads are known", e.NumThreads())
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

// drain feeds the engine for a while.
func drain(t *testing.T, d scap.Driver, e *state.Engine, how time.Duration) {
	t.Helper()
	var b scap.Batch
	for until := time.Now().Add(how); time.Now().Before(until); {
		if err := d.Next(&b, 20*time.Millisecond); err != nil {
			t.Fatal(err)
		}
		for i := range b.Events {
			e.Process(&b.Events[i])
		}
		d.Release(&b)
	}
}

// compare checks the processes below the roots and returns how many there are.
func compare(t *testing.T, e *state.Engine, roots map[int64]string) int {
	t.Helper()
	n := 0
	of := map[int64]string{} // workload of a process
	for more := true; more; {
		more = false
		err := procfs.New("", procfs.Options{BootTime: scap.BootTime()}).Scan(func(p *procfs.Process) error {
			name := roots[p.PID]
			if name == "" {
				name = of[p.Main.PTID]
			}
			if name == "" || of[p.PID] != "" {
				return nil
			}
			of[p.PID] = name
			n++
			more = true
			compareProcess(t, e, p, name)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return n
}

func compareProcess(t *testing.T, e *state.Engine, p *procfs.Process, workload string) {
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

func compareFD(t *testing.T, g *state.FD, f *procfs.FD, workload string) {
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
	if name := strings.TrimSuffix(f.Name, " (deleted)"); g.Name != name {
		t.Errorf("%s: descriptor %d is named %s, /proc says %s", workload, f.Num, g.Name, name)
	}
}

// compareEnds compares the addresses of a connection. The model has the
// client's end first, /proc its own.
func compareEnds(t *testing.T, g *state.FD, f *procfs.FD, workload string) {
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
