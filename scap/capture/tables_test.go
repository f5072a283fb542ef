// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tiercel/tiercel/scap/procfs"
)

// sameTables compares addresses by value, and no list with an empty one.
func sameTables(tb testing.TB, want, got *Tables) {
	tb.Helper()
	opts := cmp.Options{
		cmpopts.IgnoreUnexported(procfs.Thread{}, procfs.FD{}, procfs.User{}, procfs.Group{}),
		cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
		cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b }),
		cmp.Comparer(func(a, b []string) bool { return slices.Equal(a, b) }),
	}
	if d := cmp.Diff(want, got, opts); d != "" {
		tb.Errorf("tables differ (-want +got):\n%s", d)
	}
}

func TestTablesAreReadAsTheyWereWritten(t *testing.T) {
	for _, o := range []WriterOptions{{}, {Compress: true}} {
		file := write(t, sampleTables(), o)
		_, r, err := read(t, file, Options{})
		if err != nil {
			t.Fatal(err)
		}
		sameTables(t, sampleTables(), r.Tables())
		if i := r.Info(); i.Compressed != o.Compress || i.Major != 1 || i.Minor != 2 || i.EnterEvents {
			t.Errorf("compress %v: header %+v", o.Compress, i)
		}
	}
}

func TestTablesWithoutAnythingLeaveTheirBlocksOut(t *testing.T) {
	// Only the section header, with the 28 bytes that others expect.
	if file := write(t, &Tables{}, WriterOptions{}); len(file) != 28 {
		t.Errorf("%d bytes: % x", len(file), file)
	}
	_, r, err := read(t, write(t, nil, WriterOptions{}), Options{})
	if err != nil {
		t.Fatal(err)
	}
	sameTables(t, &Tables{}, r.Tables())
}

func TestEveryThreadHasABlockOfDescriptorsInTheOrderOfTheThreads(t *testing.T) {
	var types []string
	file := write(t, sampleTables(), WriterOptions{})
	for s := (&stream{buf: file, end: len(file)}); s.buffered() > 0; {
		typ, n := s.head()
		if s.pos += int(n); typ == blockFDs {
			types = append(types, fmt.Sprintf("%#x of %d", uint32(typ), file[s.pos-int(n)+8]))
		} else {
			types = append(types, fmt.Sprintf("%#x", uint32(typ)))
		}
	}
	want := "0xa0d0d0a 0x201 0x219 0x220 0x215 0x218 of 7 0x218 of 8"
	if got := strings.Join(types, " "); got != want {
		t.Errorf("blocks %s, want %s", got, want)
	}
}

func TestTablesLargerThanTheBuffer(t *testing.T) {
	tables := sampleTables()
	tables.Threads = nil
	for i := range int64(600) {
		th := sampleThread()
		th.TID = i
		th.Env = []string{fmt.Sprintf("N=%d", i), strings.Repeat("e", 3000)}
		tables.Threads = append(tables.Threads, th)
	}
	e := sampleEvents(t)
	for _, o := range []WriterOptions{{}, {Compress: true}} {
		got, r, err := read(t, write(t, tables, o, e...), Options{})
		if err != nil {
			t.Fatal(err)
		}
		sameTables(t, tables, r.Tables())
		if d := cmp.Diff(describeAll(e), got); d != "" {
			t.Error(d)
		}
		if len(r.s.buf) > 4*readBuffer {
			t.Errorf("%d bytes of buffer are kept for a table that is over", len(r.s.buf))
		}
	}
}

func TestTextsAreCutToWhatTheFormatAllows(t *testing.T) {
	th := sampleThread()
	th.CWD = strings.Repeat("c", 3000)
	th.Args = []string{strings.Repeat("a", 4000), strings.Repeat("b", 4000)}
	_, r, err := read(t, write(t, &Tables{Threads: []Thread{th}}, WriterOptions{}), Options{})
	if err != nil {
		t.Fatal(err)
	}
	got := r.Tables().Threads[0]
	if len(got.CWD) != 1024 || len(got.Args) != 2 || len(got.Args[0]) != 4000 || len(got.Args[1]) != 94 {
		t.Errorf("cwd %d bytes, args %d and %d", len(got.CWD), len(got.Args[0]), len(got.Args[1]))
	}
}

