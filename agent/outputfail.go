// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"errors"
	"fmt"
	"syscall"
	"time"

	"go.uber.org/zap"

	"github.com/tiercel/tiercel/agent/output"
)

// failureReporter tells that alerts cannot be written: the first time at once,
// then no more often than lost events are told of.
type failureReporter struct {
	log      *zap.Logger
	alerts   *output.Queue
	reported uint64
	at       time.Time
}

// check reports what failed since the last report. It is an error when nobody
// reads the alerts any more: there is no way back from that.
func (f *failureReporter) check(now time.Time) error {
	n, err := f.alerts.Failed()
	if n == f.reported {
		return nil
	}
	if errors.Is(err, syscall.EPIPE) {
		f.reported = n
		return fmt.Errorf("nobody reads the alerts on standard output any more: %w", err)
	}
	if f.at.IsZero() || now.Sub(f.at) >= dropsEvery {
		f.log.Error(fmt.Sprintf("stdout: %d writes of alerts failed, the last one with: %v", n-f.reported, err))
		f.reported, f.at = n, now
	}
	return nil
}
