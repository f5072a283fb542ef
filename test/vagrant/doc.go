// SPDX-License-Identifier: Apache-2.0

// Package vagrant holds the script that builds and tests on a real distribution,
// for the Vagrantfile and for the provision cells of test/vm, and checks both as
// far as that goes without a box.
package vagrant
