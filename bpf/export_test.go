// SPDX-License-Identifier: Apache-2.0

package bpf

// For the live tests, which cannot be in this package: test/live imports it.
var ObjectFromBTF = objectFromBTF

func RunningHasBTF() bool { return exists(runningBTF) }
