// SPDX-License-Identifier: Apache-2.0

package scenario

var _ = wantFields(map[string]map[string]string{
	"metadata":      {"fd.name": ".*->169\\.254\\.169\\.254:80", "proc.name": "bash"},
	"curl-metadata": {"fd.name": ".*->169\\.254\\.169\\.254:80", "proc.name": "curl", "proc.pname": "provoke"},
})
