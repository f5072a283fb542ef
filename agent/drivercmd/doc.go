// SPDX-License-Identifier: Apache-2.0

// Package drivercmd is the commands that build, load and unload drivers and
// say how they are: tiercel driver build, load, unload and status. Nothing is
// ever asked; what is in the way is found out before anything is begun.
package drivercmd
