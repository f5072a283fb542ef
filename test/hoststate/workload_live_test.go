// SPDX-License-Identifier: Apache-2.0

//go:build linux

package hoststate

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// workloadVar makes the test binary play a workload instead of the tests.
const workloadVar = "TIERCEL_STATE_WORKLOAD"

// workloads do something, report that they are ready on their output and stay
// until their input ends, so that /proc can be compared at leisure.
var workloads = map[string]func() error{
	"wait":       func() error { return nil },
	"files":      files,
	"sockets":    sockets,
	"orphan":     orphan,
	"leave":      leave,
	"threadexec": threadExec,
	"namespace":  namespace,
	"identity":   identity,
	"kinds":      kinds,
	"storm":      storm,
	"sockets6":   sockets6,
	"unix":       unixSockets,
	"passing":    passing,
	"holdfile":   holdFile,
	"sessions":   sessions,
	"unshared":   unshared,
	"users":      users,
	"setids":     setIDs,
	"jail":       jail,
	"forks":      forks,
	"mainless":   mainless,
}

// The main thread is kept for the main goroutine, so that all others run on
// other threads.
func init() { runtime.LockOSThread() }

func TestMain(m *testing.M) {
	name := os.Getenv(workloadVar)
	if name == "" {
		os.Exit(m.Run())
	}
	if err := workloads[name](); err != nil {
		fmt.Println(name, "failed:", err)
		os.Exit(1)
	}
	stay()
}

// stay tells that the workload is ready, and waits for its end. A signal makes
// it do something that changes nothing.
func stay() {
	nudge := make(chan os.Signal, 1)
	signal.Notify(nudge, unix.SIGUSR1)
	go func() {
		for range nudge {
			unix.FcntlInt(0, unix.F_GETFD, 0)
		}
	}()
	fmt.Println("ready")
	io.Copy(io.Discard, os.Stdin)
}

// start runs a workload as a child and waits until it is ready. Its input is
// ours.
func start(name string, attr *syscall.SysProcAttr, files ...*os.File) (*exec.Cmd, error) {
	cmd := exec.Command("/proc/self/exe")
	cmd.Args = []string{"workload", name, "an argument"}
	cmd.Env = append(os.Environ(), workloadVar+"="+name)
	cmd.Stdin, cmd.Stderr = os.Stdin, os.Stderr
	cmd.SysProcAttr, cmd.ExtraFiles = attr, files
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	line := make([]byte, 256)
	n, _ := out.Read(line)
	if string(line[:n]) != "ready\n" {
		return nil, fmt.Errorf("%s says %q", name, line[:n])
	}
	return cmd, nil
}

func files() error {
	dir, err := os.MkdirTemp("", "tiercel-state")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	var fds [20]int
	for i := range fds {
		if fds[i], err = unix.Open("/etc/passwd", unix.O_RDONLY|unix.O_CLOEXEC*(i%2), 0); err != nil {
			return err
		}
	}
	unix.Close(fds[0])
	unix.CloseRange(uint(fds[10]), uint(fds[12]), 0)
	unix.CloseRange(uint(fds[13]), uint(fds[14]), unix.CLOSE_RANGE_CLOEXEC)
	unix.FcntlInt(uintptr(fds[3]), unix.F_SETFD, 0)
	unix.FcntlInt(uintptr(fds[4]), unix.F_DUPFD_CLOEXEC, 100)
	unix.Dup2(fds[5], 90)
	unix.Dup3(fds[5], 91, unix.O_CLOEXEC)
	unix.Dup(fds[6])
	unix.Eventfd(0, unix.EFD_CLOEXEC)
	unix.MemfdCreate("mem", 0)
	unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	unix.InotifyInit1(0)
	unix.TimerfdCreate(unix.CLOCK_MONOTONIC, 0)
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
		return err
	}
	if err := os.Chdir("/usr/share/.."); err != nil {
		return err
	}
	d, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	if _, err := unix.Openat(d, "new", unix.O_CREAT|unix.O_RDWR, 0o600); err != nil {
		return err
	}
	if err := os.Remove(dir + "/new"); err != nil {
		return err
	}
	_, err = unix.Open("share/./../lib", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	return err
}

func sockets() error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	if _, err := net.Dial("tcp", l.Addr().String()); err != nil {
		return err
	}
	if _, err := l.Accept(); err != nil {
		return err
	}
	u, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	if _, err := net.Dial("udp", u.LocalAddr().String()); err != nil {
		return err
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	secret, err := unix.Open("/etc/hosts", unix.O_RDONLY, 0)
	if err != nil {
		return err
	}
	if err := unix.Sendmsg(pair[0], []byte("x"), unix.UnixRights(secret), nil, 0); err != nil {
		return err
	}
	buf, oob := make([]byte, 1), make([]byte, 64)
	_, _, _, _, err = unix.Recvmsg(pair[1], buf, oob, 0)
	return err
}

// orphan becomes the parent of its grandchild.
func orphan() error {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return err
	}
	cmd, err := start("leave", nil)
	if err != nil {
		return err
	}
	cmd.Process.Kill()
	cmd.Wait()
	return nil
}

func leave() error {
	_, err := start("wait", &syscall.SysProcAttr{Setpgid: true})
	return err
}

// threadExec executes itself from a thread that is not the main one.
func threadExec() error {
	failed := make(chan error)
	go func() {
		runtime.LockOSThread()
		failed <- execSelf()
	}()
	return <-failed
}

func execSelf() error {
	os.Setenv(workloadVar, "wait")
	return syscall.Exec("/proc/self/exe", []string{"again", "from a thread"}, os.Environ())
}

func namespace() error {
	_, err := start("leave", &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID, Setsid: true})
	return err
}

func identity() error {
	_, err := start("wait", &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 1234, Gid: 4321}})
	return err
}
