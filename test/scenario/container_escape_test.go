// SPDX-License-Identifier: Apache-2.0

package scenario

// inside is the id of the container that provoke makes.
const inside = "[0-9a-f]{12}"

var _ = wantFields(map[string]map[string]string{
	"open-core-pattern":           {"fd.name": "/proc/sys/kernel/core_pattern", "container.id": "host"},
	"open-core-pattern-elsewhere": {"fd.name": "/mnt/sys/kernel/core_pattern"},
	"container-open-sysctl":       {"fd.name": "/proc/sys/kernel/panic", "container.id": inside},
	"container-mount":             {"evt.arg.dev": "provoked", "fs.path.target": "/mnt", "evt.arg.type": "tmpfs", "container.id": inside},
	"container-setns":             {"evt.arg.nstype": "CLONE_NEWUTS", "container.id": inside},
	"container-docker-socket":     {"fd.name": ".* /run/docker.sock", "evt.res": "SUCCESS", "container.id": inside},
	"container-open-disk":         {"fd.name": "/dev/sdprovoked", "evt.res": "ENOENT", "container.id": inside},
	"container-make-device":       {"evt.arg.path": "/mnt/disk", "evt.arg.mode": ".*S_IFBLK.*", "container.id": inside},
	"container-proc-root":         {"fd.name": "/proc/[0-9]+/root/etc/hostname", "container.id": inside},
	"container-terminal":          {"proc.tty": "[1-9][0-9]*", "proc.name": "bash", "container.id": inside},
	"container-run-added-program": {"proc.exepath": "/mnt/root/provoked", "container.id": inside},
})
