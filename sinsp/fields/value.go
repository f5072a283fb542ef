// SPDX-License-Identifier: Apache-2.0

package fields

import "github.com/tiercel/tiercel/sinsp/state"

// Value is what a field yields. Which member counts follows from the field's
// type: numbers (signed ones sign-extended, booleans 0 and 1, doubles as
// math.Float64bits) in N; text, paths, buffers and addresses (4 or 16 raw
// bytes, network order) in S; list fields in Strs or Nums by the same rule.
// Strings may be views over the event or its arena: they die with it.
//
// A Value is meant to be reused: its slices keep their room.
type Value struct {
	N    uint64
	S    string
	Strs []string
	Nums []uint64

	cur *state.Thread // where a walk over ancestors stands, between calls of Each
}
