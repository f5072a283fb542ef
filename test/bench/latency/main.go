// SPDX-License-Identifier: Apache-2.0

// Command latency measures on the running kernel how long an alert takes from
// its system call to the reader of standard output, with nothing else going on
// and beside a load, and whether a stream of alerts comes whole into a file. It
// prints Markdown.
package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

var (
	agentBin = flag.String("agent", "bin/tiercel", "the agent's binary")
	rules    = flag.String("rules", "", "comma separated rules files beside the probe's (default: none)")
	probes   = flag.Int("probes", 100, "alerts to time in each state")
	rate     = flag.Int("rate", 200_000, "events per second of the load")
	alerts   = flag.Int("alerts", 10_000, "alerts per second into the file")
	seconds  = flag.Int("seconds", 10, "length of that stream")
	load     = flag.String("load", "", "internal: be a load (events, alerts) of -rate or -alerts a second")
	folder   = flag.String("folder", "", "internal: where the files of the load are not")
)

func main() {
	flag.Parse()
	err := run()
	if err != nil {
		fmt.Fprintln(os.Stderr, "latency:", err)
		os.Exit(1)
	}
}

func run() error {
	switch *load {
	case "events":
		return openForEver(*folder, *rate)
	case "alerts":
		return openNumbered(*folder, *alerts, *alerts**seconds)
	}
	dir, err := os.MkdirTemp("", "latency-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	for _, sub := range []string{"probe", "load", "number"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o755); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "load", "file"), nil, 0o644); err != nil {
		return err
	}
	fmt.Print("| alert from call to reader | min | median | p99 | max |\n|---|---|---|---|---|\n")
	if err := times(dir, "idle", false); err != nil {
		return err
	}
	if err := times(dir, "beside a load", true); err != nil {
		return err
	}
	return stream(dir)
}

// agent is a running tiercel with a rule on the probes and one on the numbers.
type agent struct {
	cmd   *exec.Cmd
	lines chan line
}

// line is a line of standard output and when it was read.
type line struct {
	text string
	at   time.Time
}

func start(dir string, more ...string) (*agent, error) {
	own := filepath.Join(dir, "own.yaml")
	rule := func(name, sub string) string {
		return "- rule: " + name + "\n  desc: d\n  condition: evt.type in (open, openat) and fd.name startswith " + filepath.Join(dir, sub) +
			"/\n  output: \"%fd.name\"\n  priority: WARNING\n"
	}
	if err := os.WriteFile(own, []byte(rule("Probe", "probe")+rule("Number", "number")), 0o644); err != nil {
		return nil, err
	}
	args := []string{"-U", "-r", own, "-o", "log_stderr=true", "-o", "log_syslog=false"}
	for _, f := range strings.Split(*rules, ",") {
		if f != "" {
			args = append(args, "-r", f)
		}
	}
	a := &agent{cmd: exec.Command(*agentBin, append(args, more...)...), lines: make(chan line, 4096)}
	out, err := a.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	logs, err := a.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := a.cmd.Start(); err != nil {
		return nil, err
	}
	ready := make(chan struct{})
	go func() {
		once := false
		for s := bufio.NewScanner(logs); s.Scan(); {
			if !once && strings.Contains(s.Text(), "Watching: ") {
				once = true
				close(ready)
			}
			if strings.Contains(s.Text(), "Lost ") {
				fmt.Fprintln(os.Stderr, "latency:", s.Text())
			}
		}
		if !once {
			close(ready)
		}
	}()
	go func() {
		defer close(a.lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			a.lines <- line{s.Text(), time.Now()}
		}
	}()
	select {
	case <-ready:
		return a, nil
	case <-time.After(30 * time.Second):
		_ = a.cmd.Process.Kill()
		return nil, errors.New("the agent is not ready after 30 s")
	}
}

// stop ends the agent and returns its report.
func (a *agent) stop() string {
	_ = a.cmd.Process.Signal(syscall.SIGINT)
	var b strings.Builder
	for l := range a.lines {
		fmt.Fprintln(&b, l.text)
	}
	_ = a.cmd.Wait()
	return b.String()
}

var lookedAt = regexp.MustCompile(`looked at: (\d+)`)