func TestDescriptorsOfUnknownTypeAreNotWritten(t *testing.T) {
	th := sampleThread()
	th.FDs = []FD{{FD: procfs.FD{Num: 1}}, {FD: procfs.FD{Num: 2, Type: oldFile, Name: "/f"}}}
	_, r, err := read(t, write(t, &Tables{Threads: []Thread{th}}, WriterOptions{}), Options{})
	if err != nil {
		t.Fatal(err)
	}
	fds := r.Tables().Threads[0].FDs
	if len(fds) != 1 || fds[0].Num != 2 || fds[0].Type != procfs.FDFile || fds[0].Name != "/f" {
		t.Errorf("descriptors %+v", fds)
	}
}

// body joins the fields of an old block.
func body(fields ...[]byte) []byte { return slices.Concat(fields...) }

// str is a text of a table: its length and its bytes.
func str(s string) []byte { return append(p16(uint16(len(s))), s...) }

// oldCapture is a capture with one old block of tables.
func oldCapture(t blockType, body []byte) []byte {
	return appendBlock(appendSection(nil, false), t, func(b []byte) []byte { return append(b, body...) })
}

// oldThread is the entry of a thread as a version of the format had it.
func oldThread(v int) []byte {
	since := func(first int, fields ...[]byte) []byte {
		if v < first {
			return nil
		}
		return body(fields...)
	}
	return body(p64(7), p64(7), p64(1), since(6, p64(5)), since(8, p64(2)),
		str("nc"), str("nc"), since(7, str("/usr/bin/nc")), str("-l\x00\x008080\x00"), str("/home/ada"),
		p64(1024), p32(0x40000000), p32(1000), p32(100),
		since(2, p32(4000), p32(300), p32(20), p64(11), p64(12)),
		since(3, str("HOME=/home/ada\x00TERM=xterm\x00")),
		since(4, p64(1), p64(1), str("cpu=/a\x00memory=/b\x00")),
		since(5, str("/")))
}

// knownSince empties what version v of the format did not have.
func knownSince(v int) Thread {
	th := sampleThread()
	th.FDs = nil
	th.TTY, th.PidnsStart, th.LoginUID, th.PGID = 0, 0, procfs.NoUID, -1
	th.CapInheritable, th.CapPermitted, th.CapEffective = 0, 0, 0
	th.ExeIno, th.ExeCtime, th.ExeMtime = 0, 0, 0
	th.ExeWritable, th.ExeUpperLayer, th.ExeLowerLayer, th.ExeMemfd = false, false, false, false
	if v < 8 {
		th.VPGID = -1
	}
	if v < 7 {
		th.ExePath = ""
	}
	if v < 6 {
		th.SID, th.VSID = -1, -1
	}
	if v < 5 {
		th.Root = ""
	}
	if v < 4 {
		th.VTID, th.VPID, th.Cgroups = -1, -1, nil
	}
	if v < 3 {
		th.Env = nil
	}
	if v < 2 {
		th.VMSize, th.VMRSS, th.VMSwap, th.PfMajor, th.PfMinor = 0, 0, 0, 0, 0
	}
	return th
}

func TestThreadsOfEveryVersion(t *testing.T) {
	for block, v := range map[blockType]int{
		0x202: 1, 0x8000ABCD: 1, 0x207: 2, 0x8013ABCD: 2, 0x209: 3, 0x8014ABCD: 3,
		0x210: 4, 0x211: 5, 0x212: 6, 0x213: 7, 0x214: 8,
	} {
		t.Run(fmt.Sprintf("%#x", uint32(block)), func(t *testing.T) {
			second := oldThread(v)
			second[0] = 9
			_, r, err := read(t, oldCapture(block, body(oldThread(v), second)), Options{})
			if err != nil {
				t.Fatal(err)
			}
			want := []Thread{knownSince(v), knownSince(v)}
			want[1].TID = 9
			sameTables(t, &Tables{Threads: want}, r.Tables())
		})
	}
}

