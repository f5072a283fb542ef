// SPDX-License-Identifier: Apache-2.0

package fields_test

import (
	"net/netip"
	"testing"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/scap/procfs"
	"github.com/tiercel/tiercel/scap/scaptest"
	"github.com/tiercel/tiercel/sinsp/container"
	"github.com/tiercel/tiercel/sinsp/fields"
	"github.com/tiercel/tiercel/sinsp/state"
)

// Tests ask fields of events that a real engine has seen. Its world:
//
//	1 systemd
//	└ 100 sshd            session 100
//	  └ 200 bash          session 200, started by alice
//	    └ 300 cat         threads 300 and 301
//	400 nginx             in a docker container, parent 1
const (
	second  = uint64(1e9)
	started = 1_700_000_000 * second // when everything was started
	now     = started + 3*second + 5
	catPID  = 300

	nginxPID = 400
	nginxID  = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
)

// nginxInfo is what its runtime tells of nginx's container.
func nginxInfo() *container.Info {
	i := &container.Info{
		Type: container.Docker, FullID: nginxID, Name: "web",
		Image: "registry.example:5000/team/nginx:1.25", ImageID: "4bb46517cac3", ImageDigest: "sha256:9d2f",
		IP: "172.17.0.2", CNIJSON: `{"ips":[]}`, Privileged: container.Yes, HostPID: container.No, HostNetwork: container.Yes, HostIPC: container.No,
		Labels: container.MakeLabels(map[string]string{"maintainer": "alice", "empty": "", "annotation.x": "y",
			"io.kubernetes.pod.name": "web-0", "io.kubernetes.pod.namespace": "shop", "io.kubernetes.pod.uid": "6a1f"}, 0),
		Mounts: []container.Mount{
			{Source: "/srv/www", Dest: "/var/www", Mode: "ro", Propagation: "rprivate"},
			{Source: "/etc/nginx", Dest: "/etc/nginx", RDWR: true},
		},
		PodSandboxID: "feedfacefeedface", PodLabels: container.Labels{{Key: "app", Value: "web"}}, PodIP: "10.244.0.7", PodCNIJSON: `{"pod":1}`,
	}
	i.Finish()
	return i
}

// fakeProc is the state of the world before the first event.
type fakeProc []*procfs.Process

func (f fakeProc) Scan(yield func(*procfs.Process) error) error {
	for _, p := range f {
		if err := yield(p); err != nil {
			return err
		}
	}
	return nil
}

func (f fakeProc) Lookup(int64) (*procfs.Process, error) { return nil, procfs.ErrNoProcess }

func (f fakeProc) LookupFD(int64, int64) (procfs.FD, error) {
	return procfs.FD{}, procfs.ErrNoProcess
}

func process(pid, ppid, sid int64, comm string, args ...string) *procfs.Process {
	return &procfs.Process{
		PID: pid,
		Main: procfs.Thread{
			TID: pid, PID: pid, PTID: ppid, SID: sid, PGID: pid, VTID: pid, VPID: pid, VSID: sid, VPGID: pid,
			Comm: comm, StartTS: started + uint64(pid),
		},
		Exe: comm, Args: args, ExePath: "/usr/bin/" + comm, CWD: "/", Root: "/",
		Cgroups: []string{"cpu=/" + comm, "memory=/"}, LoginUID: 1000, FDLimit: 1024,
	}
}

func newWorld(t testing.TB) *state.Engine {
	t.Helper()
	cat := process(catPID, 200, 200, "cat", "-n", "/etc/shadow")
	cat.Env = []string{"HOME=/home/alice", "EMPTY=", "PADDED= x "}
	cat.CWD = "/home/alice"
	cat.Main.UID, cat.Main.GID = 1000, 1000
	cat.Main.TTY = 34816
	cat.Main.CapEffective, cat.Main.CapPermitted, cat.Main.CapInheritable = 1<<0|1<<21, 1<<12, 1<<5
	cat.Main.VMSize, cat.Main.VMRSS, cat.Main.VMSwap, cat.Main.PfMajor, cat.Main.PfMinor = 4096, 1024, 8, 5, 6
	cat.PidnsStart = started - 100*second
	cat.ExeIno, cat.ExeCtime, cat.ExeMtime, cat.ExeUpperLayer = 77, started-second, started-2*second, true
	thread := cat.Main
	thread.TID, thread.VTID, thread.Comm = 301, 301, "worker"
	cat.Threads = []procfs.Thread{thread}
	cat.FDs = []procfs.FD{
		{Num: 0, Type: procfs.FDFile, Name: "/dev/null", Dev: 5<<20 | 3, Ino: 9, Flags: 1},
		{Num: 1, Type: procfs.FDFIFO, Name: "pipe:[12]"},
		{Num: 2, Type: procfs.FDFile, Name: "/dev/null", Dev: 5<<20 | 3, Ino: 9, Flags: 2},
		{Num: 9, Type: procfs.FDDirectory, Name: "/etc"},
	}
	bash := process(200, 100, 200, "bash")
	bash.Env = []string{"SHLVL=1"}
	nginx := process(nginxPID, 1, nginxPID, "nginx")
	nginx.Cgroups = []string{"cpu=/docker/" + nginxID}
	nginx.PidnsStart = started + second
	e := state.New(state.Options{
		Proc:     fakeProc{process(1, 0, 1, "systemd"), process(100, 1, 100, "sshd", "-D"), bash, cat, nginx},
		Hostname: "testhost",
		Accounts: func(int64) ([]state.User, []state.UserGroup) {
			return []state.User{{Name: "alice", UID: 1000, GID: 1000, Home: "/home/alice", Shell: "/bin/bash"}},
				[]state.UserGroup{{Name: "staff", GID: 1000}}
		},
		LocalAddrs: func() []netip.Addr { return []netip.Addr{netip.MustParseAddr("10.0.0.1")} },
	})
	if err := e.Prime(); err != nil {
		t.Fatal(err)
	}
	return e
}

// run lets the engine see events of cat and returns the last one.
func run(t testing.TB, events ...*scap.Event) *state.Event {
	t.Helper()
	e := newWorld(t)
	var ev *state.Event
	for _, in := range events {
		ev = e.Process(in)
	}
	return ev
}

// named makes an event of cat.
func named(t scap.EventType, p scaptest.P) *scap.Event { return scaptest.Named(t, now, catPID, p) }

// none stands for a field without a value.
const none = "(none)"

// ask returns the text of a field.
func ask(t testing.TB, ev *state.Event, field string) string {
	t.Helper()
	ref, n, err := fields.ResolvePrefix(fields.Default(), field)
	if err != nil || n != len(field) {
		t.Fatalf("%s: %v", field, err)
	}
	return textOf(ev, &ref)
}

func textOf(ev *state.Event, ref *fields.Ref) string {
	var v fields.Value
	if !ref.Extract(ev, &v) {
		return none
	}
	return string(fields.AppendText(nil, ref.Type, ref.Format, ref.List, &v))
}

// wants are the texts that fields of an event have.
type wants map[string]string

func (w wants) check(t *testing.T, ev *state.Event) {
	t.Helper()
	for field, want := range w {
		if got := ask(t, ev, field); got != want {
			t.Errorf("%s is %q, want %q", field, got, want)
		}
	}
}

func openat(fd int64, name string) *scap.Event {
	return named(scap.EvOpenatV2X, scaptest.P{
		"fd": fd, "dirfd": -100, "name": name, "flags": 1 | 1<<12, "mode": 0, "dev": 8<<20 | 1, "ino": 42,
	})
}
