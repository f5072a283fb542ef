// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"slices"

	"github.com/tiercel/tiercel/rules"
	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/sinsp/state"
)

// toldTwice is the call that an alert was raised for last. Drivers tell a call
// twice whose name leads to an object of another name, first with the name that
// the program gave. Nothing marks the second event, but both have the same
// thread, result and time, to the nanosecond, and a rule that holds for both has
// said enough. It is asked only for events that a rule has matched.
type toldTwice struct {
	tid   int64
	ts    uint64
	kind  scap.EventType
	fd    int64
	name  []byte
	rules []*rules.Rule // that have alerted
}

// alerted reports whether the rule has alerted of the event's call before.
// Connects are left out: where their addresses differ, somebody has exchanged one.
func (t *toldTwice) alerted(ev *state.Event, rule *rules.Rule) bool {
	at := 1 // where the name is
	switch ev.Type() {
	case scap.EvOpenX, scap.EvCreatX, scap.EvChdirX:
	case scap.EvOpenatV2X, scap.EvOpenat2X:
		at = 2
	default:
		return false
	}
	fd, _ := ev.Int(0)
	name, _ := ev.Str(at)
	if t.tid != ev.TID() || t.ts != ev.Timestamp() || t.kind != ev.Type() || t.fd != fd {
		t.tid, t.ts, t.kind, t.fd = ev.TID(), ev.Timestamp(), ev.Type(), fd
		t.name, t.rules = append(t.name[:0], name...), append(t.rules[:0], rule)
		return false
	}
	if string(t.name) != name && slices.Contains(t.rules, rule) {
		return true
	}
	t.rules = append(t.rules, rule)
	return false
}
