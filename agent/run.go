// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/tiercel/tiercel/agent/cmdline"
	"github.com/tiercel/tiercel/agent/config"
	"github.com/tiercel/tiercel/agent/log"
	"github.com/tiercel/tiercel/agent/notify"
	"github.com/tiercel/tiercel/agent/output"
	"github.com/tiercel/tiercel/agent/reload"
	"github.com/tiercel/tiercel/drivers"
	"github.com/tiercel/tiercel/scap"
)

// System is the outside world of a run.
type System struct {
	Args    []string // without the program's name
	Stdout  io.Writer
	Stderr  io.Writer
	Env     func(string) (string, bool)
	Signals <-chan os.Signal
	Open    func(kind string, o drivers.Options) (scap.Driver, error)
	// Search replaces the folders where a configuration is looked for.
	Search []string
	// SyslogSocket is where the log goes too when log_syslog is set; "": nowhere.
	SyslogSocket string
	// HostRoot is where the host's /proc is found, "" for /.
	HostRoot string
	// Exit ends the process at once, nil: os.Exit.
	Exit func(status int)
}

// Host is the System of a real run.
func Host() *System {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGUSR1)
	// A reader of standard output that has gone is an error of that write, not
	// the end of the process. Programs that are started get the default back.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	root := os.Getenv("HOST_ROOT")
	return &System{
		Args: os.Args[1:], Stdout: os.Stdout, Stderr: os.Stderr, Env: os.LookupEnv,
		Signals: signals, Open: drivers.Open, SyslogSocket: "/dev/log", HostRoot: root,
	}
}

// run is one run of the agent.
type run struct {
	*System
	*plan
	opts *cmdline.Options
	log  *log.Switch

	stderr     *output.Queue   // everything for standard error goes through it
	files      *reload.Watcher // of configuration and rules; nil: a reload is not possible
	host       string          // name that alerts carry
	sources    []string        // enabled event sources
	opening    *opening        // the driver, while it is being opened
	rulesReady time.Time
	alerts     *output.Hub
	closing    *sync.WaitGroup // outputs that a reload has taken out of use and that still write what they have
	observer   *observer
	watch      *watcher
	reloader   *reloader
	service    *notify.Manager // nil: nobody manages us

	configuring bool // the step that runs reads what people write
}

// step is one step of a run. It returns done when the run has nothing more to
// do.
type step struct {
	name   string
	do     func(*run) (done bool, err error)
	config bool // its failures are mistakes in configuration or rules
}

// steps are a run, in order. The order is interface: it decides which of
// several options is honoured.
var steps = []step{
	{"help", (*run).help, false},
	{"schemas", (*run).schemas, false},
	{"ignored calls", (*run).listIgnored, false},
	{"event list", (*run).listEvents, false},
	{"configuration", (*run).loadConfig, true},
	{"version", (*run).version, false},
	{"page size", (*run).pageSize, false},
	{"plugins", (*run).plugins, true},
	{"field list", (*run).listFields, false},
	{"event sources", (*run).chooseSources, true},
	{"validation", (*run).validate, false},
	{"driver", (*run).openEarly, false},
	{"rules", (*run).loadRules, true},
	{"support", (*run).support, false},
	{"outputs", (*run).initOutputs, true},
	{"pid file", (*run).writePid, false},
	{"system calls", (*run).selectCalls, true},
	{"web server", (*run).serve, false},
	{"events", (*run).watchEvents, false},
}

// textError is an error that is printed as it is, without "Error: ".
type textError struct{ text string }

// Error implements error.
func (e *textError) Error() string { return e.text }

// exitError ends the run with a status of its own.
type exitError struct {
	err    error // nil: everything has been said
	status int
}

// Error implements error.
func (e *exitError) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

// messagef makes an error whose text tools match on, capital letter included.
func messagef(format string, args ...any) error { return fmt.Errorf(format, args...) }

// stderrTimeout bounds the wait for a reader of standard error at the end.
const stderrTimeout = time.Second

