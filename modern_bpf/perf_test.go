// SPDX-License-Identifier: Apache-2.0

package modernbpf

import (
	"errors"
	"io/fs"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// Debian's kernels want CAP_SYS_ADMIN at their level 3, which only one unit has.
func TestARefusedPerfBufferNamesTheLevel(t *testing.T) {
	for _, c := range []struct{ level, want, not string }{
		{"3\n", "kernel.perf_event_paranoid is 3", "CAP_PERFMON"},
		{"4\n", "tiercel driver set bpf", "CAP_PERFMON"},
		{"2\n", "CAP_PERFMON", "paranoid"},
		{"", "CAP_PERFMON", "paranoid"},
	} {
		err := error(&PermissionError{Doing: "open a perf buffer on CPU 0", Hint: perfHint(c.level), Err: unix.EACCES})
		if text := err.Error(); !strings.Contains(text, c.want) || strings.Contains(text, c.not) || !errors.Is(err, fs.ErrPermission) {
			t.Errorf("at level %q: %v", c.level, err)
		}
	}
	if err := perfError(unix.EMFILE, 1); errors.Is(err, fs.ErrPermission) || !errors.Is(err, unix.EMFILE) {
		t.Error(err)
	}
}
