// SPDX-License-Identifier: Apache-2.0

// Package scenario holds the end-to-end tests: the real agent on the running
// kernel, a program that provokes each default rule, and a look at the alert.
package scenario
