// SPDX-License-Identifier: Apache-2.0

// Package rulecost tells authors of rules how their rules are evaluated and
// what they cost: the commands "rules explain-plan" and "rules profile".
package rulecost
