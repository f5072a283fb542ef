// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tiercel/tiercel/scap"
)

// shared is where real captures lie, with what an existing tool prints of them.
const shared = "../../../shared/data/captures"

func realCaptures(tb testing.TB) []string {
	tb.Helper()
	paths, err := filepath.Glob(shared + "/*.scap")
	if err != nil {
		tb.Fatal(err)
	}
	if len(paths) == 0 {
		tb.Skipf("no real captures in %s; testdata covers the same ground", shared)
	}
	return paths
}

// readAll calls visit for each event of a capture, with its number from 1.
func readAll(src scap.Source, visit func(num int, e *scap.Event)) error {
	var b scap.Batch
	for num := 1; ; {
		err := src.Next(&b, 0)
		if err != nil {
			return err
		}
		for i := range b.Events {
			visit(num, &b.Events[i])
			num++
		}
		src.Release(&b)
	}
}

// name is what an existing tool calls an event: generic ones by their call.
func name(e *scap.Event) string {
	if t := e.Type(); t == scap.EvGenericE || t == scap.EvGenericX {
		if sc, ok := e.Uint(0); ok {
			if i := scap.SC(sc).Info(); i != nil {
				return i.Name
			}
		}
	}
	return e.Type().String()
}

// hidden are events that the existing tool counts, but prints only on request:
// what it tells itself, and the enter halves that are left.
func hidden(e *scap.Event) bool {
	i := e.Info()
	return i.Class == scap.ClassMetaevent || i.Class == scap.ClassSyscall && i.Dir == scap.Enter
}

func TestRealCapturesHaveTheEventsThatAnExistingToolSees(t *testing.T) {
	for _, path := range realCaptures(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			base := strings.TrimSuffix(filepath.Base(path), ".scap")
			f, err := os.Open(filepath.Join(shared, "expected", base+".events.txt"))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			want := map[int]string{}
			lines := bufio.NewScanner(f)
			lines.Buffer(nil, 1<<20)
			for lines.Scan() {
				var num int
				var rest [4]string
				if _, err := fmt.Sscan(lines.Text(), &num, &rest[0], &rest[1], &rest[2], &rest[3]); err != nil {
					t.Fatal(err)
				}
				want[num] = strings.Join(rest[:], " ")
			}
			r, err := Open(path, Options{Strict: true})
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			err = readAll(r, func(num int, e *scap.Event) {
				got := fmt.Sprintf("%d %d %d %s", e.Timestamp(), e.CPU, e.TID(), name(e))
				switch w, ok := want[num]; {
				case ok && got != w:
					t.Errorf("event %d: %s, want %s", num, got, w)
				case !ok && !hidden(e):
					t.Errorf("event %d (%s) is not shown by the existing tool", num, got)
				}
				delete(want, num)
			})
			if !errors.Is(err, io.EOF) {
				t.Error(err)
			}
			for num, w := range want {
				t.Errorf("event %d is missing: %s", num, w)
			}
		})
	}
}
