// SPDX-License-Identifier: Apache-2.0

package scenario

var _ = wantFields(map[string]map[string]string{
	"reverse-shell": {"fd.name": ".*->203\\.0\\.113\\.7:4444", "evt.rawres": "1", "proc.name": "bash", "user.name": "root"},
	"socket-shell":  {"proc.stdin.name": ".*->203\\.0\\.113\\.7:4444", "proc.cmdline": "sh -c exit 0", "proc.pname": "provoke"},
})
