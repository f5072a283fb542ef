// SPDX-License-Identifier: Apache-2.0

// Package btfheaders writes a C header with a kernel's types as its BTF tells
// them, for hosts that have no kernel headers.
//
// The header states every layout instead of leaving it to the compiler: all
// structures are packed, with gaps written out and the size fixed, so that
// members lie where BTF says whatever the compiler's rules are. Qualifiers are
// left out, because they say nothing about a layout.
package btfheaders
