// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"time"
)

// ErrStale says that the emulator runs code that is no longer there. A kernel
// changes its code by way of breakpoints; where one thread of QEMU translates
// the code while another changes it, the translation of the breakpoint may stay
// (work item 4669 of QEMU's, in all versions so far). The handler of kernels
// before 6.3 then finds no breakpoint, and tries again for ever; that of later
// ones ends in an oops, see Emulated.
var ErrStale = errors.New("QEMU runs a breakpoint that the kernel has taken away")

// How a machine that says nothing is looked at.
const (
	quietTime = 45 * time.Second // as long as it may be silent unwatched
	lookEvery = 3 * time.Second
	looks     = 40 // at its processors, each time
	proofs    = 3  // times in a row that the same breakpoint is found
)

// watched runs QEMU and has an eye on it. Where the machine hangs in a stale
// breakpoint, hung is told; of one that is stopped, its processors' registers are
// written beside its console.
func (m *Machine) watched(ctx context.Context, cmd *exec.Cmd, hung context.CancelCauseFunc) (string, error) {
	mon, end, err := newMonitor()
	if err != nil {
		return "", err
	}
	defer mon.close()
	attach(cmd, end)
	over := make(chan struct{})
	cmd.Cancel = func() error {
		select {
		case <-over: // the monitor is free
			_ = os.WriteFile(m.Console+".cpus", []byte(mon.human(0, allRegisters)), 0o644)
		case <-time.After(time.Second):
			mon.close() // QEMU itself does not answer
		}
		return cmd.Process.Kill()
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err = cmd.Start()
	if err := errors.Join(err, end.Close()); err != nil {
		return "", err
	}
	go func() {
		defer close(over)
		mon.greet()
		if at, err := m.watch(ctx, mon); err == nil {
			hung(fmt.Errorf("%w, at %#x", ErrStale, at))
		}
	}()
	err = cmd.Wait()
	hung(nil)
	<-over
	return out.String(), err
}

// canBeStale reports whether several threads of QEMU emulate the one architecture
// whose breakpoints are known here.
func (m *Machine) canBeStale() bool {
	return (m.Arch == nil || m.Arch == AMD64) && !m.KVM && !m.Count && !m.OneThread
}

// watch waits until the machine hangs in a stale breakpoint, and returns where.
func (m *Machine) watch(ctx context.Context, mon *monitor) (uint64, error) {
	var said int64
	var where uint64
	heard, found := time.Now(), 0
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-tick.C:
		}
		if st, err := os.Stat(m.Console); err == nil && st.Size() != said {
			said, heard, found = st.Size(), time.Now(), 0
		}
		if time.Since(heard) < quietTime || !m.canBeStale() {
			continue
		}
		at := mon.stale()
		switch {
		case mon.err != nil:
			return 0, mon.err
		case at == 0:
			found = 0
		case at != where:
			where, found = at, 1
		default:
			found++
		}
		if found == proofs {
			return where, nil
		}
	}
}

// stale returns the address of a breakpoint that a processor is met at and that is
// not in memory; 0 when there is none. For a moment that is so whenever code is
// changed: only the same one again and again means anything.
func (m *monitor) stale() uint64 {
	for range looks {
		m.do("stop", nil)
		at := m.staleNow()
		m.do("cont", nil)
		if at != 0 || m.err != nil {
			return at
		}
		time.Sleep(time.Millisecond)
	}
	return 0
}

// staleNow looks at the processors of a machine that stands still.
func (m *monitor) staleNow() uint64 {
	for i, c := range parseCPUs(m.human(0, allRegisters)) {
		// At the handler's first instruction the stack has the address behind the breakpoint.
		if c.rip == 0 || c.rip != m.handler(i, c.idt) {
			continue
		}
		words := m.words(i, c.rsp, 1)
		if len(words) == 1 && words[0] != 0 && m.byteAt(i, words[0]-1) != breakpoint {
			return words[0] - 1
		}
	}
	return 0
}

const allRegisters = "info registers -a"

// breakpoint is the instruction int3, 3 its vector (Intel SDM, volume 3, 6.15).
const breakpoint = 0xcc

// handler reads the entry of the breakpoint in an interrupt descriptor table
// (Intel SDM, volume 3, figure 6-8).
func (m *monitor) handler(cpu int, idt uint64) uint64 {
	e := m.words(cpu, idt+3*16, 2)
	if len(e) != 2 {
		return 0
	}
	return e[0]&0xffff | e[0]>>48<<16 | e[1]<<32
}

// state is what of a processor matters here.
type state struct{ rip, rsp, idt uint64 }

var registers = regexp.MustCompile(`(?s)CPU#\d+.*?RSP=([0-9a-f]{16}).*?RIP=([0-9a-f]{16}).*?IDT=\s*([0-9a-f]{16})`)

func parseCPUs(text string) (out []state) {
	for _, r := range registers.FindAllStringSubmatch(text, -1) {
		out = append(out, state{rsp: hex(r[1]), rip: hex(r[2]), idt: hex(r[3])})
	}
	return out
}

func hex(digits string) uint64 {
	v, _ := strconv.ParseUint(digits, 16, 64)
	return v
}

var value = regexp.MustCompile(`0x([0-9a-f]+)`)

// words reads n words of memory; fewer where it cannot.
func (m *monitor) words(cpu int, at uint64, n int) (out []uint64) {
	for _, v := range value.FindAllStringSubmatch(dumped(m.human(cpu, fmt.Sprintf("x /%dxg %#x", n, at))), -1) {
		out = append(out, hex(v[1]))
	}
	return out
}

// byteAt reads a byte of memory; one that cannot be read is as good as a breakpoint.
func (m *monitor) byteAt(cpu int, at uint64) uint64 {
	v := value.FindStringSubmatch(dumped(m.human(cpu, fmt.Sprintf("x /1xb %#x", at))))
	if v == nil {
		return breakpoint
	}
	return hex(v[1])
}

var address = regexp.MustCompile(`(?m)^[0-9a-f]+:`)

// dumped returns a dump of memory without its addresses; nothing where the memory
// cannot be read.
func dumped(text string) string {
	if !address.MatchString(text) {
		return ""
	}
	return address.ReplaceAllString(text, "")
}
