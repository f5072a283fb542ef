// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"errors"
	"fmt"

	"github.com/tiercel/tiercel/agent/rulecost"
	"github.com/tiercel/tiercel/rules"
)

// profileRules is rules profile: what each rule costs over a capture, or over
// what happens on this host for a while.
func (r *run) profileRules() error {
	w := &r.opts.Work
	n, err := r.load(w.Files)
	if err != nil {
		return err
	}
	mode := rules.MatchFirst
	if n.cfg.RuleMatching == "all" {
		mode = rules.MatchAll
	}
	o := rulecost.ProfileOptions{Duration: w.Duration, Top: w.Top, JSON: w.JSON}
	if w.Capture != "" {
		return rulecost.ProfileCapture(r.Stdout, n.set, mode, w.Capture, o)
	}
	if n.cfg.Engine.Kind == "replay" {
		return rulecost.ProfileCapture(r.Stdout, n.set, mode, n.cfg.Engine.CaptureFile, o)
	}
	return n.profileLive(mode, o)
}

// profileLive opens the driver as the agent would and looks on.
func (r *run) profileLive(mode rules.Mode, o rulecost.ProfileOptions) (err error) {
	if _, err := r.openEarly(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.opening.close()) }()
	if err := r.choose(); err != nil {
		return err
	}
	if done, err := r.applySelection(); done || err != nil {
		return err
	}
	if !r.wait(r.opening.primed) {
		return nil
	}
	if err := r.opening.primeErr; err != nil {
		r.notice(fmt.Sprintf("The scan of /proc is not complete: %v", err))
	}
	stop, over := make(chan struct{}), make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if !r.wait(over) {
			close(stop)
		}
	}()
	err = rulecost.ProfileLive(r.Stdout, r.set, mode, r.opening.src, r.opening.engine, stop, o)
	close(over)
	<-ended
	return err
}
