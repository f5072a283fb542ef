// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net/netip"
	"testing"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/scap/procfs"
)

// Values of parameters.

func p8(v uint8) []byte   { return []byte{v} }
func p16(v uint16) []byte { return binary.LittleEndian.AppendUint16(nil, v) }
func p32(v uint32) []byte { return binary.LittleEndian.AppendUint32(nil, v) }
func p64(v int64) []byte  { return binary.LittleEndian.AppendUint64(nil, uint64(v)) }
func text(s string) []byte {
	return append([]byte(s), 0)
}

// event makes an event in the layout of its type.
func event(tb testing.TB, t scap.EventType, ts uint64, tid int64, params ...[]byte) *scap.Event {
	tb.Helper()
	var (
		e   scap.Event
		raw []byte
		err error
	)
	if isLarge(t) {
		if raw, err = scap.AppendLargeEvent(nil, t, ts, tid, params...); err == nil {
			err = e.DecodeLarge(raw)
		}
	} else {
		if raw, err = scap.AppendEvent(nil, t, ts, tid, params...); err == nil {
			err = e.Decode(raw)
		}
	}
	if err != nil {
		tb.Fatal(err)
	}
	return &e
}

// sampleTables has something in every field that the format can carry.
func sampleTables() *Tables {
	addr := netip.MustParseAddr
	return &Tables{
		Machine: &Machine{CPUs: 4, Memory: 8 << 30, MaxPID: 4194304, Hostname: "kestrel", BootTime: 1700000000_000000000, Flags: 3},
		Interfaces: []Interface{
			{Name: "lo", Addr: addr("127.0.0.1"), Netmask: addr("255.0.0.0"), Broadcast: addr("127.0.0.1")},
			{Name: "eth0", Addr: addr("2001:db8::7"), Netmask: addr("ffff:ffff::"), Broadcast: addr("::"), LinkSpeed: 1e9},
		},
		Users:  []procfs.User{{Name: "root", Home: "/root", Shell: "/bin/sh"}, {Name: "ada", UID: 1000, GID: 100, Home: "/home/ada", Shell: "/bin/zsh"}},
		Groups: []procfs.Group{{Name: "root"}, {Name: "users", GID: 100}},
		Threads: []Thread{
			sampleThread(),
			{
				Thread: procfs.Thread{TID: 8, PID: 7, PTID: 1, SID: 7, VSID: 7, PGID: 7, VPGID: 7, VTID: 8, VPID: 7, Comm: "worker"},
				Flags:  0x2000, Exe: "/usr/bin/nc", ExePath: "/usr/bin/nc", LoginUID: procfs.NoUID,
			},
		},
	}
}

