// SPDX-License-Identifier: Apache-2.0

package output

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"
)

// reportEvery is how often at most the log tells that an output keeps failing
// or losing alerts. The first time is told at once.
const reportEvery = 30 * time.Second

// reporter writes the failures of one output to the log.
type reporter struct {
	name string
	log  *zap.Logger
	now  func() time.Time

	mu     sync.Mutex // of the output's own goroutines: the event loop never takes it
	at     time.Time
	silent int  // failures since the last line
	bad    bool // the last line told of a failure
}

// failed tells of a failure, unless one was told of lately.
func (r *reporter) failed(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	if !r.at.IsZero() && now.Sub(r.at) < reportEvery {
		r.silent++
		return
	}
	text := err.Error()
	if f := (*Failure)(nil); !errors.As(err, &f) || !f.Bare {
		text = r.name + ": " + text
	}
	if r.silent > 0 {
		text += fmt.Sprintf(" (and %d failures before)", r.silent)
	}
	r.log.Error(text)
	r.at, r.silent, r.bad = now, 0, true
}

// recovered tells that alerts get through again, if the last line said that
// they do not.
func (r *reporter) recovered(lost uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.bad {
		return
	}
	r.bad = false
	r.log.Info(fmt.Sprintf("%s: alerts get through again; %d could not be delivered so far", r.name, lost))
}
