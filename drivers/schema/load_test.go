// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/fstest"
)

// small is the least schema: the generic event and one call.
func small(events string) fstest.MapFS {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	return fstest.MapFS{
		"flags.yaml":       file("colours:\n  values:\n    RED: 1\n    BLUE: 4\n"),
		"dynamic.yaml":     file("shape:\n  - {name: NUM, type: int64}\n"),
		"conversions.yaml": file("hand: [by_hand]\ngenerated:\n  paint:\n    table: colours\n    values: {RED: 0x100}\n"),
		"syscalls.yaml":    file("reserved: [0]\ngeneric:\n  getpid: {sc: 1, x86_64: 39}\n"),
		"sets.yaml":        file("mine:\n  doc: some\n  calls: [getpid]\n"),
		"events/a.yaml":    file(generic + events),
	}
}

const generic = `- event: GENERIC
  code: 0
  name: syscall
  category: other
  enter: {}
  exit:
    filler: hand
    params:
      - {name: ID, type: syscallid, from: the code}
`

// line of the first line behind generic.
const genericLines = 9

func TestLoadSmallSchema(t *testing.T) {
	s, err := LoadFS(small(`- event: SYSCALL_PAINT
  code: 2
  name: paint
  category: file
  flags: [uses_fd]
  calls:
    paint: {sc: 2, x86_64: 500, ia32: [7, 9], sampling: never, drops: open}
  exit:
    fd: fd
    params:
      - {name: res, type: errno, from: ret}
      - {name: fd, type: fd, from: arg 0}
      - {name: what, type: fsrelpath, dirfd: fd, from: arg 1 as path}
      - {name: how, type: flags32, table: colours, from: arg 2 as paint}
`))
	if err != nil {
		t.Fatal(err)
	}
	h := s.Event("PPME_SYSCALL_PAINT_X")
	if h == nil || h.Code != 3 || h.FD != 1 || !h.Generated() || h.Params[2].DirFD != 1 {
		t.Errorf("exit half: %+v", h)
	}
	if e := s.Event("PPME_SYSCALL_PAINT_E"); e.Status != StatusUnused || e.Name() != "NA" {
		t.Errorf("a half that is not described is %s %q", e.Status, e.Name())
	}
	c := s.Call("paint")
	if c.Number[AMD64] != 500 || len(c.IA32) != 2 || c.Exit() != h || len(c.Events) != 1 {
		t.Errorf("call: %+v", c)
	}
}

func TestErrorsNameFileAndLine(t *testing.T) {
	// Each case is the part of an event behind its first lines.
	const head = "- event: SYSCALL_PAINT\n  code: 2\n  name: paint\n  category: file\n"
	const calls = "  calls:\n    paint: {sc: 2, x86_64: 5}\n"
	param := func(p string) string { return calls + "  exit:\n    params:\n      - " + p + "\n" }
	const first = genericLines + 5 // line of the first of those
	for _, tc := range []struct {
		name, text string
		line       int
		want       string
	}{
		{"unknown key", "  colour: red\n", first, `unknown key "colour"`},
		{"unknown flag", "  flags: [shiny]\n", first, `"shiny" is not one of creates_fd`},
		{"unknown status", "  status: old\n", first, `"old" is not one of unused-slot`},
		{"call without code", "  calls:\n    paint: {x86_64: 5}\n", first + 1, "the entry has no sc"},
		{"call defined twice", "  calls:\n    getpid: {sc: 2}\n", first + 1, "call getpid is already defined at syscalls.yaml:3"},
		{"code of a call used twice", "  calls:\n    paint: {sc: 1}\n", first + 1, "SC code 1 of paint is already used at syscalls.yaml:3"},
		{"hole in the codes", "  calls:\n    paint: {sc: 7}\n", first + 1, "SC codes have a hole: 2 to 6 are missing"},
		{"number used twice", "  calls:\n    paint: {sc: 2, x86_64: 39}\n", first + 1, "x86_64 number 39 of paint is already that of getpid"},
		{"number too large", "  calls:\n    paint: {sc: 2, x86_64: 5000}\n", first + 1, "5000 is out of range"},
		{"32-bit number without a native one", "  calls:\n    paint: {sc: 2, ia32: 5}\n", first + 1, "call paint has a 32-bit number, but no x86_64 number"},
		{"reference to an unknown call", "  calls: [draw]\n", genericLines + 1, `event SYSCALL_PAINT: no call "draw" is defined`},
		{"parameter without name", param("{type: errno, from: ret}"), first + 4, "the entry has no name"},
		{"no source", param("{name: res, type: errno}"), first + 4, "PPME_SYSCALL_PAINT_X: parameter res has no source"},
		{"bad source", param("{name: res, type: errno, from: arg 9}"), first + 4, `parameter res: argument "9" is not a number`},
		{"unknown conversion", param("{name: res, type: errno, from: arg 1 as dye}"), first + 4, `no conversion "dye" (see conversions.yaml)`},
		{"string from a number", param("{name: res, type: charbuf, from: ret}"), first + 4, "a number cannot become a parameter of type charbuf"},
		{"number from a string", param("{name: res, type: errno, from: arg 1 as path}"), first + 4, "a string cannot become a parameter of type errno"},
		{"constant too large", param("{name: res, type: uint8, from: const 256}"), first + 4, "256 does not fit type uint8"},
		{"unknown type", param("{name: res, type: float}"), first + 4, `parameter res: unknown type "float"`},
		{"unknown table", param("{name: res, type: flags32, table: sizes, from: ret}"), first + 4, `no table "sizes" for parameter res`},
		{"unknown directory", param("{name: p, type: fsrelpath, dirfd: dir, from: arg 1 as path}"), first + 4, `dirfd of p names no fd parameter: "dir"`},
		{"parameter twice", param("{name: p, type: errno, from: ret}\n      - {name: p, type: errno, from: ret}"), first + 5, "parameter p is given twice"},
		{"descriptor that is no parameter", calls + "  exit:\n    fd: nope\n", first + 3, `fd names no parameter: "nope"`},
		{"parts without a hand filler", calls + "  exit: {parts: 2}\n", first + 2, "only a filler by hand can have parts"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := LoadFS(small(head + tc.text))
			if err == nil {
				t.Fatal("no error")
			}
			if want := (Pos{"events/a.yaml", tc.line}).String() + ": "; !strings.HasPrefix(err.Error(), want) {
				t.Errorf("error %q does not start with %q", err, want)
			}
			if !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %q does not contain %q", err, tc.want)
			}
		})
	}
}

