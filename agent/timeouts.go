// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"fmt"
	"strconv"
	"time"

	"github.com/tiercel/tiercel/agent/output"
)

const timeoutRule = "Tiercel internal: timeouts notification"

// countTimeouts reports when reads in a row have given no event
// (syscall_event_timeouts). Short reads do not count.
func (w *watcher) countTimeouts(wait time.Duration) {
	if len(w.batch.Events) > 0 {
		w.timeouts = 0
		return
	}
	if wait < readWait || w.player != nil {
		return
	}
	if w.timeouts++; w.maxTimeouts == 0 || w.timeouts <= w.maxTimeouts {
		return
	}
	w.timeouts = 0
	last := "none"
	if w.lastTS > 0 {
		last = time.Unix(0, int64(w.lastTS)).Format("15:04:05.000000000")
	}
	quoted := strconv.Quote(last)
	w.internal(&output.Alert{
		TimeNS: uint64(time.Now().UnixNano()), Priority: "Debug", Rule: timeoutRule, Source: "internal", Internal: true,
		Message: fmt.Appendf(nil, "%s. %d consecutive timeouts without event.", timeoutRule, w.maxTimeouts),
		Fields:  []byte(`{"last_event_time":` + quoted + `}`),
		Detail:  []byte("last_event_time=" + quoted),
	})
}