// Main runs the agent once and returns the exit status.
func Main(sys *System) int {
	r := &run{System: sys, plan: &plan{}, log: log.NewSwitch(), closing: new(sync.WaitGroup)}
	r.stderr = output.NewQueue(sys.Stderr, 4096)
	err := r.steps()
	if err == nil {
		r.service.Stopping("Stopping")
	}
	err = errors.Join(err, r.tearDown())
	status := 0
	if err != nil {
		status = r.report(err)
	}
	r.service.Close()
	r.stderr.Close(nil, stderrTimeout)
	return status
}

func (r *run) report(err error) (status int) {
	var plain *textError
	switch text := err.Error(); {
	case errors.As(err, &plain):
		r.notice(plain.text)
	case text != "":
		r.notice("Error: " + text)
	}
	r.service.Status("Error: " + err.Error())
	return r.exitStatus(err)
}

func (r *run) steps() error {
	opts, err := cmdline.Parse(r.Args)
	if err != nil {
		return err
	}
	r.opts = opts
	if opts.Command != cmdline.RunAgent {
		return r.command()
	}
	r.beService()
	for _, w := range opts.Warnings {
		r.notice(w)
	}
	r.configuring = true
	if _, err := r.configSource().Find(); err != nil {
		return err // a missing -c file fails even together with --help
	}
	for _, s := range steps {
		r.configuring = s.config
		if done, err := s.do(r); done || err != nil {
			return err
		}
		if r.interrupted() {
			return nil
		}
	}
	return nil
}

// interrupted reports whether a signal asks to end the run while it is still
// being started. The other signals have nothing to act on yet.
func (r *run) interrupted() bool {
	for {
		select {
		case s := <-r.Signals:
			if ends(s) {
				r.log.Info(endingText)
				return true
			}
		default:
			return false
		}
	}
}

// wait waits for the channel to be closed; it reports false when a signal asked
// to end the run before.
func (r *run) wait(done <-chan struct{}) bool {
	for {
		select {
		case <-done:
			return true
		case s := <-r.Signals:
			if ends(s) {
				r.log.Info(endingText)
				return false
			}
		}
	}
}

// endingText is what the log says when a signal ends the run, whichever it was.
const endingText = "SIGINT received, exiting..."

func ends(s os.Signal) bool { return s == syscall.SIGINT || s == syscall.SIGTERM }

func (r *run) configSource() *config.Source {
	return &config.Source{File: r.opts.ConfigFile, Overrides: r.opts.Overrides, Env: r.Env, Search: r.Search}
}

// notice prints a line on standard error, past the log.
func (r *run) notice(text string) { r.stderr.Offer([]byte(strings.TrimRight(text, "\n"))) }

// tearDown ends what the steps began, in reverse order.
func (r *run) tearDown() error {
	var errs []error
	var stats scap.Stats
	defer r.endAtOnce()()
	if r.reloader != nil {
		r.reloader.close() // before the driver that it selects in
	}
	if r.files != nil {
		r.files.Close()
	}
	r.plan.end()
	if r.observer != nil {
		r.observer.close()
	}
	if r.watch != nil {
		stats = r.watch.finalStats()
	}
	if r.opening != nil {
		errs = append(errs, r.opening.close())
	}
	if r.alerts != nil {
		r.closeOutputs(&stats)
	}
	r.closing.Wait()
	return errors.Join(errs...)
}

// secondSignal is the exit status when a second signal ends what the first one
// could not end soon enough.
const secondSignal = 128 + int(syscall.SIGINT)

// endAtOnce ends the process at the next signal that asks for it, while the
// resources are being given back. The returned function calls it off.
func (r *run) endAtOnce() (callOff func()) {
	over, off := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(off)
		for {
			select {
			case s := <-r.Signals:
				if ends(s) {
					exit := r.Exit
					if exit == nil {
						exit = os.Exit
					}
					exit(secondSignal)
					return
				}
			case <-over:
				return
			}
		}
	}()
	return func() {
		close(over)
		<-off
	}
}

// logWriter brings log lines to standard error through the queue, so that a
// blocked terminal cannot hold the event loop.
type logWriter struct{ q *output.Queue }

// Write implements io.Writer.
func (w logWriter) Write(p []byte) (int, error) {
	line := p
	if n := len(line); n > 0 && line[n-1] == '\n' {
		line = line[:n-1]
	}
	w.q.Offer(line)
	return len(p), nil
}
