// SPDX-License-Identifier: Apache-2.0

package ring_test

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/scap/ring"
)

// kernelRing is a real ring buffer and a program that puts one event into it
// each time it is run.
func kernelRing(t *testing.T, flags int64) (*ebpf.Map, func()) {
	t.Helper()
	m, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.RingBuf, MaxEntries: 1 << 16})
	if err != nil {
		t.Skipf("no BPF ring buffers here: %v", err)
	}
	t.Cleanup(func() { _ = m.Close() })
	ev := event(1000, 77, 4711)
	for len(ev)%8 != 0 {
		ev = append(ev, 0) // a record may be longer than its event
	}
	size := int16(len(ev))
	var prog asm.Instructions
	for i := int16(0); i < size; i += 8 {
		prog = append(prog,
			asm.LoadImm(asm.R1, int64(binary.LittleEndian.Uint64(ev[i:])), asm.DWord),
			asm.StoreMem(asm.RFP, i-size, asm.R1, asm.DWord))
	}
	prog = append(prog,
		asm.LoadMapPtr(asm.R1, m.FD()),
		asm.Mov.Reg(asm.R2, asm.RFP), asm.Add.Imm(asm.R2, int32(-size)),
		asm.Mov.Imm(asm.R3, int32(size)),
		asm.LoadImm(asm.R4, flags, asm.DWord),
		asm.FnRingbufOutput.Call(),
		asm.Mov.Imm(asm.R0, 0), asm.Return())
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.SocketFilter, License: "GPL", Instructions: prog})
	if err != nil {
		t.Skipf("no BPF programs here: %v", err)
	}
	t.Cleanup(func() { _ = p.Close() })
	packet := make([]byte, 64)
	return m, func() {
		if _, err := p.Run(&ebpf.RunOptions{Data: packet}); err != nil {
			t.Error(err)
		}
	}
}

func TestARingOfTheKernelIsRead(t *testing.T) {
	const noWakeup = 1
	m, emit := kernelRing(t, noWakeup)
	rd, err := ring.Open([]ring.Spec{{FD: m.FD(), Size: int(m.MaxEntries()), CPU: 3}},
		ring.Config{Clock: ring.BootClock(ring.BootOffset())})
	if err != nil {
		t.Fatal(err)
	}
	defer rd.Close()
	var b scap.Batch
	// More than the ring holds at once: memory must be given back.
	const rounds, each = 60, 40
	for range rounds {
		for range each {
			emit()
		}
		for got := 0; got < each; got += len(b.Events) {
			rd.Release(&b)
			if err := rd.Next(&b, time.Second); err != nil || len(b.Events) == 0 {
				t.Fatalf("%d of %d events, %v; %+v", got, each, err, rd.Counters())
			}
			for i := range b.Events {
				e := &b.Events[i]
				if m, _ := e.Int(0); m != 4711 || e.TID() != 77 || e.CPU != 3 || e.NumParams() != len(e.Info().Params) {
					t.Fatalf("event %+v", e)
				}
			}
		}
	}
	rd.Release(&b)
	if c := rd.Counters(); c.Delivered != rounds*each || c.Truncated != 0 {
		t.Errorf("%+v", c)
	}
}

func TestAWakeUpOfTheKernelEndsThePause(t *testing.T) {
	const forceWakeup = 2
	m, emit := kernelRing(t, forceWakeup)
	rd, err := ring.Open([]ring.Spec{{FD: m.FD(), Size: int(m.MaxEntries())}},
		ring.Config{Clock: ring.BootClock(ring.BootOffset()), IdlePause: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	defer rd.Close()
	var b scap.Batch
	for range 30 { // each round that finds nothing doubles the pause, from 1 ms
		if err := rd.Next(&b, 0); err != nil || len(b.Events) != 0 {
			t.Fatal(len(b.Events), err)
		}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		time.Sleep(20 * time.Millisecond)
		emit()
	}()
	start := time.Now()
	if err := rd.Next(&b, 2*time.Minute); err != nil {
		t.Fatal(err)
	}
	if d := time.Since(start); len(b.Events) == 0 || d > time.Minute {
		t.Errorf("%d events after %v", len(b.Events), d)
	}
	<-done
}
