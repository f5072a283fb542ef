// SPDX-License-Identifier: Apache-2.0

// Package agent runs a tiercel as its users do, as a process of its own, and
// collects what it says: alerts in JSON on standard output, its log on standard
// error, and the report at its end.
package agent

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Alert is one line of the agent's JSON output.
type Alert struct {
	Rule     string         `json:"rule"`
	Priority string         `json:"priority"`
	Output   string         `json:"output"`
	Time     time.Time      `json:"time"`
	Source   string         `json:"source"`
	Tags     []string       `json:"tags"`
	Fields   map[string]any `json:"output_fields"`
}

// Agent is a running tiercel.
type Agent struct {
	cmd      *exec.Cmd
	watching chan struct{} // closed when events flow
	ended    chan struct{} // closed when all it said has been read
	status   error         // of its end; valid once ended is closed

	mu     sync.Mutex
	alerts []*Alert     // guarded by mu, as are the two below
	log    bytes.Buffer // standard error
	report bytes.Buffer // what was no alert on standard output
}

// Build makes a program of this module, by its path or ".../agent/cmd/tiercel",
// and returns its file in dir.
func Build(dir, pkg string) (string, error) {
	bin := filepath.Join(dir, filepath.Base(pkg))
	cmd := exec.Command("go", "build", "-o", bin, pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build %s: %w\n%s", pkg, err, out)
	}
	return bin, nil
}

// Start runs the program with these arguments and JSON output. It ends with the
// process that started it.
func Start(bin string, args ...string) (*Agent, error) {
	a := &Agent{cmd: exec.Command(bin, append([]string{"-o", "json_output=true"}, args...)...), watching: make(chan struct{}), ended: make(chan struct{})}
	out, err1 := a.cmd.StdoutPipe()
	errs, err2 := a.cmd.StderrPipe()
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	started := make(chan error)
	go a.live(out, errs, started)
	return a, <-started
}

// live is the agent's life: the signal for the parent's end comes when the
// thread ends that started the process, so one thread is kept for it.
func (a *Agent) live(out, errs io.Reader, started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	a.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	err := a.cmd.Start()
	started <- err
	if err != nil {
		return
	}
	var readers sync.WaitGroup
	readers.Go(func() { a.readLog(errs) })
	readers.Go(func() { a.readAlerts(out) })
	readers.Wait()
	a.status = a.cmd.Wait()
	close(a.ended)
}

// longest is how long a line may be.
const longest = 1 << 20

func (a *Agent) readLog(in io.Reader) {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, longest)
	seen := false
	for lines.Scan() {
		a.mu.Lock()
		fmt.Fprintln(&a.log, lines.Text())
		a.mu.Unlock()
		if !seen && strings.Contains(lines.Text(), "Watching: ") {
			seen = true
			close(a.watching)
		}
	}
}

func (a *Agent) readAlerts(in io.Reader) {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, longest)
	for lines.Scan() {
		al := new(Alert)
		isAlert := json.Unmarshal(lines.Bytes(), al) == nil && al.Rule != ""
		a.mu.Lock()
		if isAlert {
			a.alerts = append(a.alerts, al)
		} else {
			fmt.Fprintln(&a.report, lines.Text())
		}
		a.mu.Unlock()
	}
}

// Watching waits until events flow, which the agent says in its log
// (log_stderr). One that does not get there in time is ended.
func (a *Agent) Watching(within time.Duration) error {
	select {
	case <-a.watching:
		return nil
	case <-a.ended:
		return fmt.Errorf("the agent ended: %w\n%s", a.status, a.Log())
	case <-time.After(within):
		a.Kill()
		return fmt.Errorf("the agent does not watch after %v\n%s", within, a.Log())
	}
}

// Alerts are those that came so far, in their order.
func (a *Agent) Alerts() []*Alert {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clip(a.alerts)
}

// Log is what it has written to standard error.
func (a *Agent) Log() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.log.String()
}

// Report is what else it has written to standard output: at its end, how many
// events it saw and lost.
func (a *Agent) Report() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.report.String()
}

// Stop ends it the way a user would, and returns when all that it said has been
// read. One that does not end in time is killed; any end but a clean one is an
// error. It may be called again.
func (a *Agent) Stop(within time.Duration) error {
	_ = a.cmd.Process.Signal(syscall.SIGINT)
	select {
	case <-a.ended:
	case <-time.After(within):
		a.Kill()
		return fmt.Errorf("the agent had not ended %v after its interrupt, and was killed\n%s", within, a.Log())
	}
	if a.status != nil {
		return fmt.Errorf("the agent did not end cleanly: %w\n%s", a.status, a.Log())
	}
	return nil
}

// Signal sends it a signal.
func (a *Agent) Signal(s os.Signal) error { return a.cmd.Process.Signal(s) }

// Kill ends it at once.
func (a *Agent) Kill() {
	_ = a.cmd.Process.Kill()
	<-a.ended
}
