// SPDX-License-Identifier: Apache-2.0

package state

import (
	"testing"

	"github.com/tiercel/tiercel/scap"
)

const allDoubt = DoubtIdentity | DoubtCWD | DoubtFDs

func TestDoubtAfterALoss(t *testing.T) {
	tests := []struct {
		name string
		do   func(h *host)
		want Doubt
	}{
		{"without a loss nothing is in doubt", nil, 0},
		{"everything after a loss", func(h *host) { h.e.Lost(3) }, allDoubt},
		{"an exec says who it is", func(h *host) {
			h.e.Lost(3)
			h.exec(200, "/bin/ls")
		}, DoubtCWD | DoubtFDs},
		{"an absolute chdir says where it is", func(h *host) {
			h.e.Lost(3)
			h.play(scap.EvChdirX, 200, p{"res": 0, "path": "/tmp"})
		}, DoubtIdentity | DoubtFDs},
		{"a relative chdir does not", func(h *host) {
			h.e.Lost(3)
			h.play(scap.EvChdirX, 200, p{"res": 0, "path": "tmp"})
		}, allDoubt},
		{"getcwd says where it is", func(h *host) {
			h.e.Lost(3)
			h.play(scap.EvGetcwdX, 200, p{"res": 5, "path": "/tmp"})
		}, DoubtIdentity | DoubtFDs},
		{"fchdir to a descriptor that is in doubt says nothing", func(h *host) {
			h.open(200, 3, "/var", OpenRead|OpenDirectory)
			h.e.Lost(3)
			h.play(scap.EvFchdirX, 200, p{"res": 0, "fd": 3})
		}, allDoubt},
		{"a loss of nothing is none", func(h *host) { h.e.Lost(0) }, 0},
		{"a second loss counts again", func(h *host) {
			h.e.Lost(3)
			h.exec(200, "/bin/ls")
			h.e.Lost(1)
		}, allDoubt},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newHost(t)
			h.clone(100, 200, 0)
			if tt.do != nil {
				tt.do(h)
			}
			equal(t, "doubt", h.thread(200).Doubt(), tt.want)
			equal(t, "uncertain", h.thread(200).Uncertain(), tt.want != 0)
		})
	}
}

func TestChildrenInheritDoubt(t *testing.T) {
	h := newHost(t)
	h.e.Lost(3)
	h.clone(100, 200, 0)
	equal(t, "of a copy", h.thread(200).Doubt(), allDoubt)
	h.exec(200, "/bin/ls")
	h.clone(200, 300, 0)
	equal(t, "of a copy of what is known", h.thread(300).Doubt(), DoubtCWD|DoubtFDs)
	h.exec(900, "/bin/orphan", p{"ptid": 0})
	equal(t, "of one that nobody made", h.thread(900).Doubt(), DoubtCWD|DoubtFDs)
}

func TestLostBefore(t *testing.T) {
	h := newHost(t)
	h.clone(100, 200, 0)
	look := func(tid int64) uint64 {
		return h.play(scap.EvReadX, tid, p{"res": 0, "fd": 0}).LostBefore
	}
	equal(t, "without a loss", look(200), 0)
	h.e.Lost(3)
	h.e.Lost(4)
	equal(t, "first event after it", look(200), 7)
	equal(t, "second event after it", look(200), 0)
	equal(t, "another thread", look(100), 7)
	h.clone(100, 300, 0)
	equal(t, "a thread made after it", look(300), 0)
	h.e.Lost(5)
	equal(t, "a thread whose creation may be among them", look(777), 5)
}
