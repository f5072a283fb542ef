// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Arch is an architecture that QEMU emulates.
type Arch struct {
	Name    string // as Go and Debian call it
	Program string // of QEMU
	Package string // that has the program
	console string
	board   []string
	boot    string // more of the kernel's command line
}

// The architectures that there are kernels for.
var (
	// On a busy host ticks come late, and the kernel's check of its timer panics.
	AMD64 = &Arch{"amd64", "qemu-system-x86_64", "qemu-system-x86", "ttyS0", []string{"-M", "pc", "-cpu", "max"}, "no_timer_check "}
	// Signed pointers in software take three quarters of the time.
	ARM64 = &Arch{"arm64", "qemu-system-aarch64", "qemu-system-arm", "ttyAMA0", []string{"-M", "virt", "-cpu", "max,pauth-impdef=on"}, ""}
)

// leastQEMU is the oldest version that runs the newest kernels: 7.2 crashed one
// boot of six of Linux 6.12.
const leastQEMU = 10

var version = regexp.MustCompile(`version (\d+)`)

// Usable says what the host lacks to run machines of the architecture.
func (a *Arch) Usable() error {
	out, err := exec.Command(a.Program, "--version").Output()
	if errors.Is(err, exec.ErrNotFound) {
		return fmt.Errorf("%s is not installed: apt-get install %s (version %d; in bookworm with -t bookworm-backports)", a.Program, a.Package, leastQEMU)
	}
	m := version.FindSubmatch(out)
	if err != nil || m == nil {
		return fmt.Errorf("%s --version: %w: %s", a.Program, err, out)
	}
	if v, _ := strconv.Atoi(string(m[1])); v < leastQEMU {
		return fmt.Errorf("%s is of version %d, %d is needed: apt-get install -t bookworm-backports %s", a.Program, v, leastQEMU, a.Package)
	}
	return nil
}

// ErrTime says that a machine had not come to its end when its time was over.
var ErrTime = errors.New("the machine was stopped")

// ErrSilent says that a machine had not said anything when it should have been
// up for long: an emulated one hangs at its start now and then.
var ErrSilent = errors.New("the machine said nothing")

// bootTime is when a machine should have said something. It takes 3 to 5 seconds,
// and ten times that on a host with more work than processors.
const bootTime = 2 * time.Minute

// Machine is a virtual machine without disk and network.
type Machine struct {
	Arch      *Arch    // AMD64 when nil
	Image     string   // vmlinuz
	Initramfs []string // archives, later ones win
	MiB       int      // 1024 when 0
	CPUs      int      // 2 when 0
	Append    string   // kernel command line, behind console=, panic=-1 and quiet
	Console   string   // file that gets what the machine says
	Time      time.Duration
	Boot      time.Duration // when it must have said something; bootTime when 0
	KVM       bool
	OneThread bool     // of QEMU for all CPUs: slower where the host has one for each, never stale
	Count     bool     // an instruction is a nanosecond, on one CPU
	Extra     []string // more arguments of QEMU
}

// Run runs the machine until it switches itself off, Time is over (10 minutes
// when 0) or ctx ends, and never leaves it behind.
func (m *Machine) Run(ctx context.Context) error {
	arch, mib, cpus, limit, boot := m.Arch, m.MiB, m.CPUs, m.Time, m.Boot
	if arch == nil {
		arch = AMD64
	}
	if mib == 0 {
		mib = 1024
	}
	if cpus == 0 {
		cpus = 2
	}
	if limit == 0 {
		limit = 10 * time.Minute
	}
	if boot == 0 {
		boot = bootTime
	}
	initrd, err := m.join()
	if err != nil {
		return err
	}
	if err := os.Remove(m.Console); err != nil && !os.IsNotExist(err) {
		return err
	}
	args := []string{"-accel", "tcg,thread=multi"}
	switch {
	case m.Count:
		args, cpus = []string{"-accel", "tcg", "-icount", "shift=0,sleep=off"}, 1
	case m.KVM:
		args = []string{"-accel", "kvm"}
	case m.OneThread:
		args = []string{"-accel", "tcg,thread=single"}
	}
	args = append(args, arch.board...)
	args = append(args, "-smp", strconv.Itoa(cpus), "-m", strconv.Itoa(mib), "-nodefaults", "-display", "none", "-no-reboot",
		"-serial", "file:"+m.Console, "-kernel", m.Image, "-initrd", initrd,
		"-append", strings.TrimSpace("console="+arch.console+" panic=-1 quiet "+arch.boot+m.Append))
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	ctx, silent := context.WithCancelCause(ctx)
	defer time.AfterFunc(boot, func() {
		if st, err := os.Stat(m.Console); err != nil || st.Size() == 0 {
			silent(ErrSilent)
		}
	}).Stop()
	cmd := exec.CommandContext(ctx, arch.Program, append(args, m.Extra...)...)
	// The signal comes when the thread ends that started it: that must be this one.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := m.watched(ctx, cmd, silent)
	switch {
	case errors.Is(context.Cause(ctx), ErrStale):
		return context.Cause(ctx)
	case errors.Is(context.Cause(ctx), ErrSilent):
		return fmt.Errorf("%w in %v", ErrSilent, boot)
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fmt.Errorf("%w after %v", ErrTime, limit)
	case err != nil:
		return fmt.Errorf("%s: %w %s", arch.Program, err, Tail(out, 2000))
	}
	return nil
}

// join returns one file with all archives, which lies beside the console.
func (m *Machine) join() (string, error) {
	if len(m.Initramfs) == 1 {
		return m.Initramfs[0], nil
	}
	out, err := os.Create(filepath.Join(filepath.Dir(m.Console), "initramfs.joined"))
	if err != nil {
		return "", err
	}
	for _, path := range m.Initramfs {
		f, err := os.Open(path)
		if err != nil {
			return "", errors.Join(err, out.Close())
		}
		n, err := io.Copy(out, f)
		if err == nil {
			_, err = out.Write(make([]byte, (4-n%4)%4))
		}
		if err := errors.Join(err, f.Close()); err != nil {
			return "", errors.Join(err, out.Close())
		}
	}
	return out.Name(), out.Close()
}
