// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"os/exec"
)

func init() {
	provide(map[string]step{
		"miner-options":            {run: named("kworker", "-o", "stratum+tcp://"+peer+":3333", "-u", "x")},
		"miner-name":               {run: named("xmrig")},
		"miner-in-hiding":          hiding("/dev/shm", all(copySelf("/dev/shm/xmrig"), command("/dev/shm/xmrig", "nothing"))),
		"container-overwrite-disk": {run: write("/dev/sdz1"), isolated: true, empty: []string{"/dev"}, contained: true},
		"grep-miner":               {run: named("grep", "-r", "stratum+tcp://", "/etc")},
		"write-msr":                hiding("/dev", write("/dev/cpu/0/msr")),
		"load-msr":                 {run: named("modprobe", "msr", "allow_writes=on")},
		"read-msr":                 hiding("/dev", look("/dev/cpu/0/msr")),
		"overwrite-disk":           hiding("/dev", write("/dev/sdz1")),
		"dd-disk":                  hiding("/dev", all(there("/dev/nvme9n1"), ddDisk)),
		"shred-disk":               {run: named("shred", "-n", "1", "/dev/sdz")},
		"wipe-root":                {run: named("rm", "-rf", "--no-preserve-root", "/")},
		"read-disk":                hiding("/dev", look("/dev/sdz")),
		"shred-file":               {run: named("shred", "-u", "secret.txt")},
	})
}

// ddDisk hands on what is open, as there is no /dev/null to open in its place.
func ddDisk() error {
	cmd := exec.Command("dd", "if=/proc/self/status", "of=/dev/nvme9n1", "status=none")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	return cmd.Run()
}
