// SPDX-License-Identifier: Apache-2.0

// Package drivers holds every driver to the same behaviour: the tests run with
// the one that TIERCEL_DRIVER names (see package live), on this machine with
// modern_bpf, in the virtual machines of the matrix with each of them.
package drivers
