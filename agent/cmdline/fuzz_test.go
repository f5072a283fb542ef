// SPDX-License-Identifier: Apache-2.0

package cmdline

import (
	"strings"
	"testing"
)

// Any command line is understood or refused with a text of one line.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"-c x -o a=b -V f", "-LN --list=syscall --format=json", "rules check --strict a b -j", "rules test x --run y -v",
		"syscalls diff a b --exit-code", "capture record f -z -C 5 evt.type=open", "-t a -t b -M 5", "driver doctor --json", "--", "-",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		args := strings.Fields(line)
		o, err := Parse(args)
		switch {
		case err != nil && err.Error() == "":
			t.Error("an error without a text")
		case err == nil && o == nil:
			t.Error("neither options nor an error")
		}
	})
}
