// SPDX-License-Identifier: Apache-2.0

package scenario

var _ = wantFields(map[string]map[string]string{
	"miner-options":  {"proc.name": "kworker", "proc.cmdline": "kworker -o stratum.*"},
	"overwrite-disk": {"fd.name": "/dev/sdz1", "proc.name": "provoke"},
	"dd-disk":        {"fd.name": "/dev/nvme9n1", "proc.name": "dd"},
})
