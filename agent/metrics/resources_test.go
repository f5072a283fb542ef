// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// fakeRoot is a /proc and a /sys/fs/cgroup of files.
func fakeRoot(t *testing.T, files map[string]string) *resourceReader {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		name = filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return &resourceReader{own: filepath.Join(root, "proc"), host: filepath.Join(root, "proc"), cgroup: filepath.Join(root, "cgroup")}
}

const procStat = "cpu  100 50 150 600 50 20 30 0 10 0\ncpu0 100 50 150 600 50 20 30 0 10 0\nintr 1 2\nctxt 5\nbtime 1700000000\nprocesses 9\nprocs_running 3\nprocs_blocked 0\n"

func TestResourcesOfTheHost(t *testing.T) {
	r := fakeRoot(t, map[string]string{
		"proc/stat":           procStat,
		"proc/meminfo":        "MemTotal: 8000 kB\nMemFree: 1000 kB\nBuffers: 500 kB\nCached: 2500 kB\n",
		"proc/sys/fs/file-nr": "1234\t0\t9223372036854775807\n",
	})
	var got Resources
	if err := r.readHost(&got); err != nil {
		t.Fatal(err)
	}
	// Idle and waiting are 650 of 1000.
	want := Resources{HostCPUPercent: 35, HostMemory: 4000 << 10, HostRunning: 3, HostOpenFDs: 1234}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

func TestWhatIsMissingIsNamedAndTheRestIsThere(t *testing.T) {
	r := fakeRoot(t, map[string]string{"proc/stat": procStat})
	got, err := r.read()
	if err == nil || !strings.Contains(err.Error(), "meminfo") || !strings.Contains(err.Error(), "file-nr") {
		t.Errorf("got %v", err)
	}
	if got.HostRunning != 3 {
		t.Errorf("the rest: %+v", got)
	}
}

func TestOwnResourcesAreThoseOfThisProcess(t *testing.T) {
	got, err := newResourceReader(&Options{}).read()
	if err != nil {
		t.Fatal(err)
	}
	if got.RSS < 1<<20 || got.VSZ < got.RSS || got.PSS == 0 || got.PSS > got.RSS*2 {
		t.Errorf("memory: %+v", got)
	}
	if got.HostMemory == 0 || got.HostOpenFDs == 0 || got.HostRunning == 0 || got.HostCPUPercent < 0 || got.HostCPUPercent > 100 {
		t.Errorf("host: %+v", got)
	}
}

func TestMemoryOfTheOwnCgroup(t *testing.T) {
	for _, c := range []struct {
		name  string
		files map[string]string
		want  uint64
	}{
		{"version 2", map[string]string{
			"proc/self/cgroup": "0::/system.slice/tiercel.service\n", "cgroup/system.slice/tiercel.service/memory.current": "4096\n"}, 4096},
		{"version 2 in a namespace of its own", map[string]string{
			"proc/self/cgroup": "0::/../../elsewhere\n", "cgroup/memory.current": "8192\n"}, 8192},
		{"version 1", map[string]string{
			"proc/self/cgroup": "5:cpu,cpuacct:/x\n4:memory:/docker/abc\n", "cgroup/memory/docker/abc/memory.usage_in_bytes": "77\n"}, 77},
		{"version 1 in a container", map[string]string{
			"proc/self/cgroup": "4:memory:/docker/abc\n", "cgroup/memory/memory.usage_in_bytes": "78\n"}, 78},
		{"both, the controller is in version 1", map[string]string{
			"proc/self/cgroup": "4:memory:/a\n0::/a\n", "cgroup/memory/a/memory.usage_in_bytes": "79\n"}, 79},
		{"none", map[string]string{"proc/self/cgroup": "0::/\n"}, 0},
		{"no number", map[string]string{"proc/self/cgroup": "0::/a\n", "cgroup/a/memory.current": "max\n"}, 0},
		{"no cgroups", nil, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := fakeRoot(t, c.files).containerMemory(); got != c.want {
				t.Errorf("got %d, want %d", got, c.want)
			}
		})
	}
}

func TestMemoryFileOfTheEnvironmentWins(t *testing.T) {
	file := filepath.Join(t.TempDir(), "usage")
	if err := os.WriteFile(file, []byte("99"), 0o644); err != nil {
		t.Fatal(err)
	}
	r := newResourceReader(&Options{Env: func(string) (string, bool) { return file, true }})
	if got := r.containerMemory(); got != 99 {
		t.Errorf("got %d", got)
	}
}

func FuzzMemoryFiles(f *testing.F) {
	for _, seed := range []string{"0::/\n", "4:memory:/a/../../etc\n", "4:cpu,memory:/a:b\n", ":::", "\n\n", "0::relative"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, file := range memoryFiles(text) {
			if !strings.HasPrefix(file, "/") || filepath.Clean(file) != file || strings.Contains(file, "/../") {
				t.Errorf("%q gives %q", text, file)
			}
		}
	})
}

func FuzzFileNr(f *testing.F) {
	for _, seed := range []string{"1 2 3\n", "", "1 2", "-1 0 0", "99999999999999999999 0 0"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if n, err := parseFileNr(text); err != nil && n != 0 {
			t.Errorf("%q: %d with %v", text, n, err)
		}
	})
}

func FuzzName(f *testing.F) {
	f.Add("Rule (CVE-2021)!")
	f.Fuzz(func(t *testing.T, text string) {
		if once := Name(text); Name(once) != once || strings.Contains(once, "__") || strings.HasSuffix(once, "_") && once != "" {
			t.Errorf("%q gives %q", text, once)
		}
	})
}

func BenchmarkResources(b *testing.B) {
	r := newResourceReader(&Options{})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.read(); err != nil {
			b.Fatal(err)
		}
	}
}
