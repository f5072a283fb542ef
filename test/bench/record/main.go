// SPDX-License-Identifier: Apache-2.0

// Command record runs a shell script and writes the events of its processes,
// as they lie in the rings, one after the other into a gzip file: the input of
// the path benchmarks. The script has an empty environment and only its own
// events are kept, so nothing private of the machine ends up in the file.
//
//	record FILE SCRIPT
package main

import (
	"compress/gzip"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	modernbpf "github.com/tiercel/tiercel/modern_bpf"
	"github.com/tiercel/tiercel/scap"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: record FILE SCRIPT")
		os.Exit(2)
	}
	if err := record(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "record:", err)
		os.Exit(1)
	}
}

func record(path, script string) (err error) {
	d, err := modernbpf.Open(modernbpf.Options{})
	if err != nil {
		return err
	}
	defer d.Close()
	if _, err := d.SetInterestingSyscalls(scap.Selection{Exit: scap.AllSyscalls()}); err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	z := gzip.NewWriter(f)
	defer func() { err = errors.Join(err, z.Close(), f.Close()) }()
	if err := d.Start(); err != nil {
		return err
	}
	cmd := exec.Command("/bin/sh", "-c", script)
	cmd.Env = []string{"PATH=/usr/bin:/bin"}
	cmd.Dir = "/"
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() {
		err := cmd.Wait()
		time.Sleep(500 * time.Millisecond) // its last events are on their way
		ended <- err
	}()

	family := family{int64(cmd.Process.Pid): true}
	var b scap.Batch
	kept := 0
	for len(ended) == 0 {
		if err := d.Next(&b, 200*time.Millisecond); err != nil {
			return err
		}
		for i := range b.Events {
			if family.has(&b.Events[i]) {
				kept++
				if _, err := z.Write(b.Events[i].Raw()); err != nil {
					return err
				}
			}
		}
		d.Release(&b)
	}
	fmt.Println(kept, "events")
	return <-ended
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