func TestThreadsOfVersion9EndAnywhereInTheirTail(t *testing.T) {
	entry := func(tail ...[]byte) []byte {
		b := body(append([][]byte{oldThread(8)}, tail...)...)
		return append(p32(uint32(len(b)+4)), b...)
	}
	caps := body(p64(1), p64(2), p64(1<<40))
	exe := body(p64(77), p64(78), p64(79))
	for _, tc := range []struct {
		name string
		tail []byte
		have func(*Thread)
	}{
		{"nothing", nil, func(*Thread) {}},
		{"loginuid, before the terminal came", p32(1000), func(th *Thread) { th.LoginUID = 1000 }},
		{"up to capabilities, before the terminal came", body(p32(1000), p8(1), caps), func(th *Thread) {
			th.LoginUID, th.ExeWritable = 1000, true
			th.CapInheritable, th.CapPermitted, th.CapEffective = 1, 2, 1<<40
		}},
		{"up to the layer", body(p64(5), p32(34816), p32(1000), p8(1), caps, p8(1)), func(th *Thread) {
			th.PidnsStart, th.TTY, th.LoginUID, th.ExeWritable, th.ExeUpperLayer = 5, 34816, 1000, true, true
			th.CapInheritable, th.CapPermitted, th.CapEffective = 1, 2, 1<<40
		}},
		{"everything, and what a newer version appends", body(p64(5), p32(34816), p32(1000), p8(1), caps, p8(1), exe, p8(1), p8(1), p64(6), []byte("future")), func(th *Thread) {
			th.PidnsStart, th.TTY, th.LoginUID, th.PGID = 5, 34816, 1000, 6
			th.ExeWritable, th.ExeUpperLayer, th.ExeLowerLayer, th.ExeMemfd = true, true, true, true
			th.CapInheritable, th.CapPermitted, th.CapEffective = 1, 2, 1<<40
			th.ExeIno, th.ExeCtime, th.ExeMtime = 77, 78, 79
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, r, err := read(t, oldCapture(blockThreads, body(entry(tc.tail), entry(tc.tail))), Options{})
			if err != nil {
				t.Fatal(err)
			}
			want := knownSince(8)
			tc.have(&want)
			sameTables(t, &Tables{Threads: []Thread{want, want}}, r.Tables())
		})
	}
}

func TestDescriptorsOfTheFirstVersion(t *testing.T) {
	head := func(num int64, typ uint8) []byte { return body(p64(num), p64(9), p8(typ)) }
	fds := body(p64(7),
		head(0, 1), str("/etc/old"), // a file before open flags were known
		head(1, 0), // of unknown type: nothing follows
		head(2, 16), p32(1), str("/etc/new"),
		head(3, 8), p64(1), p64(2), str("/run/x"),
		head(4, 7), str("pipe:[1]"))
	for _, block := range []blockType{0x203, 0x8001ABCD} {
		file := oldCapture(blockThreadsV8, oldThread(8))
		file = appendBlock(file, block, func(b []byte) []byte { return append(b, fds...) })
		_, r, err := read(t, file, Options{})
		if err != nil {
			t.Fatal(err)
		}
		want := knownSince(8)
		want.FDs = []FD{
			{FD: procfs.FD{Num: 0, Ino: 9, Type: procfs.FDFile, Name: "/etc/old"}},
			{FD: procfs.FD{Num: 1, Ino: 9}},
			{FD: procfs.FD{Num: 2, Ino: 9, Type: procfs.FDFile, Name: "/etc/new", Flags: 1}},
			{FD: procfs.FD{Num: 3, Ino: 9, Type: procfs.FDUnix, Name: "/run/x", Ptr: 1}, Peer: 2},
			{FD: procfs.FD{Num: 4, Ino: 9, Type: procfs.FDFIFO, Name: "pipe:[1]"}},
		}
		sameTables(t, &Tables{Threads: []Thread{want}}, r.Tables())
	}
}

