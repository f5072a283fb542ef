// SPDX-License-Identifier: Apache-2.0

package scenario

var _ = wantFields(map[string]map[string]string{
	"outbound": {
		"fd.name": "203\\.0\\.113\\.7:[0-9]+->203\\.0\\.113\\.7:4444", "fd.sip": "203\\.0\\.113\\.7", "fd.sport": "4444",
		"fd.l4proto": "tcp", "evt.res": "SUCCESS", "proc.name": "bash", "proc.pname": "provoke", "user.name": "root"},
	"service-fetch": {"proc.name": "curl", "proc.pname": "nginx", "fd.sip": "203\\.0\\.113\\.7"},
})
