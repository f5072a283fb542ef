// SPDX-License-Identifier: Apache-2.0

// Package output brings alerts from the event loop to whoever reads them: it
// puts an alert into its final text or JSON form, and a bounded queue with a
// writer of its own stands between the loop and outputs that may be slow, so
// that a blocked pipe costs alerts (counted) but never events.
package output
