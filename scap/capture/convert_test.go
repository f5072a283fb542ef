// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tiercel/tiercel/scap"
)

// convertAll writes events to a capture, as an old agent would have, and reads
// them back.
func convertAll(t *testing.T, o Options, events ...*scap.Event) ([]string, Stats, error) {
	t.Helper()
	got, r, err := read(t, write(t, nil, WriterOptions{}, events...), o)
	return got, r.Stats(), err
}

func converted(t *testing.T, want []*scap.Event, events ...*scap.Event) Stats {
	t.Helper()
	got, s, err := convertAll(t, Options{Strict: true}, events...)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(describeAll(want), got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	return s
}

func TestAnExitEventTakesTheParametersOfItsEnterEvent(t *testing.T) {
	s := converted(t,
		[]*scap.Event{
			event(t, scap.EvReadX, 13, 7, p64(3), []byte("abc"), p64(4), p32(80)),
			event(t, scap.EvReadX, 14, 8, p64(1), []byte("x"), p64(5), p32(90)),
		},
		event(t, scap.EvReadE, 11, 7, p64(4), p32(80)),
		event(t, scap.EvReadE, 12, 8, p64(5), p32(90)),
		event(t, scap.EvReadX, 13, 7, p64(3), []byte("abc")),
		event(t, scap.EvReadX, 14, 8, p64(1), []byte("x")))
	if s.Stored != 2 || s.Converted != 2 {
		t.Errorf("counters %+v", s)
	}
}

func TestWithoutItsEnterEventAnExitEventGetsWhatNobodyKnows(t *testing.T) {
	zero := event(t, scap.EvReadX, 1, 7, p64(3), []byte("abc"), p64(0), p32(0))
	empty := event(t, scap.EvSetuidX, 2, 7, p64(0), nil)
	accept := event(t, scap.EvAcceptV5X, 3, 7, p64(3), nil, p8(0), p32(0), p32(0))
	converted(t, []*scap.Event{zero, empty, accept},
		event(t, scap.EvReadX, 1, 7, p64(3), []byte("abc")),
		event(t, scap.EvSetuidX, 2, 7, p64(0)),
		event(t, scap.EvAcceptX, 3, 7, p64(3), nil, p8(0)))
}

func TestAnEnterEventIsUsedOnce(t *testing.T) {
	converted(t,
		[]*scap.Event{
			event(t, scap.EvCloseX, 2, 7, p64(0), p64(3)),
			event(t, scap.EvCloseX, 3, 7, p64(0), p64(0)),
		},
		event(t, scap.EvCloseE, 1, 7, p64(3)),
		event(t, scap.EvCloseX, 2, 7, p64(0)),
		event(t, scap.EvCloseX, 3, 7, p64(0)))
}

func TestALaterEnterEventReplacesAnEarlierOne(t *testing.T) {
	converted(t,
		[]*scap.Event{event(t, scap.EvCloseX, 3, 7, p64(0), p64(4))},
		event(t, scap.EvReadE, 1, 7, p64(9), p32(9)),
		event(t, scap.EvCloseE, 2, 7, p64(4)),
		event(t, scap.EvCloseX, 3, 7, p64(0)))
}

func TestAnEnterEventOfAnotherCallIsNotMixedIn(t *testing.T) {
	events := []*scap.Event{
		event(t, scap.EvReadE, 1, 7, p64(9), p32(9)), // its exit event was lost
		event(t, scap.EvCloseX, 2, 7, p64(0)),        // its enter event was lost
	}
	got, s, err := convertAll(t, Options{}, events...)
	if want := describe(event(t, scap.EvCloseX, 2, 7, p64(0), p64(0))); err != nil || len(got) != 1 || got[0] != want || s.Unmatched != 1 {
		t.Errorf("%v, %+v, %v; want %s", got, s, err, want)
	}
	if _, _, err := convertAll(t, Options{Strict: true}, events...); !errors.Is(err, ErrMalformed) || !strings.Contains(err.Error(), "PPME_SYSCALL_CLOSE_X: the enter event of its thread is PPME_SYSCALL_READ_E") {
		t.Errorf("strict: error %v", err)
	}
}

func TestTheMemoryOfALargeEnterEventIsGivenBack(t *testing.T) {
	var st enterStore
	st.put(1, scap.EvOpenatE, [][]byte{p64(1), make([]byte, 60000)})
	if st.bytes < 60000 {
		t.Fatalf("%d bytes", st.bytes)
	}
	st.drop(st.get(1))
	if st.bytes != 0 || st.get(1) != nil {
		t.Errorf("%d bytes are kept", st.bytes)
	}
}

func TestEnterEventsThatCarryArgumentsStay(t *testing.T) {
	// Connect: the old enter event lacks the address, the exit event the
	// descriptor; a newer pair has them.
	addr := scap.AppendSockaddrUnix(nil, "/run/x")
	converted(t,
		[]*scap.Event{
			event(t, scap.EvConnectE, 1, 7, p64(3), nil),
			event(t, scap.EvConnectX, 2, 7, p64(0), addr, p64(3), nil),
			event(t, scap.EvConnectE, 3, 7, p64(3), addr),
			event(t, scap.EvConnectX, 4, 7, p64(0), addr, p64(3), addr),
			event(t, scap.EvOpenE, 5, 7, nil, nil, nil),
			event(t, scap.EvOpenX, 6, 7, p64(3), text("/x"), p32(1), p32(0), nil, nil),
		},
		event(t, scap.EvConnectE, 1, 7, p64(3)),
		event(t, scap.EvConnectX, 2, 7, p64(0), addr),
		event(t, scap.EvConnectE, 3, 7, p64(3), addr),
		event(t, scap.EvConnectX, 4, 7, p64(0), addr, p64(3)),
		event(t, scap.EvOpenE, 5, 7),
		event(t, scap.EvOpenX, 6, 7, p64(3), text("/x"), p32(1), p32(0)))
}

func TestTheLongestChainOfUpgrades(t *testing.T) {
	old := [][]byte{p64(0), text("sh"), text("-c"), p64(7), p64(7), p64(1), text("/"), p64(1024)}
	want := make([][]byte, 31)
	copy(want, old)
	want[30] = text("/bin/sh") // from the enter event
	converted(t,
		[]*scap.Event{
			event(t, scap.EvExecveV19E, 1, 7, text("/bin/sh")),
			event(t, scap.EvExecveV19X, 2, 7, want...),
		},
		event(t, scap.EvExecveV19E, 1, 7, text("/bin/sh")),
		event(t, scap.EvExecveV8X, 2, 7, old...))
	converted(t,
		[]*scap.Event{event(t, scap.EvExecveV19E, 1, 7, nil)},
		event(t, scap.EvExecveV8E, 1, 7))
}

func TestAnOldContainerEventBecomesJSON(t *testing.T) {
	json := `{"container":{"id":"a1","type":3,"name":"say \"hi\"\u0001","image":"deb�ian"}}`
	converted(t, []*scap.Event{event(t, scap.EvContainerJsonV2E, 1, -1, text(json))},
		event(t, scap.EvContainerE, 1, -1, text("a1"), p32(3), text("say \"hi\"\x01"), text("deb\xffian")))
}

func TestEventsThatNobodyNeedsAreDropped(t *testing.T) {
	s := converted(t, nil,
		event(t, scap.EvPollE, 1, 7, nil, p64(0)), // stored, never asked for
		event(t, scap.EvGetsocknameE, 2, 7),       // an old enter half
		event(t, scap.EventType(17), 3, 7))        // an unused code
	if s.Stored != 1 || s.Dropped != 2 {
		t.Errorf("counters %+v", s)
	}
}

func TestRawEventsAreNotUpgraded(t *testing.T) {
	events := []*scap.Event{event(t, scap.EvReadE, 1, 7, p64(3), p32(80)), event(t, scap.EvReadX, 2, 7, p64(0), nil)}
	got, _, err := convertAll(t, Options{Raw: true}, events...)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(describeAll(events), got); d != "" {
		t.Error(d)
	}
}

func TestWantedEnterEventsOfAMarkedCaptureAreKept(t *testing.T) {
	events := []*scap.Event{
		event(t, scap.EvReadE, 1, 7, p64(3), p32(80)),
		event(t, scap.EvReadX, 2, 7, p64(0), []byte{}, p64(3), p32(80)),
		event(t, scap.EvGetsocknameE, 3, 7),
	}
	marked := write(t, nil, WriterOptions{EnterEvents: true}, events...)
	got, r, err := read(t, marked, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(describeAll(events), got); d != "" {
		t.Error(d)
	}
	if !r.Info().EnterEvents {
		t.Error("the mark was not seen")
	}
	got, _, err = read(t, write(t, nil, WriterOptions{}, events...), Options{})
	if err != nil || len(got) != 1 {
		t.Errorf("without the mark: %v, %v; want the exit event only", got, err)
	}
}

func TestRememberedEnterEventsAreBounded(t *testing.T) {
	var st enterStore
	for tid := range int64(maxEnters) {
		if n := st.put(tid, scap.EvCloseE, [][]byte{p64(tid)}); n != 0 {
			t.Fatalf("%d forgotten for thread %d", n, tid)
		}
	}
	forgotten := uint64(0)
	for tid := int64(maxEnters); tid < maxEnters+1000; tid++ {
		forgotten += st.put(tid, scap.EvCloseE, [][]byte{p64(tid)})
		if s := st.get(tid); s == nil || !bytes.Equal(s.param(0), p64(tid)) {
			t.Fatalf("thread %d is not remembered", tid)
		}
	}
	if forgotten != 1000 || len(st.slots) != maxEnters || len(st.byTID) != maxEnters {
		t.Errorf("%d forgotten, %d slots, %d threads", forgotten, len(st.slots), len(st.byTID))
	}
	// One that has left its call goes first.
	st.drop(st.get(maxEnters + 500))
	live := 0
	st.hand = 0
	for i := range st.slots {
		if st.slots[i].tid == maxEnters+500 {
			st.hand = i - 5
		}
	}
	if n := st.put(-5, scap.EvCloseE, [][]byte{p64(0)}); n != 0 {
		t.Errorf("%d forgotten although one was free", n)
	}
	big := [][]byte{make([]byte, 60000)}
	for tid := range int64(1000) {
		forgotten += st.put(tid, scap.EvOpenatE, big)
		if st.bytes > maxEnterBytes {
			t.Fatalf("%d bytes are kept", st.bytes)
		}
	}
	kept := 0
	for i := range st.slots {
		kept += cap(st.slots[i].buf)
		if st.slots[i].live {
			live++
		}
	}
	if kept != st.bytes || live == 0 {
		t.Errorf("%d bytes are kept, counted are %d; %d live", kept, st.bytes, live)
	}
}

func TestUpgradesEndInTheNewestVersion(t *testing.T) {
	table := upgrades()
	longest := 0
	for from := range table {
		for _, u := range table[from] {
			typ, n, steps := scap.EventType(from), u.nparams, 0
			for ; steps <= maxSteps; steps++ {
				v, err := judge(typ, n)
				if err != nil {
					t.Errorf("%s with %d parameters: %v", scap.EventType(from).Info().Enum, u.nparams, err)
				}
				if v != upgradeEvent || err != nil {
					break
				}
				next := table.find(typ, n)
				if next == nil {
					t.Errorf("%s with %d parameters leads to %s with %d, which nothing upgrades", scap.EventType(from).Info().Enum, u.nparams, typ.Info().Enum, n)
					break
				}
				if next.store || next.pass {
					break
				}
				if next.keep {
					n += len(next.params)
				} else {
					typ, n = next.to, len(next.params)
				}
			}
			longest = max(longest, steps)
		}
	}
	if longest >= maxSteps || longest < 10 {
		t.Errorf("the longest chain has %d steps", longest)
	}
}

func TestEveryOldVersionHasAnUpgrade(t *testing.T) {
	table := upgrades()
	for i := range scap.Events {
		info := &scap.Events[i]
		if v, err := judge(info.Code, len(info.Params)); err != nil {
			t.Errorf("%s: %v", info.Enum, err)
		} else if v == upgradeEvent && table.find(info.Code, len(info.Params)) == nil {
			t.Errorf("%s as the tables have it cannot be upgraded", info.Enum)
		}
	}
}

func TestMistakesInTheTableOfUpgrades(t *testing.T) {
	for line, want := range map[string]string{
		"SYSCALL_CLOSE_X 1":                                 "not an upgrade",
		"SYSCALL_CLOSE_Y 1: store":                          `no event "SYSCALL_CLOSE_Y"`,
		"SYSCALL_CLOSE_X x: store":                          `"x" is no number of parameters`,
		"SYSCALL_CLOSE_X 1: keep":                           `no action "keep"`,
		"SYSCALL_CLOSE_X 1: become":                         "become what?",
		"SYSCALL_CLOSE_X 1: become NOTHING_X":               `no event "NOTHING_X"`,
		"SYSCALL_CLOSE_X 1: add e0 e0":                      "has only 2 parameters",
		"SYSCALL_CLOSE_X 1: add maybe":                      `no parameter "maybe"`,
		"SYSCALL_CLOSE_X 1: add ex":                         `no parameter "ex"`,
		"SYSCALL_CLOSE_X 1: become SYSCALL_READ_X 1":        "no parameter 1 to take",
		"SYSCALL_MMAP_X 7: store":                           "at most 6 parameters can be stored",
		"SYSCALL_CLOSE_E 1: store\nSYSCALL_CLOSE_E 1: pass": "is there twice",
	} {
		if _, err := parseUpgrades(line); err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "upgrades.txt:") {
			t.Errorf("%q: error %v, want %q", line, err, want)
		}
	}
}

// TestUpgradesAgreeWithTheReference compares our table with that of the
// reference, instruction by instruction.
func TestUpgradesAgreeWithTheReference(t *testing.T) {
	b, err := os.ReadFile("../../../shared/reference/converter.tsv")
	if err != nil {
		t.Skip("no reference tables beside the repository:", err)
	}
	table, rows := upgrades(), 0
	for i, line := range strings.Split(strings.TrimSpace(string(b)), "\n") {
		f := strings.Split(line, "\t")
		if i == 0 {
			continue
		}
		rows++
		code, _ := strconv.Atoi(f[1])
		n, _ := strconv.Atoi(f[2])
		u := table.find(scap.EventType(code), n)
		if u == nil {
			t.Errorf("%s with %d parameters is missing", f[0], n)
			continue
		}
		if got, want := reference(u), row(u, f); got != want {
			t.Errorf("%s with %d parameters: %s, want %s", f[0], n, got, want)
		}
	}
	ours := 0
	for _, rules := range table {
		ours += len(rules)
	}
	if ours != rows || rows < 200 {
		t.Errorf("%d upgrades, the reference has %d", ours, rows)
	}
}

// row is what a row of the reference says of an upgrade. A default of a type
// without a fixed width is empty.
func row(u *upgrade, f []string) string {
	words := strings.Fields(f[7])
	for i, w := range words {
		if _, fixed := u.param(i).Width(); !fixed {
			words[i] = strings.Replace(w, "default", "empty", 1)
		}
	}
	return strings.Join(append(f[3:6:6], words...), " ")
}

// param is the type of the new parameter i.
func (u *upgrade) param(i int) scap.ParamType {
	if u.keep {
		i += u.nparams
	}
	return u.to.Info().Params[i].Type
}

// reference writes an upgrade in the words of the reference.
func reference(u *upgrade) string {
	var words []string
	switch {
	case u.store && u.pass:
		words = []string{"STORE_AND_PASS", "", ""}
	case u.store:
		words = []string{"STORE", "", ""}
	case u.pass:
		words = []string{"PASS", "", ""}
	case u.keep:
		words = []string{"ADD_PARAMS", "", ""}
	default:
		words = []string{"CHANGE_TYPE", u.to.Info().Enum, strconv.Itoa(int(u.to))}
	}
	for _, p := range u.params {
		without := "empty"
		if len(p.value) > 0 {
			without = "default"
		}
		switch p.from {
		case fromEvent:
			without = fmt.Sprintf("old[%d]", p.n)
		case fromEnter:
			without = fmt.Sprintf("enter[%d]?%s", p.n, without)
		case fromContainer:
			without = "container_json"
		}
		words = append(words, without)
	}
	return strings.Join(words, " ")
}

func TestAUserNobodyKnowsIsNobody(t *testing.T) {
	for typ, want := range map[scap.ParamType]uint64{scap.PTUID: 0xffffffff, scap.PTGID: 0xffffffff, scap.PTUint32: 0} {
		if v := unknownValue(typ); len(v) != 4 || uint64(binary.LittleEndian.Uint32(v)) != want {
			t.Errorf("%v: % x", typ, v)
		}
	}
}