func sampleThread() Thread {
	port := netip.MustParseAddrPort
	fd := func(f procfs.FD) FD { return FD{FD: f} }
	return Thread{
		Thread: procfs.Thread{
			TID: 7, PID: 7, PTID: 1, SID: 5, VSID: 5, PGID: 6, VPGID: 2, VTID: 1, VPID: 1, Comm: "nc", UID: 1000, GID: 100,
			CapInheritable: 1, CapPermitted: 2, CapEffective: 1 << 40, TTY: 34816, VMSize: 4000, VMRSS: 300, VMSwap: 20,
			PfMajor: 11, PfMinor: 12,
		},
		Flags: 0x40000000, Exe: "nc", ExePath: "/usr/bin/nc", Args: []string{"-l", "", "8080"}, Env: []string{"HOME=/home/ada", "TERM=xterm"},
		CWD: "/home/ada", Root: "/", Cgroups: []string{"cpu=/a", "memory=/b"}, LoginUID: 1000, FDLimit: 1024, PidnsStart: 1700000001_000000000,
		ExeIno: 77, ExeCtime: 78, ExeMtime: 79, ExeWritable: true, ExeUpperLayer: true, ExeLowerLayer: true, ExeMemfd: true,
		FDs: []FD{
			fd(procfs.FD{Num: 0, Type: procfs.FDFile, Name: "/dev/null", Flags: 3, Dev: 5, Ino: 4}),
			fd(procfs.FD{Num: 3, Type: procfs.FDIPv4, Ino: 9, L4: procfs.L4TCP, Src: port("10.0.0.1:8080"), Dst: port("10.0.0.2:51000")}),
			fd(procfs.FD{Num: 4, Type: procfs.FDIPv4Server, L4: procfs.L4TCP, Listen: true, Src: port("0.0.0.0:8080")}),
			fd(procfs.FD{Num: 5, Type: procfs.FDIPv6, L4: procfs.L4UDP, Src: port("[2001:db8::1]:53"), Dst: port("[2001:db8::2]:54")}),
			fd(procfs.FD{Num: 6, Type: procfs.FDIPv6Server, L4: procfs.L4UDP, Src: port("[::]:53")}),
			{FD: procfs.FD{Num: 7, Type: procfs.FDUnix, Name: "/run/x.sock", Ptr: 0xffff888812345678}, Peer: 0xffff888812345600},
			fd(procfs.FD{Num: 8, Type: procfs.FDDirectory, Name: "/home/ada"}),
			fd(procfs.FD{Num: 9, Type: procfs.FDEventpoll, Name: "anon_inode:[eventpoll]"}),
			fd(procfs.FD{Num: 10, Type: procfs.FDPidfd, Name: "anon_inode:[pidfd]"}),
		},
	}
}

// sampleEvents are a handful of events of the newest versions, in time order.
func sampleEvents(tb testing.TB) []*scap.Event {
	tb.Helper()
	events := []*scap.Event{
		event(tb, scap.EvReadX, 1000, 7, p64(3), []byte("abc"), p64(4), p32(80)),
		event(tb, scap.EvOpenE, 1001, 7, text("/etc/passwd"), p32(1), p32(0)),
		event(tb, scap.EvOpenX, 1002, 7, p64(5), text("/etc/passwd"), p32(1), p32(0), p32(65025), p64(4711)),
		event(tb, scap.EvCloseX, 1003, 8, p64(0), p64(5)),
		event(tb, scap.EvContainerJsonV2E, 1004, -1, text(`{"container":{"id":"a1"}}`)),
		event(tb, scap.EvWriteX, 1005, 8, p64(70000), bytes.Repeat([]byte{'x'}, 700), p64(1), p32(70000)),
	}
	for i, e := range events {
		e.CPU = uint16(i % 3)
	}
	events[3].Flags = FlagFiltered
	return events
}

// write makes a capture in memory.
func write(tb testing.TB, t *Tables, o WriterOptions, events ...*scap.Event) []byte {
	tb.Helper()
	var out bytes.Buffer
	w, err := NewWriter(&out, t, o)
	if err != nil {
		tb.Fatal(err)
	}
	for _, e := range events {
		if err := w.Write(e); err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return out.Bytes()
}

// describe is an event as text: all that can be known of it.
func describe(e *scap.Event) string {
	s := fmt.Sprintf("%s cpu=%d flags=%d ts=%d tid=%d", e.Info().Enum, e.CPU, e.Flags, e.Timestamp(), e.TID())
	for i := range e.NumParams() {
		s += fmt.Sprintf(" %x", e.Param(i))
	}
	return s
}

// read returns the events of a capture as text, its reader, and how it ended.
func read(tb testing.TB, capture []byte, o Options) ([]string, *Reader, error) {
	tb.Helper()
	r, err := NewReader(bytes.NewReader(capture), o)
	if err != nil {
		return nil, nil, err
	}
	var got []string
	err = readAll(r, func(_ int, e *scap.Event) { got = append(got, describe(e)) })
	if err == io.EOF {
		err = nil
	}
	return got, r, err
}

func describeAll(events []*scap.Event) (s []string) {
	for _, e := range events {
		s = append(s, describe(e))
	}
	return s
}
