// SPDX-License-Identifier: Apache-2.0

package scenario

var _ = wantFields(map[string]map[string]string{
	"ssh-from-service":     {"user.uid": "33", "proc.cmdline": "ssh root@203\\.0\\.113\\.7"},
	"ssh-in-container":     {"container.id": "[0-9a-f]{12}", "proc.cmdline": "ssh root@203\\.0\\.113\\.7"},
	"kubectl-in-container": {"container.id": "[0-9a-f]{12}", "proc.cmdline": "kubectl get secrets -A"},
})
