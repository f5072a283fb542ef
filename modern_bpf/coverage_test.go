// SPDX-License-Identifier: Apache-2.0

package modernbpf

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/tiercel/tiercel/scap"
)

// untested are events that a driver of the reference makes and we have no test
// of, and why.
var untested = map[string]string{
	"EvSendX": "32-bit x86 alone; arrives as sendto", "EvRecvX": "32-bit x86 alone; arrives as recvfrom",
	"EvLlseekX": "32-bit calls alone", "EvMmap2X": "32-bit calls alone", "EvUmountV1X": "no architecture of ours has it",
	"EvCpuHotplugE": "not needed: a CPU that comes later shares a ring",
}

// Every event of the live drivers is provoked by a live test here or in
// test/fillers; at least its name stands in one.
func TestEveryEventHasALiveTest(t *testing.T) {
	var tests strings.Builder
	for _, dir := range []string{".", "../test/fillers"} {
		files, _ := filepath.Glob(filepath.Join(dir, "*live*_test.go"))
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			tests.Write(b)
		}
	}
	named := make(map[string]bool)
	for _, n := range regexp.MustCompile(`\bEv\w+`).FindAllString(tests.String(), -1) {
		named[n] = true
	}
	table, err := os.ReadFile("../scap/events_gen.go")
	if err != nil {
		t.Fatal(err)
	}
	live := make(map[string]bool)
	for i := range scap.Events {
		e := &scap.Events[i]
		iterator := strings.HasPrefix(e.Enum, "PPME_ITER_")
		entry := e.Class == scap.ClassSyscall && e.Code.IsEnter()
		live[e.Enum] = e.Status == scap.StatusDriver && !iterator && !entry
	}
	n := 0
	for _, m := range regexp.MustCompile(`Code: (Ev\w+), Enum: "(\w+)"`).FindAllStringSubmatch(string(table), -1) {
		if !live[m[2]] {
			continue
		}
		n++
		if named[m[1]] == (untested[m[1]] != "") {
			t.Errorf("%s: tested is %v, but it is listed as %q", m[1], named[m[1]], untested[m[1]])
		}
	}
	if n < 150 {
		t.Errorf("only %d live events found", n)
	}
}
