// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestOnlyCleanMappingsOfTheProgramAreGivenBack(t *testing.T) {
	smaps := `00400000-00401000 r--p 00000000 00:1f 12345                              /usr/bin/tiercel
Size:                  4 kB
Private_Dirty:         0 kB
00401000-00501000 r-xp 00001000 00:1f 12345                              /usr/bin/tiercel
Private_Dirty:         0 kB
00501000-00601000 r--p 00101000 00:1f 12345                              /usr/bin/tiercel
Private_Dirty:         8 kB
00601000-00701000 rw-p 00201000 00:1f 12345                              /usr/bin/tiercel
Private_Dirty:         0 kB
c000000000-c000400000 rw-p 00000000 00:00 0
Private_Dirty:      4096 kB
7f0000000000-7f0000001000 r-xp 00000000 00:1f 99                         /usr/lib/libc.so.6
Private_Dirty:         0 kB
zz-7f r-xp 00000000 00:1f 99                         /usr/bin/tiercel
Private_Dirty:         0 kB
00801000-00901000 r-xp 00001000 00:1f 12345                              /usr/bin/tiercel
`
	got := cleanMappings(strings.NewReader(smaps), "/usr/bin/tiercel")
	want := []mapping{{0x400000, 0x401000}, {0x401000, 0x501000}}
	if d := cmp.Diff(want, got, cmp.AllowUnexported(mapping{})); d != "" {
		t.Error(d)
	}
}
