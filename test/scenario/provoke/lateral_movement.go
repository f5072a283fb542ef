// SPDX-License-Identifier: Apache-2.0

package main

func init() {
	provide(map[string]step{
		"ssh-from-service":     {run: namedAs(33, "ssh", "root@"+peer)},
		"ssh-in-container":     {run: named("ssh", "root@"+peer), contained: true},
		"ssh-by-root":          {run: named("ssh", "root@"+peer)},
		"git-ssh-in-container": {run: as("git", "ssh-in-container"), contained: true},
		"kubectl-in-container": {run: named("kubectl", "get", "secrets", "-A"), contained: true},
		"kubectl-on-host":      {run: named("kubectl", "get", "nodes")},
	})
}
