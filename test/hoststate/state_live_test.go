// SPDX-License-Identifier: Apache-2.0

//go:build linux

package hoststate

import (
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
	set = set.Union(scap.ParseSyscallSet("setsid", "setpgid"))
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
	names := []string{"files", "sockets", "orphan", "threadexec", "namespace", "identity"}
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
		differs("dead", m.Dead(), false)
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
	differs("threads", m.Group().Alive, 1+len(p.Threads))
	for g := range m.FDs().All() {
		if !slices.ContainsFunc(p.FDs, func(f procfs.FD) bool { return f.Num == g.Num }) {
			t.Errorf("%s, process %d: descriptor %d (%s) is not in /proc", workload, p.PID, g.Num, g.Name)
		}
	}
	for i := range p.FDs {
		compareFD(t, m.FDs().Get(p.FDs[i].Num), &p.FDs[i], workload)
	}
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
	if f.Type != procfs.FDFile && f.Type != procfs.FDDirectory {
		return
	}
	if g.Ino != f.Ino || g.Dev != f.Dev {
		t.Errorf("%s: descriptor %d (%s) is inode %d:%d, /proc says %d:%d", workload, f.Num, g.Name, g.Dev, g.Ino, f.Dev, f.Ino)
	}
	if name := strings.TrimSuffix(f.Name, " (deleted)"); g.Name != name {
		t.Errorf("%s: descriptor %d is named %s, /proc says %s", workload, f.Num, g.Name, name)
	}
}
