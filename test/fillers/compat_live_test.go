// SPDX-License-Identifier: Apache-2.0

//go:build linux && amd64

package fillers

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/test/live"
)

// compatProgram returns the 32-bit program: the one that TIERCEL_COMPAT names on
// machines without Go, else it is built.
func compatProgram(t *testing.T) string {
	t.Helper()
	if path := os.Getenv("TIERCEL_COMPAT"); path != "" {
		return path
	}
	program := filepath.Join(t.TempDir(), "compat")
	build := exec.Command("go", "build", "-o", program, "./testdata/compat")
	build.Env = append(os.Environ(), "GOARCH=386", "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Skipf("cannot build for 386: %v %s", err, out)
	}
	return program
}

// Calls of 32-bit programs must give the same events as those of others.
func TestLiveEventsOf32BitPrograms(t *testing.T) {
	live.Require(t)
	dir := t.TempDir()
	program, file := compatProgram(t), filepath.Join(dir, "file")
	want := []call{
		{name: "open", event: scap.EvOpenatV2X, want: params{"name": file, "mode": 0o640}},
		{name: "writev", event: scap.EvWritevX, want: params{"res": 12, "size": 12, "data": []byte("from 32 bits")}},
		{name: "pread", event: scap.EvPreadX, want: params{"res": 7, "size": 20, "pos": 5, "data": []byte("32 bits")}},
		{name: "socketpair", event: scap.EvSocketpairX, want: params{"res": 0, "domain": unix.AF_UNIX}},
		{name: "sendmsg", event: scap.EvSendmsgX, want: params{"res": 5, "size": 5, "data": []byte("msg32")}},
		{name: "recvmsg", event: scap.EvRecvmsgX, want: params{"res": 5, "size": 20, "data": []byte("msg32")}},
		{name: "nanosleep", event: scap.EvNanosleepX, want: params{"interval": 777}},
		{name: "socket", event: scap.EvSocketX, want: params{"domain": unix.AF_INET}},
		{name: "connect", event: scap.EvConnectX, want: params{"res": 0, "addr": []byte{2, 127, 0, 0, 1, 53, 0}}},
		{name: "getrlimit", event: scap.EvGetrlimitX, want: params{"res": 0, "resource": scap.RlimitResourcesCore}},
		{name: "chown", event: scap.EvFchownatX, want: params{"pathname": file, "uid": os.Getuid(), "gid": os.Getgid()}},
		{name: "unlink", event: scap.EvUnlinkatV2X, want: params{"name": file}},
	}
	played(t, func() ([]string, uint64) { return compatOnce(t, want, program, file) })
}

// compatOnce runs the program and looks at its events.
func compatOnce(t *testing.T, want []call, program, file string) (wrong []string, missed uint64) {
	t.Helper()
	d := live.Driver(t, live.Options{})
	defer d.Close()
	var sel scap.Selection
	for _, c := range want {
		sel.Exit.Add(c.event.Info().Syscalls[0])
	}
	if _, err := d.SetInterestingSyscalls(sel); err != nil {
		t.Fatal(err)
	}
	if err := d.Start(); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, file)
	out, err := cmd.CombinedOutput()
	if errors.Is(err, unix.ENOEXEC) {
		t.Skip("this kernel runs no 32-bit programs (CONFIG_IA32_EMULATION)")
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if err := d.Stop(); err != nil {
		t.Fatal(err)
	}
	events := collect(t, d, cmd.Process.Pid)
	// The runtime opens files of its own before main does.
	for len(events) > 0 && (events[0].Type() != scap.EvOpenatV2X || differs(events[0], "name", file) != "") {
		events = events[1:]
	}
	return check(want, nil, events), skipped(t, d)
}
