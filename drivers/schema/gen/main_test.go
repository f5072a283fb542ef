// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/tiercel/tiercel/drivers/schema"
)

func load(t *testing.T) *schema.Schema {
	t.Helper()
	s, err := schema.Load()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestGeneratedFilesAreUpToDate(t *testing.T) {
	files, err := generate(load(t))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join("..", "..", "..", filepath.FromSlash(name)))
		if err != nil {
			t.Error(err)
			continue
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not what the generator makes now; run: make generate", name)
		}
	}
}

func TestGeneratingTwiceGivesTheSame(t *testing.T) {
	s := load(t)
	a, err := generate(s)
	if err != nil {
		t.Fatal(err)
	}
	b, err := generate(s)
	if err != nil {
		t.Fatal(err)
	}
	for name := range a {
		if !bytes.Equal(a[name], b[name]) {
			t.Errorf("%s differs between two runs", name)
		}
	}
}

func TestWriteMakesMissingFilesAndKeepsOthers(t *testing.T) {
	top := t.TempDir()
	if err := write(top); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(top, "scap", "events_gen.go")
	before, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(top, "scap", "flags_gen.go"), []byte("stale"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := write(top); err != nil {
		t.Fatal(err)
	}
	after, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	if !before.ModTime().Equal(after.ModTime()) {
		t.Error("a file that did not change was written again")
	}
	if b, _ := os.ReadFile(filepath.Join(top, "scap", "flags_gen.go")); string(b) == "stale" {
		t.Error("a stale file was kept")
	}
}

func TestNamesOfConstants(t *testing.T) {
	s := load(t)
	for enum, want := range map[string]string{
		"PPME_GENERIC_E":           "EvGenericE",
		"PPME_SYSCALL_OPEN_X":      "EvOpenX",
		"PPME_SYSCALL_OPENAT_2_X":  "EvOpenatV2X",
		"PPME_SYSCALL_OPENAT2_X":   "EvOpenat2X",
		"PPME_SYSCALL_EXECVE_19_X": "EvExecveV19X",
		"PPME_SOCKET_SOCKET_X":     "EvSocketX",
		"PPME_SOCKET_ACCEPT4_6_X":  "EvAccept4V6X",
		"PPME_PROCEXIT_1_E":        "EvProcexitV1E",
	} {
		if got := eventConst(s.Event(enum)); got != want {
			t.Errorf("%s becomes %s, want %s", enum, got, want)
		}
	}
	for name, want := range map[string]string{
		"openat2": "SCOpenat2", "_llseek": "SCLlseek", "sched_process_exit": "SCSchedProcessExit",
	} {
		if got := callConst(s.Call(name)); got != want {
			t.Errorf("%s becomes %s, want %s", name, got, want)
		}
	}
	seen := map[string]string{}
	for _, h := range s.Events {
		if old := seen[eventConst(h)]; old != "" {
			t.Errorf("%s and %s have the same name", h.Enum, old)
		}
		seen[eventConst(h)] = h.Enum
	}
	for _, c := range s.Calls {
		if c.Kind == schema.KindReserved {
			continue
		}
		if old := seen[callConst(c)]; old != "" {
			t.Errorf("%s and %s have the same name", c.Name, old)
		}
		seen[callConst(c)] = c.Name
	}
}

func TestPutCalls(t *testing.T) {
	s := load(t)
	for _, tc := range []struct{ event, param, want string }{
		{"PPME_SYSCALL_CLOSE_X", "res", "tcl_put_s64(c, TCL_RET(c))"},
		{"PPME_SYSCALL_CLOSE_X", "fd", "tcl_put_s64(c, (s32)TCL_ARG(c, 0))"},
		{"PPME_SYSCALL_KILL_X", "pid", "tcl_put_s64(c, (s32)TCL_ARG(c, 0))"},
		{"PPME_SYSCALL_KILL_X", "sig", "tcl_put_u8(c, TCL_ARG(c, 1))"},
		{"PPME_SYSCALL_CHMOD_X", "filename", "tcl_put_ustr(c, TCL_ARG(c, 0))"},
		{"PPME_SYSCALL_CHMOD_X", "mode", "tcl_put_u32(c, TCL_ARG(c, 1))"},
		{"PPME_SYSCALL_SETNS_X", "nstype", "tcl_put_u32(c, tcl_conv_clone_flags(TCL_ARG(c, 1)))"},
		{"PPME_SYSCALL_POLL_X", "timeout", "tcl_put_s64(c, (s32)TCL_ARG(c, 2))"},
		{"PPME_SYSCALL_INOTIFY_INIT_X", "flags", "tcl_put_u8(c, 0)"},
		{"PPME_SYSCALL_WRITE_X", "data", "tcl_p_data_out(c, TCL_ARG(c, 1), TCL_ARG(c, 2))"},
		{"PPME_SYSCALL_IO_URING_SETUP_X", "features", "tcl_p_user_u32(c, TCL_ARG(c, 1), 5)"},
		{"PPME_SYSCALL_MUNMAP_X", "vm_rss", "tcl_p_vm_rss(c)"},
	} {
		h := s.Event(tc.event)
		found := false
		for _, p := range h.Params {
			if p.Name != tc.param {
				continue
			}
			found = true
			got := putCall(p)
			if got != tc.want {
				t.Errorf("%s.%s: %s, want %s", tc.event, tc.param, got, tc.want)
			}
		}
		if !found {
			t.Errorf("%s has no parameter %s", tc.event, tc.param)
		}
	}
}

// apply runs the plan that the C text is written from.
func apply(c *schema.Conversion, a schema.Arch, v uint32) (uint32, bool) {
	if c.Enum {
		for _, r := range enumRuns(c) {
			if (r.arch == "" || r.arch == a) && v >= r.first && v <= r.last {
				return r.out + v - r.first, true
			}
		}
		return 0, false
	}
	var f uint32
	for _, m := range bitMoves(c) {
		if m.arch != "" && m.arch != a {
			continue
		}
		if m.shift >= 0 {
			f |= v & m.mask << m.shift
		} else {
			f |= v & m.mask >> -m.shift
		}
	}
	return f, true
}

func TestConversionsGiveThePortableValue(t *testing.T) {
	for _, c := range load(t).Conversions {
		for _, a := range schema.Archs {
			known := map[uint32]uint32{}
			var all, want uint32
			for _, v := range c.Values {
				if v.Arch == "" || v.Arch == a {
					known[v.Kernel] = v.Portable
					all |= v.Kernel
					want |= v.Portable
				}
			}
			for k, portable := range known {
				if got, ok := apply(c, a, k); !ok || got != portable {
					t.Errorf("%s on %s: %#x becomes %#x, want %#x", c.Name, a, k, got, portable)
				}
			}
			if !c.Enum {
				if got, _ := apply(c, a, all); got != want {
					t.Errorf("%s on %s: all bits become %#x, want %#x", c.Name, a, got, want)
				}
				if got, _ := apply(c, a, ^all); got != 0 {
					t.Errorf("%s on %s: unknown bits become %#x", c.Name, a, got)
				}
				continue
			}
			for k := range uint32(0x5000) {
				if _, ok := apply(c, a, k); ok {
					if _, ok := known[k]; !ok {
						t.Errorf("%s on %s: %d is no known value, but converted", c.Name, a, k)
					}
				}
			}
		}
	}
}

func TestListNamesEveryFiller(t *testing.T) {
	s := load(t)
	list, err := cList(s)
	if err != nil {
		t.Fatal(err)
	}
	fillers, err := cFillers(s)
	if err != nil {
		t.Fatal(err)
	}
	generated := len(regexp.MustCompile(`(?m)^TCL_INLINE int tcl_fill_`).FindAll(fillers, -1))
	simple, all := 0, 0
	for _, h := range s.Events {
		if !h.HasFiller() {
			continue
		}
		all++
		if h.Generated() {
			simple++
		}
		if !strings.Contains(string(list), "X("+h.Ident()+", "+h.Enum+", ") {
			t.Errorf("%s is not in the list", h.Enum)
		}
	}
	if n := bytes.Count(list, []byte("\tX(")); n != all {
		t.Errorf("the list has %d events, want %d", n, all)
	}
	if generated != simple {
		t.Errorf("%d fillers are generated, want %d", generated, simple)
	}
}

func TestHeadersIncludeNoSystemHeader(t *testing.T) {
	files, err := generate(load(t))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if !strings.HasSuffix(name, ".h") {
			continue
		}
		if bytes.Contains(text, []byte("#include <")) {
			t.Errorf("%s includes a system header", name)
		}
		if !bytes.HasPrefix(text, []byte("/* SPDX-License-Identifier: GPL-2.0-only OR MIT */\n/* "+notice)) {
			t.Errorf("%s does not start with licence and notice", name)
		}
	}
}

// The calls whose arguments another thread could rewrite before the exit are
// read at their entry too, by fillers that the generated lists leave alone.
func TestCallsThatCanBeRacedHaveEnterEvents(t *testing.T) {
	s := load(t)
	fillers, err := os.ReadFile(filepath.Join("..", "..", "probe", "fill_enter.h"))
	if err != nil {
		t.Fatal(err)
	}
	list, err := cList(s)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"open", "openat", "openat2", "creat", "connect"} {
		h := s.Call(name).Enter()
		if h == nil || !h.Live() || h.Filler != schema.FillerEnter {
			t.Errorf("%s has no enter event", name)
			continue
		}
		if !bytes.Contains(fillers, fmt.Appendf(nil, "\tX(%s, %s, %d)", h.Ident(), h.Enum, len(h.Params))) ||
			!bytes.Contains(fillers, []byte("tcl_fill_"+h.Ident()+"(struct tcl_ctx *c)")) {
			t.Errorf("fill_enter.h lacks %s with %d parameters", h.Enum, len(h.Params))
		}
		if bytes.Contains(list, []byte(h.Enum+",")) {
			t.Errorf("%s is in the list of what every driver makes", h.Enum)
		}
	}
}
