// SPDX-License-Identifier: Apache-2.0

package modernbpf

import (
	"bufio"
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

var update = flag.Bool("update", false, "write testdata/verifier of the running kernel anew")

// kernelRelease is the architecture and the first two numbers of the release.
func kernelRelease(t *testing.T) string {
	t.Helper()
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		t.Fatal(err)
	}
	parts := strings.FieldsFunc(unix.ByteSliceToString(u.Release[:]), func(r rune) bool { return r < '0' || r > '9' })
	if len(parts) < 2 {
		t.Fatalf("release %q", u.Release)
	}
	return runtime.GOARCH + "-" + parts[0] + "." + parts[1]
}

// verifierWork loads every program and returns how many instructions the
// kernel's verifier has looked at.
func verifierWork(t *testing.T) map[string]uint32 {
	t.Helper()
	needLive(t)
	d, err := Open(Options{DynamicSnapLen: true, SnapLen: MaxSnapLen})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	var names []string
	for n := range d.progs.spec.Programs {
		names = append(names, n)
	}
	if err := d.progs.loadAll(names); err != nil {
		t.Fatal(err)
	}
	work := make(map[string]uint32)
	for _, n := range names {
		if err := d.progs.refused[n]; err != nil {
			if optional(n) {
				t.Logf("%s: %v", n, err)
				continue
			}
			t.Errorf("%s: %+v", n, err)
			continue
		}
		info, err := d.progs.loaded[n].Info()
		if err != nil {
			t.Fatal(err)
		}
		w, ok := info.VerifiedInstructions()
		if !ok {
			t.Skip("all programs load; this kernel does not tell the work (needs 5.16)")
		}
		work[n] = w
	}
	return work
}

// The verifier's work on each program: nothing near the limit of a million, at
// which 5.10 gives up, and nothing much more than what is committed for this
// kernel. Run with -update after a change that is worth its price.
func TestLiveVerifierWork(t *testing.T) {
	work := verifierWork(t)
	const most = 100_000 // older compilers and kernels need more
	var names []string
	total := 0
	for n, w := range work {
		names = append(names, n)
		total += int(w)
		if w > most {
			t.Errorf("%s: the verifier looks at %d instructions, want at most %d", n, w, most)
		}
	}
	slices.Sort(names)
	t.Logf("%d programs, %d instructions in all", len(names), total)

	file := filepath.Join("testdata", "verifier", kernelRelease(t)+".tsv")
	if *update {
		var b bytes.Buffer
		fmt.Fprintln(&b, "# Instructions that the verifier looks at, by program: go test ./modern_bpf -run VerifierWork -update")
		for _, n := range names {
			fmt.Fprintf(&b, "%s\t%d\n", n, work[n])
		}
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := readWork(file)
	if errors.Is(err, fs.ErrNotExist) {
		t.Skipf("no table for this kernel: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		w, ok := want[n]
		if !ok {
			t.Errorf("%s (%d instructions) is not in %s: run with -update", n, work[n], file)
			continue
		}
		// A tenth more comes of a compiler's mood; the constant is for small ones.
		if limit := w + w/10 + 100; work[n] > limit {
			t.Errorf("%s: the verifier looks at %d instructions, %d are committed", n, work[n], w)
		}
	}
	for n := range want {
		if _, ok := work[n]; !ok {
			t.Errorf("%s is in %s but not loaded: run with -update", n, file)
		}
	}
}

func readWork(file string) (map[string]uint32, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	work := make(map[string]uint32)
	for sc := bufio.NewScanner(bytes.NewReader(b)); sc.Scan(); {
		if strings.HasPrefix(sc.Text(), "#") {
			continue
		}
		name, n, _ := strings.Cut(sc.Text(), "\t")
		v, err := strconv.ParseUint(n, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("%s: line %q: %w", file, sc.Text(), err)
		}
		work[name] = uint32(v)
	}
	return work, nil
}

// optional says whether a kernel may lack the program's tracepoint.
func optional(name string) bool {
	for h := firstOptionalHook; h < numHooks; h++ {
		if hookPrograms[h].first == name {
			return true
		}
	}
	return false
}
