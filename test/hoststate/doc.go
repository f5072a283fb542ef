// SPDX-License-Identifier: Apache-2.0

// Package hoststate holds a live test of the model: what the engine learns from
// events about a workload has to be what /proc says of it afterwards.
package hoststate
