// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tiercel/tiercel/agent/config"
	"github.com/tiercel/tiercel/agent/selection"
	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/sinsp"
)

// selectCalls decides which system calls are collected, says so, and tells the
// driver. A dry run ends here.
func (r *run) selectCalls() (bool, error) {
	if err := r.cfg.CheckMetrics(); err != nil {
		return true, err
	}
	if err := r.choose(); err != nil {
		return true, err
	}
	if r.sel == nil {
		return false, nil
	}
	if _, live := liveEngines[r.cfg.Engine.Kind]; live {
		if err := r.cfg.CheckBuffers(); err != nil {
			return true, err
		}
		o := r.driverOptions()
		r.log.Info(fmt.Sprintf("The chosen syscall buffer dimension is: %d bytes (%d MBs)", o.RingBytes, o.RingBytes>>20))
	}
	if r.opts.DryRun {
		return true, nil
	}
	return r.applySelection()
}

// choose computes the selection and says what is to be said of it. A capture
// holds what it holds: there is none.
func (r *run) choose() error {
	if r.cfg.Engine.Kind == "replay" && !r.opts.DryRun {
		return nil
	}
	in, err := r.selectionInput()
	if err != nil {
		return err
	}
	r.sel = selection.Compute(in)
	for _, l := range r.sel.Lines {
		switch l.Level {
		case selection.Debug:
			r.log.Debug(l.Text)
		case selection.Info:
			r.log.Info(l.Text)
		case selection.Warning:
			r.log.Warn(l.Text)
		}
	}
	if r.opts.DryRun && r.cfg.LogLevel == "debug" {
		r.logReasons()
	}
	for _, n := range r.sel.Notices {
		r.notice(n)
	}
	return nil
}

// logReasons says of every call why it is collected, or why not.
func (r *run) logReasons() {
	var b strings.Builder
	b.WriteString("Why each call is on or off:")
	for _, w := range r.sel.Explain() {
		b.WriteString("\n   " + w.String())
	}
	r.log.Debug(b.String())
}

func (r *run) selectionInput() (selection.Input, error) {
	return selection.InputOf(&r.cfg.BaseSyscalls, r.set)
}

func (r *run) generation() (sinsp.Generation, error) {
	return sinsp.ParseGeneration(r.cfg.BaseSyscalls.StateSet)
}

// applySelection tells the driver, once it is open. It is done when a signal
// came first.
func (r *run) applySelection() (done bool, err error) {
	if r.opening == nil {
		return false, nil
	}
	if !r.wait(r.opening.opened) {
		return true, nil
	}
	if r.opening.err != nil || r.opening.drv == nil {
		return r.opening.err != nil, r.opening.err
	}
	drv := r.opening.drv
	applied, err := drv.SetInterestingSyscalls(r.sel.Selection)
	if err != nil {
		return true, noDriver(fmt.Errorf("select system calls: %w", err))
	}
	r.logDegraded(applied)
	if err := errors.Join(r.sample(drv, 1), r.checkNames(drv, config.CheckRaced)); err != nil {
		return true, err
	}
	return false, r.opening.start()
}

// sampler is a driver that can leave out calls that carry no state.
type sampler interface{ SetSampling(ratio int) error }

// sample puts engine.modern_ebpf.sampling_ratio in force; now is the ratio that
// is.
func (r *run) sample(drv scap.Driver, now uint32) error {
	ratio := max(r.cfg.Engine.SamplingRatio, 1)
	if ratio == now {
		return nil
	}
	s, ok := drv.(sampler)
	if !ok {
		r.log.Warn("engine.modern_ebpf.sampling_ratio has no effect: the driver " + drv.Name() + " cannot sample")
		return nil
	}
	if err := s.SetSampling(int(ratio)); err != nil {
		return fmt.Errorf("engine.modern_ebpf.sampling_ratio: %w", err)
	}
	if ratio > 1 {
		r.log.Info(fmt.Sprintf("Sampling: of calls that carry no state, those of the first 1/%d of each second are collected", ratio))
	}
	return nil
}

// nameChecker is a driver that can hold the names of all opens against what was
// opened.
type nameChecker interface{ SetNameCheck(all bool) error }

// checkNames puts engine.check_names in force; now is the value that is.
func (r *run) checkNames(drv scap.Driver, now string) error {
	want := r.cfg.Engine.CheckNames
	if want == now {
		return nil
	}
	c, ok := drv.(nameChecker)
	if !ok {
		r.log.Warn("engine.check_names has no effect: the driver " + drv.Name() + " cannot check names")
		return nil
	}
	if err := c.SetNameCheck(want == config.CheckAlways); err != nil {
		return fmt.Errorf("engine.check_names: %w", err)
	}
	return nil
}

// logDegraded names what the driver does not report in full, with what it
// lacks and why.
func (r *run) logDegraded(a scap.Applied) {
	if len(a.Degraded) == 0 {
		return
	}
	var parts []string
	for _, d := range a.Degraded {
		parts = append(parts, d.String())
	}
	r.log.Warn("The driver does not report everything in full: " + strings.Join(parts, "; "))
	r.logBlind(a)
}

// logBlind names the rules that can never fire because the driver does not
// report any of their calls.
func (r *run) logBlind(a scap.Applied) {
	if r.sel == nil {
		return // the first calls, before the rules are known
	}
	var silent scap.SyscallSet
	for _, d := range a.Degraded {
		if d.Lack == scap.LackEvent {
			silent.Add(d.Syscall)
		}
	}
	if silent.IsEmpty() {
		return
	}
	never, _ := r.sel.Blind(r.sel.Selection.Exit.Minus(silent))
	var more []string
	for _, b := range never {
		if !slices.Contains(r.sel.NeverFire, b.Rule) {
			more = append(more, b.Rule)
		}
	}
	if len(more) > 0 {
		r.log.Warn("Rules that can never fire, since the driver does not report their calls: " + strings.Join(more, ", "))
		r.sel.NeverFire = append(r.sel.NeverFire, more...)
	}
}
