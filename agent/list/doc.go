// SPDX-License-Identifier: Apache-2.0

// Package list prints what the agent knows, for people and for tools: the
// fields that conditions and outputs can use, and the events. It reads the
// tables that the agent itself works by.
package list
