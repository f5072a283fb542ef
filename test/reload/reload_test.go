// SPDX-License-Identifier: Apache-2.0

package reload

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	defaultrules "github.com/tiercel/tiercel/rules/default"
	"github.com/tiercel/tiercel/test/live"
)

const (
	reloads = 100
	// maxGrowth is what the agent's own memory may grow over most of the
	// reloads, in KiB. One generation of these rules is about a megabyte.
	maxGrowth = 16 << 10
)

// agent is a running tiercel.
type agent struct {
	cmd    *exec.Cmd
	mu     sync.Mutex
	stderr bytes.Buffer
	report bytes.Buffer // what is no alert
	seen   map[int]int  // alerts by number
	texts  map[string]int
	odd    []string
	done   chan struct{}
	files  string
}

// Write implements io.Writer for standard error.
func (a *agent) Write(p []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.stderr.Write(p)
}

func (a *agent) log() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.stderr.String()
}

func build(t *testing.T, dir string) string {
	t.Helper()
	bin := filepath.Join(dir, "tiercel")
	cmd := exec.Command("go", "build", "-o", bin, "github.com/tiercel/tiercel/agent/cmd/tiercel")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return bin
}

// generation is the rules file of the nth reload. The numbered rule says which
// generation it is; another one asks for a call that the generation before it
// did not, so that the driver's selection changes too.
func generation(n int, dir string) string {
	call := []string{"chmod", "chown", "mkdir", "rename", "sethostname"}[n%5]
	return fmt.Sprintf(`
- rule: Numbered
  desc: one of the load's opens
  condition: evt.type in (open, openat) and fd.name startswith %s/
  output: "gen-%d %%fd.name"
  priority: WARNING
- rule: Other call of generation %d
  desc: changes the selection
  condition: evt.type = %s and proc.name = no-such-program
  output: "%%evt.type"
  priority: WARNING
`, dir, n, n, call)
}

func start(t *testing.T, bin, rules, own, dir string) *agent {
	t.Helper()
	a := &agent{seen: map[int]int{}, texts: map[string]int{}, done: make(chan struct{}), files: dir}
	a.cmd = exec.Command(bin, "-r", own, "-r", rules, "-o", "json_output=true", "-o", "engine.kind=modern_ebpf",
		"-o", "watch_debounce_ms=10", "-o", "log_stderr=true", "-o", "log_syslog=false")
	a.cmd.Stderr = a
	out, err := a.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := a.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go a.read(out)
	return a
}

// read counts the alerts by number and keeps what is none.
func (a *agent) read(out io.Reader) {
	defer close(a.done)
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var al struct {
			Rule   string         `json:"rule"`
			Output string         `json:"output"`
			Fields map[string]any `json:"output_fields"`
		}
		a.mu.Lock()
		switch err := json.Unmarshal(lines.Bytes(), &al); {
		case err != nil:
			a.report.Write(append(lines.Bytes(), '\n'))
		case al.Rule == "Numbered":
			name, _ := al.Fields["fd.name"].(string)
			n, err := strconv.Atoi(strings.TrimPrefix(name, a.files+"/"))
			if err != nil {
				a.odd = append(a.odd, lines.Text())
			}
			a.seen[n]++
			_, text, _ := strings.Cut(al.Output, "Warning ")
			gen, _, _ := strings.Cut(text, " ")
			a.texts[gen]++
		case strings.Contains(al.Rule, "internal"):
			a.odd = append(a.odd, lines.Text())
		}
		a.mu.Unlock()
	}
}

func (a *agent) await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			_ = a.cmd.Process.Kill()
			t.Fatalf("waiting for %s\n%s", what, a.log())
		}
	}
}

// memory returns the agent's anonymous memory in KiB.
func (a *agent) memory(t *testing.T) int {
	t.Helper()
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", a.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(content)) {
		if n, ok := strings.CutPrefix(line, "RssAnon:"); ok {
			kb, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(n), " kB"))
			if err != nil {
				t.Fatal(err)
			}
			return kb
		}
	}
	t.Fatal("no RssAnon")
	return 0
}

var timing = regexp.MustCompile(`read and compiled in (\d+) ms, in force after (\d+) ms`)

