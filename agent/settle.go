// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"bufio"
	"io"
	"math"
	"os"
	"runtime/debug"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// settleMemory makes the process small after the start. Loading rules makes
// much garbage once; the event loop makes next to none, so a collection is rare
// and a low growth factor costs nothing while it halves the room for garbage.
// GOGC and GOMEMLIMIT in the environment keep their say.
func settleMemory(limit uint64) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(50)
	}
	if limit > 0 {
		limitMemory(limit)
	}
	go func() {
		debug.FreeOSMemory() // a collection, and the pages go back
		unmapProgram()
	}()
}

// limitMemory sets the size of the heap that is aimed for; 0 is none.
func limitMemory(limit uint64) {
	if os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	if limit == 0 || limit > math.MaxInt64 {
		limit = math.MaxInt64
	}
	debug.SetMemoryLimit(int64(limit))
}

// unmapProgram takes the pages of the program's own file out of this process's
// memory: more than half of them were needed by the start alone. Those that are
// needed again come back from the page cache at once.
func unmapProgram() {
	f, err := os.Open("/proc/self/smaps")
	if err != nil {
		return
	}
	defer f.Close()
	exe, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return
	}
	for _, m := range cleanMappings(f, exe) {
		// Advice: when it is refused the pages stay.
		_, _, _ = unix.Syscall(unix.SYS_MADVISE, m.from, m.to-m.from, unix.MADV_DONTNEED)
	}
}

type mapping struct{ from, to uintptr }

// cleanMappings returns the mappings of a file that cannot be written and that
// hold nothing but the file's content, out of the text of smaps(5).
func cleanMappings(smaps io.Reader, file string) []mapping {
	var found []mapping
	candidate := false // the last of found still has to be seen to be clean
	for s := bufio.NewScanner(smaps); s.Scan(); {
		fields := strings.Fields(s.Text())
		if len(fields) >= 3 && fields[0] == "Private_Dirty:" && candidate {
			if fields[1] != "0" {
				found = found[:len(found)-1]
			}
			candidate = false
		}
		if len(fields) != 6 || fields[5] != file || strings.Contains(fields[1], "w") {
			continue
		}
		if candidate {
			found = found[:len(found)-1]
		}
		from, to, _ := strings.Cut(fields[0], "-")
		a, err1 := strconv.ParseUint(from, 16, 64)
		b, err2 := strconv.ParseUint(to, 16, 64)
		if candidate = err1 == nil && err2 == nil && a < b; candidate {
			found = append(found, mapping{uintptr(a), uintptr(b)})
		}
	}
	if candidate {
		found = found[:len(found)-1]
	}
	return found
}
