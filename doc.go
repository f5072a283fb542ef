// SPDX-License-Identifier: Apache-2.0

// Package tiercel is the root of a runtime security agent for Linux. It holds
// no code, only the tests that keep the repository's habits.
package tiercel