// times measures single alerts.
func times(dir, name string, loaded bool) error {
	a, err := start(dir)
	if err != nil {
		return err
	}
	began := time.Now()
	if loaded {
		l := exec.Command(os.Args[0], "-load", "events", "-rate", strconv.Itoa(*rate), "-folder", filepath.Join(dir, "load"))
		if err := l.Start(); err != nil {
			return err
		}
		defer func() {
			_ = l.Process.Kill()
			_ = l.Wait()
		}()
		time.Sleep(time.Second)
	}
	var took []time.Duration
	for i := range *probes {
		// Not in step with anything that happens ten times a second.
		time.Sleep(20*time.Millisecond + time.Duration(i*7919%60)*time.Millisecond)
		path := filepath.Join(dir, "probe", strconv.Itoa(i))
		at := time.Now()
		if f, err := os.Open(path); err == nil {
			f.Close()
		}
		d, err := a.await(path, at)
		if err != nil {
			return err
		}
		took = append(took, d)
	}
	spent := time.Since(began).Seconds()
	report := a.stop()
	if m := lookedAt.FindStringSubmatch(report); m != nil && loaded {
		n, _ := strconv.ParseFloat(m[1], 64)
		name += fmt.Sprintf(" (%.0f events/s looked at)", n/spent)
	}
	slices.Sort(took)
	at := func(q float64) string {
		return fmt.Sprintf("%.1f ms", float64(took[int(q*float64(len(took)-1))].Microseconds())/1000)
	}
	fmt.Printf("| %s | %s | %s | %s | %s |\n", name, at(0), at(0.5), at(0.99), at(1))
	return nil
}

func (a *agent) await(path string, from time.Time) (time.Duration, error) {
	deadline := time.After(10 * time.Second)
	for {
		select {
		case l, ok := <-a.lines:
			if !ok {
				return 0, errors.New("the agent has ended")
			}
			if strings.HasSuffix(l.text, " "+path) {
				return l.at.Sub(from), nil
			}
		case <-deadline:
			return 0, fmt.Errorf("no alert of %s within 10 s", path)
		}
	}
}

// stream sends alerts into a file and looks for each of them.
func stream(dir string) error {
	file := filepath.Join(dir, "alerts.txt")
	a, err := start(dir, "-o", "stdout_output.enabled=false", "-o", "file_output.enabled=true", "-o", "file_output.keep_alive=true",
		"-o", "file_output.filename="+file)
	if err != nil {
		return err
	}
	began := time.Now()
	l := exec.Command(os.Args[0], "-load", "alerts", "-alerts", strconv.Itoa(*alerts), "-seconds", strconv.Itoa(*seconds),
		"-folder", filepath.Join(dir, "number"))
	l.Stderr = os.Stderr
	if err := l.Run(); err != nil {
		return err
	}
	spent := time.Since(began).Seconds()
	a.stop()
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	n := *alerts * *seconds
	seen := make([]int, n)
	for s := bufio.NewScanner(f); s.Scan(); {
		if i, err := strconv.Atoi(s.Text()[strings.LastIndexByte(s.Text(), '/')+1:]); err == nil && i >= 0 && i < n {
			seen[i]++
		}
	}
	lost, twice := 0, 0
	for _, k := range seen {
		switch k {
		case 0:
			lost++
		case 1:
		default:
			twice++
		}
	}
	fmt.Printf("\n%d alerts in %.1f s into a file (%.0f/s): %d missing, %d more than once.\n", n, spent, float64(n)/spent, lost, twice)
	if lost+twice > 0 {
		return errors.New("the stream is not whole")
	}
	return nil
}

// openForEver opens and closes a file so often that it makes about rate events
// a second.
func openForEver(dir string, rate int) error {
	path := filepath.Join(dir, "file")
	return paced(rate/2, -1, func(int) error {
		fd, err := syscall.Open(path, syscall.O_RDONLY, 0)
		if err != nil {
			return err
		}
		return syscall.Close(fd)
	})
}

// openNumbered opens files that do not exist, named by numbers below n.
func openNumbered(dir string, rate, n int) error {
	path := append([]byte(dir), '/')
	prefix := len(path)
	return paced(rate, n, func(i int) error {
		path = strconv.AppendInt(path[:prefix], int64(i), 10)
		if _, err := syscall.Open(string(path), syscall.O_RDONLY, 0); err == nil {
			return fmt.Errorf("%s exists", path)
		}
		return nil
	})
}

// paced calls do rate times a second, n times or for ever.
func paced(rate, n int, do func(i int) error) error {
	start := time.Now()
	for i := 0; n < 0 || i < n; {
		due := int(time.Since(start).Seconds() * float64(rate))
		if n >= 0 {
			due = min(due, n)
		}
		for ; i < due; i++ {
			if err := do(i); err != nil {
				return err
			}
		}
		time.Sleep(time.Millisecond)
	}
	return nil
}
