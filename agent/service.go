// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tiercel/tiercel/agent/notify"
	"github.com/tiercel/tiercel/drivers"
)

// Exit statuses of a service, as sysexits.h has them: its manager need not try
// again. Without a manager every failure is 1, which scripts are used to.
const (
	statusNoDriver  = 69 // EX_UNAVAILABLE: no driver runs on this kernel
	statusBadConfig = 78 // EX_CONFIG: command line, configuration or rules are wrong
)

// driverError is why there is no driver.
type driverError struct{ error }

// noDriver makes one. What the kernel's lockdown refuses looks like anything
// but that.
func noDriver(err error) error {
	if f := drivers.Lockdown(); f.Status == drivers.Missing && !strings.Contains(err.Error(), f.Detail) {
		err = fmt.Errorf("%w; this kernel is locked down, %s: %s", err, f.Detail, f.Advice)
	}
	return driverError{err}
}

// Unwrap implements errors.
func (e driverError) Unwrap() error { return e.error }

// passing are causes that may be gone at the next start.
var passing = []error{unix.ENOMEM, unix.EAGAIN, unix.EINTR, unix.EBUSY, unix.EUSERS, unix.EMFILE, unix.ENFILE}

func (e driverError) passing() bool {
	for _, cause := range passing {
		if errors.Is(e.error, cause) {
			return true
		}
	}
	return false
}

// exitStatus is the status that says what kind of error ended the run.
func (r *run) exitStatus(err error) int {
	var own *exitError
	if errors.As(err, &own) {
		return own.status
	}
	if r.service == nil {
		return 1
	}
	var open driverError
	switch {
	case errors.As(err, &open):
		if open.passing() {
			return 1
		}
		return statusNoDriver
	case r.configuring:
		return statusBadConfig
	}
	return 1
}

// proofTimeout is how long a driver may be silent after the start.
const proofTimeout = 20 * time.Second

// proof is what a service waits for before it says that it is ready: an event
// that has come all the way. A driver that is attached is not enough.
type proof struct {
	began time.Time
	asked time.Time // when the last event was asked for
}

// prove tells the service manager that events flow, once one has come. On an
// idle host that may take long, so one is made.
func (w *watcher) prove(now time.Time) error {
	switch p := w.proof; {
	case w.drv == nil || w.events > 0:
		w.proof = nil
		w.service.Ready(w.status())
	case now.Sub(p.began) > proofTimeout:
		return fmt.Errorf("the driver %s is attached, but no event comes through it, not even the end of a process that was started for that; "+
			"tiercel driver doctor may know why, another driver may do (tiercel driver set)", w.drv.Name())
	case now.Sub(p.asked) >= tickEvery:
		p.asked = now
		go endProcess()
	}
	return nil
}

// endProcess makes a process that ends before it becomes another program: for
// the driver the end of a process, which is in every selection, and for rules
// nothing. Our own calls are not told of.
func endProcess() {
	// There is no process group below 0: the child gives up.
	_, _ = syscall.ForkExec("/proc/self/exe", []string{"tiercel"}, &syscall.ProcAttr{Sys: &syscall.SysProcAttr{Setpgid: true, Pgid: -1}})
}

// status is what the service manager shows of the run.
func (w *watcher) status() string {
	text := fmt.Sprintf("%s; alerts: %d", w.what, w.detected)
	if n := w.stats.Drops(); n > 0 {
		text += fmt.Sprintf("; events lost: %d", n)
	}
	if w.trouble != "" {
		text += "; " + w.trouble
	}
	return text
}

// describe keeps what is told of a plan.
func (w *watcher) describe(p *plan) {
	driver := "no driver"
	if w.drv != nil {
		driver = w.drv.Name()
	}
	w.what = driver + ": " + p.String()
}

// reloaded tells the service manager that a reload is over; trouble says why it
// left everything as it was.
func (l *reloader) reloaded(trouble string) {
	if l.run.service == nil {
		return
	}
	l.post(func() {
		l.loop.trouble = trouble
		l.loop.service.Ready(l.loop.status())
	})
}

// beService connects a run that watches with the service manager, if there is
// one.
func (r *run) beService() {
	if r.ends() {
		return // an answer to a question is no service
	}
	r.service = notify.FromEnvironment(r.Env)
	r.service.Status("Opening the driver and loading the rules")
}
