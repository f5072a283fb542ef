// SPDX-License-Identifier: Apache-2.0

package sink

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/tiercel/tiercel/agent/output"
)

// Of programs: one that ends sooner than shortLife after its start is not
// started again at once. At the end it gets endTime after the end of its input,
// and again after SIGTERM, before it is killed.
const (
	shortLife = time.Second
	endTime   = 250 * time.Millisecond
)

// Program pipes alerts into a shell command, either one that keeps running or
// a new one for each alert. The command has a process group of its own, which
// ends with the sink.
type Program struct {
	Command   string
	KeepAlive bool
	// Stdout and Stderr are what the command inherits; nil: nothing.
	Stdout, Stderr *os.File

	p     *process
	lines lines
}

// NewProgram returns the sink that runs command.
func NewProgram(command string, keepAlive bool, stdout *os.File) *Program {
	return &Program{Command: command, KeepAlive: keepAlive, Stdout: stdout, Stderr: os.Stderr}
}

// Name implements output.Sink.
func (s *Program) Name() string { return "program" }

// MayGather implements output.Buffers: a program for each alert gains nothing.
func (s *Program) MayGather() bool { return s.KeepAlive }

// OneByOne implements output.Single.
func (s *Program) OneByOne() bool { return !s.KeepAlive }

// Deliver implements output.Sink.
func (s *Program) Deliver(ctx context.Context, entries []*output.Entry) (int, error) {
	if s.KeepAlive {
		return s.feed(ctx, entries)
	}
	for i, e := range entries {
		if err := s.runOnce(ctx, e); err != nil {
			return i, err
		}
	}
	return len(entries), nil
}

// feed writes to the program that keeps running.
func (s *Program) feed(ctx context.Context, entries []*output.Entry) (int, error) {
	if s.p != nil && s.p.ended() {
		if err := s.buried(); err != nil {
			return 0, err
		}
	}
	if s.p == nil {
		p, err := s.start()
		if err != nil {
			return 0, err
		}
		s.p, s.lines.torn = p, false
	}
	p := s.p
	stop := context.AfterFunc(ctx, func() { p.signal(syscall.SIGKILL) })
	n, err := s.lines.write(p.in, entries)
	stop()
	if err == nil {
		return n, nil
	}
	_ = p.in.Close()
	select { // it closed its input: is it ending?
	case <-p.exited:
	case <-time.After(endTime):
		p.end()
	}
	if err := s.buried(); err != nil {
		return n, err
	}
	return n, fmt.Errorf("the program no longer reads: %w", plain(err))
}

// buried forgets the program that ended. It is an error when that was right
// after its start: then the next one is to wait.
func (s *Program) buried() error {
	p := s.p
	s.p = nil
	_ = p.in.Close()
	if time.Since(p.started) < shortLife {
		return fmt.Errorf("the program ended right after its start: %s (%s)", s.Command, p.how())
	}
	return nil
}

// runOnce runs the program for one alert and waits for it.
func (s *Program) runOnce(ctx context.Context, e *output.Entry) error {
	p, err := s.start()
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { p.signal(syscall.SIGKILL) })
	defer stop()
	s.lines.torn = false
	_, err = s.lines.write(p.in, []*output.Entry{e})
	_ = p.in.Close()
	<-p.exited
	switch code := p.cmd.ProcessState.ExitCode(); {
	case ctx.Err() != nil:
		return ctx.Err()
	case code == 126 || code == 127: // the shell says: not found, or not to be run
		return &output.Failure{Err: s.cannotStart(errors.New(p.how())), Lost: true}
	case errors.Is(err, syscall.EPIPE):
		return nil // it did not want to read
	}
	return err
}

// Reopen implements output.Sink: the program is started anew.
func (s *Program) Reopen() error {
	if s.p != nil {
		s.p.end()
		s.p = nil
	}
	return nil
}

// Close implements output.Sink.
func (s *Program) Close() error { return s.Reopen() }

// process is a program that was started.
type process struct {
	cmd     *exec.Cmd
	in      *os.File
	started time.Time
	exited  chan struct{}
}

func (s *Program) start() (*process, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, s.cannotStart(err)
	}
	defer r.Close()
	cmd := exec.Command("/bin/sh", "-c", s.Command)
	cmd.Stdin = r
	if s.Stdout != nil {
		cmd.Stdout = s.Stdout
	}
	if s.Stderr != nil {
		cmd.Stderr = s.Stderr
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		_ = w.Close()
		return nil, s.cannotStart(err)
	}
	p := &process{cmd: cmd, in: w, started: time.Now(), exited: make(chan struct{})}
	go func() {
		defer close(p.exited)
		_ = cmd.Wait() // how it ended is in its state
	}()
	return p, nil
}

func (s *Program) cannotStart(err error) error {
	return messagef("Failed to open program output: %s (error: %w)", s.Command, err)
}

// messagef makes an error whose text tools match on, capital letter included.
func messagef(format string, args ...any) error { return fmt.Errorf(format, args...) }

func (p *process) ended() bool {
	select {
	case <-p.exited:
		return true
	default:
		return false
	}
}

// how says how the process ended.
func (p *process) how() string {
	if !p.ended() {
		return "it still runs"
	}
	return p.cmd.ProcessState.String()
}

// signal reaches the whole group, as long as its leader is there: later the
// number might be another group's.
func (p *process) signal(sig syscall.Signal) {
	if !p.ended() {
		_ = syscall.Kill(-p.cmd.Process.Pid, sig)
	}
}

// end closes the program's input and waits until it has ended.
func (p *process) end() {
	_ = p.in.Close()
	for _, sig := range []syscall.Signal{0, syscall.SIGTERM, syscall.SIGKILL} {
		if sig != 0 {
			p.signal(sig)
		}
		if p.endsWithin(endTime) {
			return
		}
	}
}

func (p *process) endsWithin(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-p.exited:
		return true
	case <-t.C:
		return false
	}
}
