// SPDX-License-Identifier: Apache-2.0

package state

// Engine keeps the model. One goroutine owns it.
type Engine struct{}

// FDTable holds the descriptors of a process.
type FDTable struct{}
