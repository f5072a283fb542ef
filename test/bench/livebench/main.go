// SPDX-License-Identifier: Apache-2.0

// Command livebench measures the agent on the running kernel and prints
// Markdown: the time from its start to the first alert, what it uses when
// nothing happens, and what one system call costs without it, beside an empty
// exit hook, when it is rejected and when it is collected. Rounds alternate
// between the variants, so that a drift of the machine hits all of them.
package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
)

// A rule that wants exactly the named calls and never matches.
const quietRule = `
- rule: Quiet
  desc: wants its calls and never matches
  condition: evt.type in (%s) and proc.name = no-such-program
  output: "%%evt.num"
  priority: DEBUG
`

var (
	agentBin = flag.String("agent", "bin/tiercel", "the agent's binary")
	rules    = flag.String("rules", "", "comma separated rules files for start, memory and idle cost (default: the built-in rules)")
	calls    = flag.Int("calls", 5_000_000, "system calls per variant and load, over all rounds")
	rounds   = flag.Int("rounds", 5, "rounds")
	starts   = flag.Int("starts", 10, "starts to time")
	idle     = flag.Duration("idle", 20*time.Second, "how long to watch the idle agent")
)

func main() {
	flag.Parse()
	dir, err := os.MkdirTemp("", "livebench-")
	if err == nil {
		defer os.RemoveAll(dir)
		err = bench(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "livebench:", err)
		os.Exit(1)
	}
}

func bench(dir string) error {
	sysload := filepath.Join(dir, "sysload")
	if out, err := exec.Command("go", "build", "-o", sysload, "github.com/tiercel/tiercel/test/bench/sysload").CombinedOutput(); err != nil {
		return fmt.Errorf("build sysload: %w\n%s", err, out)
	}
	if err := measureStarts(); err != nil {
		return err
	}
	if err := measureIdle(); err != nil {
		return err
	}
	return measureCalls(dir, sysload)
}

func ruleArgs() []string {
	var args []string
	for _, f := range strings.Split(*rules, ",") {
		if f != "" {
			args = append(args, "-r", f)
		}
	}
	return args
}

// agent is a running tiercel.
type agent struct {
	cmd   *exec.Cmd
	lines chan string
}

func start(args ...string) (*agent, error) {
	a := &agent{cmd: exec.Command(*agentBin, append([]string{"-U"}, args...)...), lines: make(chan string, 1024)}
	out, err := a.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	a.cmd.Stderr = io.Discard
	if err := a.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		for s := bufio.NewScanner(out); s.Scan(); {
			select {
			case a.lines <- s.Text():
			default:
			}
		}
		close(a.lines)
	}()
	return a, nil
}

func (a *agent) stop() {
	_ = a.cmd.Process.Signal(syscall.SIGTERM)
	for range a.lines {
	}
	_ = a.cmd.Wait()
}

// firstAlert reads the shadow file until an alert about it comes.
func (a *agent) firstAlert(within time.Duration) error {
	deadline := time.After(within)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case line, ok := <-a.lines:
			if !ok {
				return errors.New("the agent ended before its first alert; run it by hand to see why")
			}
			if strings.Contains(line, "/etc/shadow") {
				return nil
			}
		case <-tick.C:
			_ = exec.Command("head", "-c1", "/etc/shadow").Run()
		case <-deadline:
			return fmt.Errorf("no alert within %v", within)
		}
	}
}

func measureStarts() error {
	var took []float64
	for range *starts {
		begin := time.Now()
		a, err := start(ruleArgs()...)
		if err != nil {
			return err
		}
		err = a.firstAlert(10 * time.Second)
		took = append(took, float64(time.Since(begin).Milliseconds()))
		a.stop()
		if err != nil {
			return err
		}
	}
	slices.Sort(took)
	fmt.Printf("| from start to | min | median | max |\n|---|---|---|---|\n| first alert (a file read every 10 ms) | %.0f ms | %.0f ms | %.0f ms |\n\n",
		took[0], took[len(took)/2], took[len(took)-1])
	return nil
}

func measureIdle() error {
	a, err := start(ruleArgs()...)
	if err != nil {
		return err
	}
	defer a.stop()
	if err := a.firstAlert(10 * time.Second); err != nil {
		return err
	}
	time.Sleep(3 * time.Second)
	pid := a.cmd.Process.Pid
	before, err := cpuTicks(pid)
	if err != nil {
		return err
	}
	time.Sleep(*idle)
	after, err := cpuTicks(pid)
	if err != nil {
		return err
	}
	anon, rings, err := memory(pid)
	if err != nil {
		return err
	}
	fmt.Printf("| idle agent | |\n|---|---|\n| CPU over %v | %.2f %% of one core |\n| RSS beside the ring mappings | %.1f MB |\n| ring mappings (each ring is mapped twice) | %.1f MB |\n\n",
		*idle, float64(after-before)/100/idle.Seconds()*100, anon, rings)
	return nil
}

