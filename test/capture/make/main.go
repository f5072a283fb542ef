// SPDX-License-Identifier: Apache-2.0

// Command make records the captures in testdata: a shell script with an empty
// environment, only its own processes in the tables and only their events, so
// that nothing private of the machine ends up in the files. Names of cgroups do:
// run it in the root of each hierarchy.
//
//	go run ./test/capture/make FILE
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	modernbpf "github.com/tiercel/tiercel/modern_bpf"
	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/scap/capture"
	"github.com/tiercel/tiercel/scap/procfs"
	"github.com/tiercel/tiercel/sinsp/state"
)

// script waits for its line of input, so that the tables can be read while it
// is known to be there.
const script = `read line
cd /tmp
mkdir tiercel-capture
echo one two > tiercel-capture/f
cat tiercel-capture/f | tr a-z A-Z > /dev/null
cat /nowhere 2> /dev/null
(sleep 0.01) &
wait
rm tiercel-capture/f
rmdir tiercel-capture
exit 3`

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: make FILE")
		os.Exit(2)
	}
	if err := record(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "make:", err)
		os.Exit(1)
	}
}

func record(path string) (err error) {
	d, err := modernbpf.Open(modernbpf.Options{})
	if err != nil {
		return err
	}
	defer d.Close()
	calls := scap.AllSyscalls().Minus(scap.NewSyscallSet(scap.SCSchedSwitch, scap.SCPageFaultUser, scap.SCPageFaultKernel))
	if _, err := d.SetInterestingSyscalls(scap.Selection{Exit: calls}); err != nil {
		return err
	}
	if err := d.Start(); err != nil {
		return err
	}
	cmd := exec.Command("/bin/sh", "-c", script)
	cmd.Env = []string{"PATH=/usr/bin:/bin"}
	cmd.Dir = "/"
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	time.Sleep(100 * time.Millisecond) // it reads by now
	root := int64(cmd.Process.Pid)
	tables, err := tablesOf(root)
	if err != nil {
		return err
	}
	out, err := capture.Record(path, capture.RecordOptions{
		WriterOptions: capture.WriterOptions{Compress: true},
		Tables:        func() (*capture.Tables, error) { return tables, nil },
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	began := time.Now()
	if _, err := in.Write([]byte("go\n")); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() {
		err := cmd.Wait()
		time.Sleep(500 * time.Millisecond) // its last events are on their way
		ended <- err
	}()
	if err := keep(d, out, family{root: true}, uint64(began.UnixNano()), ended); err != nil {
		return err
	}
	var status *exec.ExitError
	if err := <-ended; !errors.As(err, &status) || status.ExitCode() != 3 {
		return fmt.Errorf("the script ended otherwise than it should: %v", err)
	}
	fmt.Println(out.Stats().Events, "events")
	return nil
}

// tablesOf tells of the process pid alone, on a host that has no name.
func tablesOf(pid int64) (*capture.Tables, error) {
	boot := scap.BootTime()
	e := state.New(state.Options{Proc: procfs.New("", procfs.Options{BootTime: boot}), BootTime: boot, Hostname: "testhost"})
	if err := e.Prime(); err != nil {
		return nil, err
	}
	t := e.Tables()
	t.Users, t.Groups, t.Interfaces = []procfs.User{{Name: "root"}}, []procfs.Group{{Name: "root"}}, nil
	t.Machine.CPUs, t.Machine.Memory = 2, 1<<30
	for _, th := range t.Threads {
		if th.TID == pid {
			t.Threads = []capture.Thread{th}
			return t, nil
		}
	}
	return nil, fmt.Errorf("process %d is not in /proc", pid)
}

func keep(d scap.Driver, out *capture.Recorder, f family, since uint64, ended chan error) error {
	var b scap.Batch
	for len(ended) == 0 {
		if err := d.Next(&b, 200*time.Millisecond); err != nil {
			return err
		}
		for i := range b.Events {
			if ev := &b.Events[i]; f.has(ev) && ev.Timestamp() >= since {
				if err := out.Write(ev); err != nil {
					return err
				}
			}
		}
		d.Release(&b)
	}
	return nil
}

// family is the script's process and all that descend from it.
type family map[int64]bool

// has reports whether the event is the family's, and takes in new members.
func (f family) has(ev *scap.Event) bool {
	switch ev.Type() {
	case scap.EvCloneV20X, scap.EvClone3X, scap.EvForkV20X, scap.EvVforkV20X:
		child, _ := ev.Int(0)
		if parent, _ := ev.Int(5); child == 0 && f[parent] {
			f[ev.TID()] = true
		}
		if child > 0 && f[ev.TID()] {
			f[child] = true
		}
	}
	return f[ev.TID()]
}