func TestAHundredReloadsUnderLoadLoseNothing(t *testing.T) {
	live.Require(t)
	tmp := t.TempDir()
	bin := build(t, tmp)
	dir := filepath.Join(tmp, "numbers")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	rules, own := filepath.Join(tmp, "rules.yaml"), filepath.Join(tmp, "numbered.yaml")
	write(t, rules, string(defaultrules.Content()))
	write(t, own, generation(0, dir))
	a := start(t, bin, rules, own, dir)
	defer func() {
		_ = a.cmd.Process.Kill()
		<-a.done
	}()
	a.await(t, "the start", func() bool { return strings.Contains(a.log(), "Watching: ") })

	load := exec.Command(os.Args[0])
	load.Env = append(os.Environ(), loadDir+"="+dir)
	hold, err := load.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var count bytes.Buffer
	load.Stdout = &count
	if err := load.Start(); err != nil {
		t.Fatal(err)
	}
	memory := 0
	for i := 1; i <= reloads; i++ {
		if i == reloads/5 {
			memory = a.memory(t)
		}
		write(t, own+".new", generation(i, dir))
		if err := os.Rename(own+".new", own); err != nil {
			t.Fatal(err)
		}
		a.await(t, fmt.Sprintf("reload %d", i), func() bool { return strings.Count(a.log(), "Reloaded: ") >= i })
	}
	// A generation that was not freed would be seen eighty times.
	grown := a.memory(t) - memory
	t.Logf("anonymous memory: %d KiB after %d reloads, %+d KiB %d reloads later", memory, reloads/5, grown, reloads-reloads/5)
	if grown > maxGrowth {
		t.Errorf("%d reloads made the agent %d KiB larger", reloads-reloads/5, grown)
	}
	hold.Close()
	if err := load.Wait(); err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(count.String()))
	if err != nil {
		t.Fatal(err)
	}
	a.await(t, "the last alert", func() bool {
		a.mu.Lock()
		defer a.mu.Unlock()
		return a.seen[n-1] > 0 || strings.Contains(a.stderr.String(), "Lost ")
	})
	_ = a.cmd.Process.Signal(syscall.SIGINT)
	<-a.done
	if err := a.cmd.Wait(); err != nil {
		t.Errorf("the agent did not end cleanly: %v\n%s", err, a.log())
	}
	a.judge(t, n)
}

// judge wants each number exactly once, nothing lost, and counters that went on.
func (a *agent) judge(t *testing.T, n int) {
	t.Helper()
	missing, twice := 0, 0
	for i := range n {
		switch a.seen[i] {
		case 0:
			missing++
		case 1:
		default:
			twice++
		}
	}
	if missing+twice > 0 || len(a.seen) != n {
		t.Errorf("of %d opens %d have no alert and %d more than one (%d numbers seen)", n, missing, twice, len(a.seen))
	}
	if len(a.odd) > 0 {
		t.Errorf("%d messages that should not be, the first is %s", len(a.odd), a.odd[0])
	}
	report := a.report.String()
	if !strings.Contains(report, "   lost: 0\n") || strings.Contains(a.log(), "Lost ") {
		t.Errorf("events were lost\n%s\n%s", report, a.log())
	}
	if want := fmt.Sprintf("   Numbered: %d\n", n); !strings.Contains(report, want) {
		t.Errorf("the counters did not go on: no %q in\n%s", want, report)
	}
	if len(a.texts) < reloads/2 {
		t.Errorf("only %d generations of the rule made alerts", len(a.texts))
	}
	var built, force []int
	for _, m := range timing.FindAllStringSubmatch(a.log(), -1) {
		b, _ := strconv.Atoi(m[1])
		f, _ := strconv.Atoi(m[2])
		built, force = append(built, b), append(force, f)
	}
	slices.Sort(built)
	slices.Sort(force)
	t.Logf("%d opens, %d reloads, %d generations made alerts; read and compiled: median %d ms, max %d ms; in force after: median %d ms, max %d ms",
		n, len(force), len(a.texts), built[len(built)/2], built[len(built)-1], force[len(force)/2], force[len(force)-1])
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}