func TestDescriptorsMayComeBeforeTheirThread(t *testing.T) {
	fds := body(p64(7), p64(4), p64(9), p8(7), str("pipe:[1]"))
	lost := body(p64(8), p64(4), p64(9), p8(7), str("pipe:[1]"))
	file := oldCapture(blockFDsV1, fds)
	file = appendBlock(file, blockFDsV1, func(b []byte) []byte { return append(b, lost...) })
	file = appendBlock(file, blockThreadsV8, func(b []byte) []byte { return append(b, oldThread(8)...) })
	_, r, err := read(t, file, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(r.Tables().Threads[0].FDs); n != 1 || r.Stats().OrphanFDs != 1 {
		t.Errorf("%d descriptors of the thread, %d without a thread; want 1 and 1", n, r.Stats().OrphanFDs)
	}
}

func TestInterfacesAndUsersOfTheFirstVersion(t *testing.T) {
	v4 := body([]byte{10, 0, 0, 1}, []byte{255, 0, 0, 0}, []byte{10, 255, 255, 255})
	v6 := body(bytes.Repeat([]byte{1}, 16), bytes.Repeat([]byte{2}, 16), bytes.Repeat([]byte{3}, 16))
	interfaces := body(
		p16(1), p16(2), v4, p64(1000), []byte("e0"),
		p16(2), p16(2), v6, p64(2000), []byte("e1"),
		p16(3), p16(2), v4, []byte("e2"), // without speed
		p16(4), p16(3), v6, []byte("e3\x00"))
	users := body(
		p8(0), p32(1000), p32(100), str("ada"), str("/home/ada"), str("/bin/zsh"),
		p8(1), p32(100), str("users"))
	for _, old := range [][2]blockType{{0x205, 0x206}, {0x8011ABCD, 0x8012ABCD}} {
		file := oldCapture(old[0], interfaces)
		file = appendBlock(file, old[1], func(b []byte) []byte { return append(b, users...) })
		_, r, err := read(t, file, Options{})
		if err != nil {
			t.Fatal(err)
		}
		four := Interface{Addr: netip.AddrFrom4([4]byte{10, 0, 0, 1}), Netmask: netip.AddrFrom4([4]byte{255}), Broadcast: netip.AddrFrom4([4]byte{10, 255, 255, 255})}
		six := Interface{Addr: netip.AddrFrom16([16]byte(bytes.Repeat([]byte{1}, 16))), Netmask: netip.AddrFrom16([16]byte(bytes.Repeat([]byte{2}, 16))), Broadcast: netip.AddrFrom16([16]byte(bytes.Repeat([]byte{3}, 16)))}
		named := func(i Interface, name string, speed uint64) Interface {
			i.Name, i.LinkSpeed = name, speed
			return i
		}
		sameTables(t, &Tables{
			Interfaces: []Interface{named(four, "e0", 1000), named(six, "e1", 2000), named(four, "e2", 0), named(six, "e3", 0)},
			Users:      []procfs.User{{Name: "ada", UID: 1000, GID: 100, Home: "/home/ada", Shell: "/bin/zsh"}},
			Groups:     []procfs.Group{{Name: "users", GID: 100}},
		}, r.Tables())
	}
}

func TestDamagedTables(t *testing.T) {
	for name, tc := range map[string]struct {
		block blockType
		body  []byte
	}{
		"thread entry longer than its block":     {blockThreads, body(p32(4000), oldThread(8))},
		"thread entry shorter than itself":       {blockThreads, p32(2)},
		"thread entry too short for its fields":  {blockThreads, body(p32(40), oldThread(8))},
		"old thread cut":                         {blockThreadsV8, oldThread(8)[:90]},
		"descriptor entry longer than its block": {blockFDs, body(p64(7), p32(99))},
		"interface of unknown kind":              {blockInterfacesV1, body(p16(9), p16(0), p64(0))},
		"user of unknown kind":                   {blockUsersV1, body(p8(7), p64(0))},
		"machine cut":                            {blockMachine, p64(0)},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := read(t, oldCapture(tc.block, tc.body), Options{})
			var e *Error
			if !errors.Is(err, ErrMalformed) || !errors.As(err, &e) || e.Offset != 28 {
				t.Errorf("error %v, want a damage at byte 28", err)
			}
		})
	}
}
