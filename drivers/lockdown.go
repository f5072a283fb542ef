// SPDX-License-Identifier: Apache-2.0

package drivers

// Lockdown says what the kernel's lockdown lets drivers do. It asks nothing but a
// file.
func Lockdown() Finding { return thisHost().lockdown() }
