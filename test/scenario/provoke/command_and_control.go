// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net"
	"os/exec"
)

func init() {
	provide(map[string]step{
		"outbound":     {run: outbound, isolated: true},
		"loopback":     {run: loopback},
		"ssh-odd-port": {run: as("ssh", "dial"), isolated: true},
		"dial":         {run: dial},
	})
}

func outbound() error {
	l, err := listen()
	if err != nil {
		return err
	}
	defer l.Close()
	return exec.Command("bash", "-c", "exec 3<>/dev/tcp/"+peer+"/4444").Run()
}

func dial() error {
	c, err := net.Dial("tcp4", peer+":4444")
	if err != nil {
		return err
	}
	return c.Close()
}

// loopback connects to loopback, which is no other machine.
func loopback() error {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return err
	}
	return exec.Command("sh", "-c", "bash -c 'exec 3<>/dev/tcp/127.0.0.1/"+port+"'").Run()
}
