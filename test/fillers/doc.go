// SPDX-License-Identifier: Apache-2.0

// Package fillers checks on the running kernel that events carry what calls
// were made with: one call after another with known arguments, and for each the
// parameters of its event. It has no code of its own, only a live test.
package fillers
