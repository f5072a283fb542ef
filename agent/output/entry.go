// SPDX-License-Identifier: Apache-2.0

package output

import (
	"sync"
	"sync/atomic"
)

// Entry is an alert in its final form, as outputs get it. All outputs share
// one, so nobody may change it, and an output that keeps anything of it beyond
// Deliver copies that.
type Entry struct {
	TimeNS   uint64 // since the epoch
	Severity uint8  // as syslog counts: 0 emergency ... 7 debug
	Rule     string
	Source   string
	Tags     []string
	Text     []byte // without a line end

	refs atomic.Int32
	pool *sync.Pool // nil: not from one
}

// maxPooled is the largest text whose memory is kept for later alerts.
const maxPooled = 64 << 10

// release takes back one reference; the last one gives the memory back.
func (e *Entry) release() {
	if e.refs.Add(-1) > 0 || e.pool == nil {
		return
	}
	if cap(e.Text) <= maxPooled {
		e.Rule, e.Source, e.Tags = "", "", nil
		e.pool.Put(e)
	}
}

// severity returns the number of a priority's displayed name.
func severity(priority string) uint8 {
	for i, name := range [...]string{"Emergency", "Alert", "Critical", "Error", "Warning", "Notice", "Informational"} {
		if priority == name {
			return uint8(i)
		}
	}
	return 7
}
