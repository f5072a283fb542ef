// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"os"
	"regexp"
	"strings"
)

// Said is what a machine told of itself, in lines with marks: "@@OK name",
// "@@FAIL name: reason", "@@NOTE anything", and "@@DONE" at its end.
type Said struct {
	Passed, Failed []string
	Notes          []string
	Done           bool
	Oops           bool // the kernel told of a fault of its own
	Text           string
}

// ReadConsole reads the file that a machine's console went to.
func ReadConsole(path string) (Said, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return Said{}, err
	}
	return ParseConsole(string(b)), nil
}

// patched finds where a breakpoint was met that nobody handles, in the kernel's
// own code: that of a module has the module's name behind it.
var patched = regexp.MustCompile(`Oops: int3: (?s:.*?)RIP: 0010:\S+\n`)

// Emulated reports whether the oops is the emulator's: a kernel changes its code
// by way of breakpoints, and TCG's other thread may still run the breakpoint of
// a change that is over.
func (s *Said) Emulated() bool { return s.Oops && patched.MatchString(s.Text) }

// ParseConsole finds the marks in what a console got.
func ParseConsole(text string) Said {
	s := Said{Text: strings.ReplaceAll(text, "\r", "")}
	for line := range strings.Lines(s.Text) {
		line = strings.TrimSpace(line)
		for _, bad := range []string{"Kernel panic", "BUG:", "Oops", "general protection", "Internal error", "kernel BUG at"} {
			s.Oops = s.Oops || strings.Contains(line, bad)
		}
		if i := strings.Index(line, "@@"); i >= 0 { // behind what the kernel said meanwhile
			line = line[i:]
		}
		if name, ok := strings.CutPrefix(line, "@@OK "); ok {
			s.Passed = append(s.Passed, name)
		} else if name, ok := strings.CutPrefix(line, "@@FAIL "); ok {
			s.Failed = append(s.Failed, name)
		} else if what, ok := strings.CutPrefix(line, "@@NOTE "); ok {
			s.Notes = append(s.Notes, what)
		} else if line == "@@DONE" {
			s.Done = true
		}
	}
	return s
}
