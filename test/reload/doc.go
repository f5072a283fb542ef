// SPDX-License-Identifier: Apache-2.0

// Package reload proves on the running kernel that a live reload loses nothing:
// a numbered load runs while rules and selection change a hundred times, and
// every number gives exactly one alert.
package reload
