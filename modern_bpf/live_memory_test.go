// SPDX-License-Identifier: Apache-2.0

package modernbpf

import "unsafe"

// kept holds what system calls point to; tests are short, nothing is let go.
var kept []any

func keep(v any) { kept = append(kept, v) }

func address[T any](s []T) uintptr {
	return uintptr(unsafe.Pointer(&s[0]))
}

// block copies numbers to memory that stays, and returns its address.
func block[T any](v ...T) uintptr {
	keep(v)
	return address(v)
}
