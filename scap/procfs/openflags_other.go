// SPDX-License-Identifier: Apache-2.0

//go:build !amd64

package procfs

// kernelLargefile is that of arm and arm64.
const kernelLargefile = 0o400000
