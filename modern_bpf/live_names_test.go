// SPDX-License-Identifier: Apache-2.0

package modernbpf

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tiercel/tiercel/scap"
)

// opener is a process without company that opens what it is told to.
type opener struct {
	pid int
	in  io.Writer
	out *bufio.Reader
}

func newOpener(t testing.TB) *opener {
	t.Helper()
	if _, err := exec.LookPath("gcc"); err != nil {
		t.Skip("needs gcc to compile testdata/opens.c")
	}
	bin := filepath.Join(t.TempDir(), "opens")
	if out, err := exec.Command("gcc", "-O1", "-static", "-o", bin, "testdata/opens.c").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	cmd := exec.Command(bin)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		cmd.Wait()
	})
	return &opener{cmd.Process.Pid, in, bufio.NewReader(out)}
}

// do sends a line and returns the answer.
func (o *opener) do(t testing.TB, format string, args ...any) (n int64) {
	t.Helper()
	fmt.Fprintf(o.in, format+"\n", args...)
	if _, err := fmt.Fscan(o.out, &n); err != nil {
		t.Fatal(err)
	}
	return n
}

// told returns the names that the opener's opens, and the directories that its
// changes of directory, are told as while it does what the lines say.
func (o *opener) told(t *testing.T, d *Driver, lines ...string) []string {
	t.Helper()
	for _, line := range append(lines, "1 /the-end") {
		if n := o.do(t, "%s", line); n < 0 {
			t.Fatalf("%s: refused", line)
		}
	}
	var names []string
	read(t, d, 5*time.Second, func(ev *scap.Event) bool {
		if ev.TID() != int64(o.pid) {
			return false
		}
		var s string
		switch ev.Type() {
		case scap.EvOpenX, scap.EvChdirX:
			s, _ = ev.Str(1)
		case scap.EvOpenatV2X:
			s, _ = ev.Str(2)
		default:
			return false
		}
		if s != "/the-end" {
			names = append(names, s)
		}
		return s == "/the-end"
	})
	return names
}

// What a process without company opens by way of a link is told under its own
// name, too, when every name is checked, and only then. Names that are only
// another way to write the same are told once.
func TestLiveEveryNameIsChecked(t *testing.T) {
	d := running(t, Options{}, scap.SCOpen, scap.SCOpenat, scap.SCChdir)
	o := newOpener(t)
	dir := t.TempDir()
	for name, to := range map[string]string{"file": "/etc/passwd", "dir": "/etc", "far": "file"} {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "plain"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	self := fmt.Sprintf("/proc/%d", o.pid)
	for _, c := range []struct {
		name string
		do   []string
		also []string // what is told besides, in order, after "=" for each line
	}{
		{"plain file", []string{"1 " + dir + "/plain"}, []string{"="}},
		{"link to a file", []string{"1 " + dir + "/file"}, []string{"=", "/etc/passwd"}},
		{"link to a link", []string{"1 " + dir + "/far"}, []string{"=", "/etc/passwd"}},
		{"directory by a link", []string{"1 " + dir + "/dir/passwd"}, []string{"=", "/etc/passwd"}},
		{"root of a process", []string{"1 /proc/self/root/etc/passwd"}, []string{"=", "/etc/passwd"}},
		{"root of a numbered process", []string{"1 " + self + "/root/etc/passwd"}, []string{"=", "/etc/passwd"}},
		{"up again", []string{"1 /etc/../etc/passwd"}, []string{"=", "/etc/passwd"}},
		{"own entry in /proc", []string{"1 /proc/self/status"}, []string{"="}},
		{"numbered entry in /proc", []string{"1 " + self + "/status"}, []string{"="}},
		{"a file that is not there", []string{"1 " + dir + "/none"}, []string{"="}},
		{"relative name", []string{"cd " + dir, "1 plain"}, []string{"=", "="}},
		{"relative name with a dot", []string{"cd " + dir, "1 ./plain", "1 ./far", "1 ./dir/passwd"}, []string{"=", "=", "=", "/etc/passwd", "=", "/etc/passwd"}},
		{"relative link", []string{"cd " + dir, "1 dir/passwd"}, []string{"=", "=", "/etc/passwd"}},
		{"by a directory that was a link", []string{"cd " + dir + "/dir", "1 passwd"}, []string{"=", "/etc", "="}},
		{"by a relative directory", []string{"cd " + dir, "cd dir", "1 passwd"}, []string{"=", "=", "/etc", "="}},
		{"from /", []string{"cd /", "1 etc/passwd"}, []string{"=", "="}},
	} {
		given, all := []string{}, []string{}
		for _, s := range c.also {
			if s == "=" {
				_, s, _ = strings.Cut(c.do[len(given)], " ")
				given = append(given, s)
			}
			all = append(all, s)
		}
		for _, mode := range []struct {
			all  bool
			want []string
		}{{false, given}, {true, all}, {false, given}} {
			if err := d.SetNameCheck(mode.all); err != nil {
				t.Fatal(err)
			}
			if got := o.told(t, d, c.do...); !slices.Equal(got, mode.want) {
				t.Errorf("%s, all names checked %v: told as %q, want %q", c.name, mode.all, got, mode.want)
			}
		}
	}
}

// BenchmarkLiveNameCheck measures what it adds to open and close in a process
// without company that every name is checked: "raced" is the default. The modes
// take turns in short batches, the median of all batches is reported.
//
//	go test ./modern_bpf -run '^$' -bench LiveNameCheck -benchtime 200x
func BenchmarkLiveNameCheck(b *testing.B) {
	needLive(b)
	o := newOpener(b)
	dir := b.TempDir()
	link := filepath.Join(dir, "link")
	if err := os.Symlink("/etc/hostname", link); err != nil {
		b.Fatal(err)
	}
	d, err := Open(Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer d.Close()
	if _, err := d.SetInterestingSyscalls(scap.Selection{Exit: scap.NewSyscallSet(scap.SCOpen, scap.SCOpenat, scap.SCClose)}); err != nil {
		b.Fatal(err)
	}
	const batch = 1000
	for _, c := range []struct{ name, path string }{
		{"two", "/etc/hostname"}, {"five", "/usr/lib/x86_64-linux-gnu/gconv/gconv-modules"}, {"link", link},
	} {
		if unix.Access(c.path, unix.R_OK) != nil {
			continue
		}
		b.Run(c.name, func(b *testing.B) {
			var events scap.Batch
			var took [3][]int64
			for b.Loop() {
				for mode := range took {
					if mode > 0 {
						if err := errors.Join(d.SetNameCheck(mode == 2), d.Start()); err != nil {
							b.Fatal(err)
						}
					}
					took[mode] = append(took[mode], o.do(b, "%d %s", batch, c.path))
					d.Stop()
					for d.Next(&events, 0) == nil && len(events.Events) > 0 {
						d.Release(&events)
					}
					d.Release(&events)
				}
			}
			for mode, name := range []string{"ns/nothing", "ns/raced", "ns/always"} {
				slices.Sort(took[mode])
				b.ReportMetric(float64(took[mode][len(took[mode])/2])/batch, name)
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}
