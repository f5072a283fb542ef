// SPDX-License-Identifier: Apache-2.0

// Package capture holds tests of whole captures: what our engine tells of
// captures that others made is compared with what an existing tool tells of
// them, event for event and parameter for parameter; and what our recorder
// writes is read back.
package capture
