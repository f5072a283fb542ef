// SPDX-License-Identifier: Apache-2.0

//go:build linux

package hoststate

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// kinds opens what is no file.
func kinds() error {
	mask := unix.Sigset_t{}
	if _, err := unix.Signalfd(-1, &mask, unix.SFD_CLOEXEC); err != nil {
		return err
	}
	if _, err := unix.MemfdCreate("marked", unix.MFD_CLOEXEC); err != nil {
		return err
	}
	if _, err := unix.EpollCreate1(0); err != nil {
		return err
	}
	if _, err := unix.InotifyInit1(unix.IN_CLOEXEC); err != nil {
		return err
	}
	if _, err := unix.PidfdOpen(os.Getpid(), 0); err != nil {
		return err
	}
	// Where these two are forbidden they make no descriptor.
	var params [120]byte
	unix.Syscall(unix.SYS_IO_URING_SETUP, 4, uintptr(unsafe.Pointer(&params)), 0)
	unix.Syscall(unix.SYS_USERFAULTFD, unix.O_CLOEXEC, 0, 0)
	if _, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE); err != nil {
		return err
	}
	for _, flags := range []int{0, unix.O_CLOEXEC} {
		var p [2]int
		if err := unix.Pipe2(p[:], flags); err != nil {
			return err
		}
	}
	return nil
}

// storm copies and closes descriptors at random, also beyond those that stand
// close together.
func storm() error {
	r := rand.New(rand.NewPCG(5, 6))
	var open []int
	for i := range 4 {
		fd, err := unix.Open([]string{"/etc/passwd", "/etc/group", "/etc/hosts", "/dev/null"}[i], unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		open = append(open, fd)
	}
	for range 2000 {
		from, to := open[r.IntN(4)], 50+r.IntN(60)*16
		switch r.IntN(6) {
		case 0:
			unix.Close(to)
		case 1:
			unix.Dup3(from, to, unix.O_CLOEXEC)
		case 2:
			unix.FcntlInt(uintptr(to), unix.F_SETFD, r.IntN(2)*unix.FD_CLOEXEC)
		case 3:
			unix.CloseRange(uint(to), uint(to)+20, r.UintN(2)*unix.CLOSE_RANGE_CLOEXEC)
		default:
			unix.Dup2(from, to)
		}
	}
	return nil
}

func sockets6() error {
	l, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		return nil // a host without IPv6
	}
	if _, err := net.Dial("tcp", l.Addr().String()); err != nil {
		return err
	}
	if _, err := l.Accept(); err != nil {
		return err
	}
	// A socket for both versions, asked over the older one.
	both, err := net.Listen("tcp", ":0")
	if err != nil {
		return err
	}
	if _, err := net.Dial("tcp", fmt.Sprint("127.0.0.1:", both.Addr().(*net.TCPAddr).Port)); err != nil {
		return err
	}
	if _, err := both.Accept(); err != nil {
		return err
	}
	u, err := net.ListenPacket("udp", "[::1]:0")
	if err != nil {
		return err
	}
	c, err := net.Dial("udp", u.LocalAddr().String())
	if err != nil {
		return err
	}
	c.Write([]byte("x"))
	_, _, err = u.ReadFrom(make([]byte, 10))
	return err
}

func unixSockets() error {
	name := fmt.Sprintf("@tiercel-state-%d", os.Getpid())
	l, err := net.Listen("unix", name)
	if err != nil {
		return err
	}
	if _, err := net.Dial("unix", name); err != nil {
		return err
	}
	_, err = l.Accept()
	return err
}

// passing takes descriptors from another process, by message and by pidfd.
func passing() error {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	cmd, err := start("holdfile", nil, os.NewFile(uintptr(pair[1]), "pair"))
	if err != nil {
		return err
	}
	buf, oob := make([]byte, 1), make([]byte, 64)
	if _, _, _, _, err := unix.Recvmsg(pair[0], buf, oob, unix.MSG_CMSG_CLOEXEC); err != nil {
		return err
	}
	pidfd, err := unix.PidfdOpen(cmd.Process.Pid, 0)
	if err != nil {
		return err
	}
	_, err = unix.PidfdGetfd(pidfd, 50, 0)
	return err
}

// holdFile has /etc/hosts as descriptor 50 and gives /etc/group away.
func holdFile() error {
	fd, err := unix.Open("/etc/hosts", unix.O_RDONLY, 0)
	if err != nil {
		return err
	}
	unix.Dup2(fd, 50)
	if fd, err = unix.Open("/etc/group", unix.O_RDONLY, 0); err != nil {
		return err
	}
	return unix.Sendmsg(3, []byte("x"), unix.UnixRights(fd), nil, 0)
}

// sessions has children in sessions and groups of their own, and moves one.
func sessions() error {
	if _, err := start("wait", &syscall.SysProcAttr{Setsid: true}); err != nil {
		return err
	}
	leader, err := start("wait", &syscall.SysProcAttr{Setpgid: true})
	if err != nil {
		return err
	}
	if _, err := start("wait", &syscall.SysProcAttr{Setpgid: true, Pgid: leader.Process.Pid}); err != nil {
		return err
	}
	_, err = unix.Setsid()
	return err
}

// unshared has a thread with a directory and descriptors of its own.
func unshared() error {
	if err := os.Chdir("/usr"); err != nil {
		return err
	}
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := unix.Unshare(unix.CLONE_FS | unix.CLONE_FILES)
		if err == nil {
			err = unix.Chdir("/var")
		}
		if err == nil {
			_, err = unix.Open("lib", unix.O_RDONLY|unix.O_DIRECTORY, 0)
		}
		done <- err
		select {}
	}()
	return <-done
}

// users is root of a user namespace with a process that is somebody else in
// there.
func users() error {
	maps := []syscall.SysProcIDMap{{ContainerID: 0, HostID: 100000, Size: 1000}}
	_, err := start("setids", &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWUSER | unix.CLONE_NEWPID, UidMappings: maps, GidMappings: maps,
		Credential: &syscall.Credential{Uid: 0, Gid: 0},
	})
	return err
}

func setIDs() error {
	if err := syscall.Setresgid(7, 7, 7); err != nil {
		return err
	}
	return syscall.Setresuid(5, 5, 5)
}

// jail stays in a directory that it takes for the root.
func jail() error {
	if err := os.Chdir("/usr"); err != nil {
		return err
	}
	return unix.Chroot("/usr")
}

// forks has many children that end at once, most of them orphans of children.
func forks() error {
	for i := range 150 {
		cmd := exec.Command("/bin/true")
		if i%2 == 0 {
			cmd = exec.Command("/bin/sh", "-c", "/bin/true & /bin/true &")
		}
		if err := cmd.Run(); err != nil {
			return err
		}
	}
	return nil
}

// mainless goes on without its main thread.
func mainless() error {
	go func() {
		stay()
		os.Exit(0)
	}()
	unix.RawSyscall(unix.SYS_EXIT, 0, 0, 0)
	return nil
}
