// SPDX-License-Identifier: Apache-2.0

package procfs

const kernelLargefile = 0o100000