// cpuTicks returns user and system time in clock ticks (1/100 s).
func cpuTicks(pid int) (uint64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	f := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	u, err1 := strconv.ParseUint(f[11], 10, 64)
	s, err2 := strconv.ParseUint(f[12], 10, 64)
	return u + s, errors.Join(err1, err2)
}

// memory splits the resident set, in MB, into BPF maps and the rest.
func memory(pid int) (rest, rings float64, err error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps", pid))
	if err != nil {
		return 0, 0, err
	}
	inRing := false
	for _, line := range strings.Split(string(b), "\n") {
		f := strings.Fields(line)
		switch {
		case len(f) >= 5 && strings.Contains(f[0], "-"):
			inRing = strings.Contains(line, "bpf-map") || strings.Contains(line, "anon_inode:bpf")
		case len(f) == 3 && f[0] == "Rss:":
			kb, _ := strconv.ParseFloat(f[1], 64)
			if inRing {
				rings += kb / 1024
			} else {
				rest += kb / 1024
			}
		}
	}
	return rest, rings, nil
}

// variant is a state of the machine to measure a load in.
type variant struct {
	name string
	up   func() (down func(), err error)
}

func measureCalls(dir, sysload string) error {
	write := func(name, callNames string) (string, error) {
		path := filepath.Join(dir, name)
		return path, os.WriteFile(path, fmt.Appendf(nil, quietRule, callNames), 0o600)
	}
	unwanted, err := write("unwanted.yaml", "ptrace")
	if err != nil {
		return err
	}
	wanted, err := write("wanted.yaml", "getppid, open, openat, close, connect, write")
	if err != nil {
		return err
	}
	agentUp := func(args ...string) func() (func(), error) {
		return func() (func(), error) {
			a, err := start(args...)
			if err != nil {
				return nil, err
			}
			time.Sleep(1500 * time.Millisecond) // until its programs are attached
			return a.stop, nil
		}
	}
	variants := []variant{
		{"no agent", func() (func(), error) { return func() {}, nil }},
		{"empty exit hook", emptyHook},
		{"agent, call not selected", agentUp("-r", unwanted, "-o", "base_syscalls.custom_set[]=execve")},
		{"agent, call selected", agentUp("-r", wanted, "-A", "-o", "base_syscalls.custom_set[]=execve")},
	}
	names := []string{"getppid", "openclose", "connect", "write1"}
	results := map[string][][]float64{}
	for range *rounds {
		for i, v := range variants {
			down, err := v.up()
			if err != nil {
				return fmt.Errorf("%s: %w", v.name, err)
			}
			for _, load := range names {
				out, err := exec.Command(sysload, load, strconv.Itoa(*calls / *rounds)).Output()
				if err != nil {
					down()
					return err
				}
				least, err := strconv.ParseFloat(strings.Fields(string(out))[0], 64)
				if err != nil {
					down()
					return err
				}
				if results[load] == nil {
					results[load] = make([][]float64, len(variants))
				}
				results[load][i] = append(results[load][i], least)
			}
			down()
		}
	}
	fmt.Print("| ns of CPU per call, median of the rounds' minima |")
	for _, v := range variants {
		fmt.Printf(" %s |", v.name)
	}
	fmt.Print("\n|---|---|---|---|---|\n")
	for _, load := range names {
		fmt.Printf("| %s |", load)
		for i := range variants {
			r := results[load][i]
			slices.Sort(r)
			fmt.Printf(" %.0f |", r[len(r)/2])
		}
		fmt.Println()
	}
	return nil
}

// emptyHook attaches a program to the exit tracepoint that does nothing.
func emptyHook() (func(), error) {
	prog, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Name: "empty_exit", Type: ebpf.Tracing, AttachType: ebpf.AttachTraceRawTp, AttachTo: "sys_exit", License: "GPL",
		Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()},
	})
	if err != nil {
		return nil, err
	}
	l, err := link.AttachTracing(link.TracingOptions{Program: prog})
	if err != nil {
		prog.Close()
		return nil, err
	}
	return func() { l.Close(); prog.Close() }, nil
}