func TestErrorsOfEventCodes(t *testing.T) {
	event := func(name, code string) string {
		return "- event: " + name + "\n  code: " + code + "\n  name: x\n  category: file\n  exit: {}\n"
	}
	for _, tc := range []struct{ name, text, want string }{
		{"odd", event("A", "3"), "3 is odd: the code is that of the enter half"},
		{"used twice", event("A", "2") + event("B", "2"), "event code 2 is already used at events/a.yaml:10"},
		{"hole", event("A", "6"), "event codes have a hole: 2 to 5 are missing"},
		{"same name", event("A", "2") + event("A", "4"), "event A is already defined at events/a.yaml:10"},
		{"no code", "- event: A\n  name: x\n  category: file\n", "the entry has no code"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := LoadFS(small(tc.text))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want %q", err, tc.want)
			}
		})
	}
}

func TestErrorsOfConversions(t *testing.T) {
	for _, tc := range []struct{ name, text, want string }{
		{"no table", "  x: {table: sizes, values: {}}\n", `conversion x: no flag table "sizes"`},
		{"no such name", "  x: {table: colours, values: {PINK: 1}}\n", "conversion x: table colours has no PINK"},
		{"two bits", "  x: {table: colours, values: {RED: 3}}\n", "RED is not a single bit on both sides"},
		{"same value", "  x: {table: colours, values: {RED: 2, BLUE: 2}}\n", "kernel value 2 has two meanings"},
		{"twice", "  by_hand: {table: colours, values: {RED: 2}}\n", "conversion by_hand is there twice"},
		{"unknown architecture", "  x: {table: colours, values: {RED: {mips: 2}}}\n", `unknown key "mips"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			fsys := small("")
			fsys["conversions.yaml"].Data = []byte("hand: [by_hand]\ngenerated:\n" + tc.text)
			_, err := LoadFS(fsys)
			if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.HasPrefix(err.Error(), "conversions.yaml:3: ") {
				t.Errorf("error %v, want conversions.yaml:3: ... %q", err, tc.want)
			}
		})
	}
}

func TestFilesMustHaveTheirSections(t *testing.T) {
	for _, tc := range []struct{ file, text, want string }{
		{"syscalls.yaml", "reserved: [0]\n", "syscalls.yaml:1: the entry has no generic"},
		{"flags.yaml", "colours: {}\n", "flags.yaml:1: the entry has no values"},
		{"sets.yaml", "mine: {calls: []}\n", "sets.yaml:1: the entry has no doc"},
		{"sets.yaml", "mine: {doc: x, calls: [draw]}\n", `sets.yaml:1: set mine: no call "draw" is defined`},
		{"conversions.yaml", "hand: []\n", "conversions.yaml:1: the entry has no generated"},
		{"dynamic.yaml", "", "dynamic.yaml:1: the file is empty"},
		{"events/a.yaml", "events: []\n", "events/a.yaml:1: want a list"},
		{"events/a.yaml", "- [\n", "events/a.yaml: "},
	} {
		fsys := small("")
		fsys[tc.file].Data = []byte(tc.text)
		if _, err := LoadFS(fsys); err == nil || !strings.HasPrefix(err.Error(), tc.want) {
			t.Errorf("%s with %q: error %v, want %s", tc.file, tc.text, err, tc.want)
		}
	}
}

func FuzzLoadEvents(f *testing.F) {
	f.Add("")
	f.Add("- event: A\n  code: 2\n  name: x\n  category: file\n  exit: {}\n")
	f.Add("- {event: A, code: 2, name: x, category: file, calls: {x: {sc: 2}}, exit: {params: [{name: r, type: errno, from: ret}]}}\n")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := LoadFS(small(text))
		if err != nil {
			return
		}
		for i, h := range s.Events {
			if h.Code != i {
				t.Fatalf("event %d has code %d", i, h.Code)
			}
		}
	})
}

// The worked example of README.md must work on the project's own data.
func TestReadmeExample(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok1 := strings.Cut(string(text), "```yaml\n")
	example, _, ok2 := strings.Cut(rest, "```")
	if !ok1 || !ok2 {
		t.Fatal("README.md has no example")
	}
	fsys := fstest.MapFS{"events/readme.yaml": &fstest.MapFile{Data: []byte(example)}}
	for _, pattern := range []string{"*.yaml", "events/*.yaml"} {
		files, err := fs.Glob(data, pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			b, err := fs.ReadFile(data, f)
			if err != nil {
				t.Fatal(err)
			}
			fsys[f] = &fstest.MapFile{Data: b}
		}
	}
	s, err := LoadFS(fsys)
	if err != nil {
		t.Fatal(err)
	}
	c := s.Call("paint")
	if c == nil || c.Exit() == nil || !c.Exit().Generated() || c.Number[ARM64] != 500 {
		t.Errorf("the example made %+v", c)
	}
}
