// SPDX-License-Identifier: Apache-2.0

// Pkg tries the packages where they are used: in virtual machines that run a
// whole Debian with systemd, and, for the rpm, in a root with rpm's own tools.
// Each machine lives one story out of guest/, from a system without Tiercel to
// one that has got rid of it, step by step; what a step found out is a line.
package main
