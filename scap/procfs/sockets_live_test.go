// SPDX-License-Identifier: Apache-2.0

package procfs

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

var sameSocket = cmp.Comparer(func(a, b socket) bool { return a == b })

// tables reads the sockets of a process both ways: by netlink and as text.
func tables(t *testing.T, pid int) (diag, text map[uint64]socket) {
	t.Helper()
	d, err := openDir(unix.AT_FDCWD, fmt.Sprintf("/proc/%d", pid))
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	r := New("", Options{})
	netns := r.namespace(d, "ns/net", "net")
	own := netns == r.namespace(unix.AT_FDCWD, "/proc/self/ns/net", "net")
	q, err := openDiag(d, own)
	if err != nil {
		if errors.Is(err, unix.EPERM) && !own {
			t.Skipf("entering a network namespace needs CAP_SYS_ADMIN: %v", err)
		}
		t.Skipf("this kernel does not tell sockets by netlink: %v", err)
	}
	q.close()
	one := &socketTable{sockets: map[uint64]socket{}}
	r.readSockets(d, netns, one)
	r.noDiag = true
	two := &socketTable{sockets: map[uint64]socket{}}
	r.readSockets(d, netns, two)
	return one.sockets, two.sockets
}

// closer closes what the test opened.
func closer[T io.Closer](t *testing.T, c T, err error) T {
	t.Helper()
	if err != nil {
		t.Skipf("this host lacks what the test needs: %v", err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func inode(t *testing.T, c any) uint64 {
	t.Helper()
	raw, err := c.(interface {
		SyscallConn() (syscall.RawConn, error)
	}).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var st unix.Stat_t
	if err := raw.Control(func(fd uintptr) { err = unix.Fstat(int(fd), &st) }); err != nil {
		t.Fatal(err)
	}
	return st.Ino
}

func TestNetlinkAndTextTellTheSameSockets(t *testing.T) {
	ours := map[string]uint64{}
	for _, network := range []string{"tcp4", "tcp6"} {
		l, err := net.Listen(network, map[string]string{"tcp4": "127.0.0.1:0", "tcp6": "[::1]:0"}[network])
		l = closer(t, l, err)
		c, err := net.Dial(network, l.Addr().String())
		c = closer(t, c, err)
		ours[network+" listener"], ours[network+" connection"] = inode(t, l), inode(t, c)
	}
	for _, network := range []string{"udp4", "udp6"} {
		u, err := net.ListenPacket(network, map[string]string{"udp4": "127.0.0.1:0", "udp6": "[::1]:0"}[network])
		u = closer(t, u, err)
		c, err := net.Dial(network, u.LocalAddr().String())
		c = closer(t, c, err)
		ours[network+" socket"], ours[network+" connected"] = inode(t, u), inode(t, c)
	}
	diag, text := tables(t, os.Getpid())
	for name, ino := range ours {
		d, inDiag := diag[ino]
		x, inText := text[ino]
		if !inDiag || !inText || d != x || !d.src.IsValid() || d.src.Port() == 0 {
			t.Errorf("%s: by netlink %+v (%v), as text %+v (%v)", name, d, inDiag, x, inText)
		}
		if d.listen != (name[5:] == "listener") {
			t.Errorf("%s listens: %v", name, d.listen)
		}
	}
}

// TestMain is also the process in another network namespace: it listens, says
// so and waits.
func TestMain(m *testing.M) {
	if os.Getenv("PROCFS_TEST_LISTEN") == "" {
		os.Exit(m.Run())
	}
	l, err := net.Listen("tcp4", "0.0.0.0:4321")
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("listening")
	_, _ = io.Copy(io.Discard, os.Stdin)
	_ = l.Close()
}

func TestSocketsOfAnotherNamespaceAreFound(t *testing.T) {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), "PROCFS_TEST_LISTEN=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Skipf("a network namespace of one's own needs CAP_SYS_ADMIN: %v", err)
	}
	t.Cleanup(func() { _ = in.Close(); _ = cmd.Wait() })
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "listening\n" {
		t.Fatalf("%q, %v", line, err)
	}
	p, err := New("", Options{}).Lookup(int64(cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	want := netip.MustParseAddrPort("0.0.0.0:4321")
	found := false
	for _, f := range p.FDs {
		found = found || f.Listen && f.Type == FDIPv4Server && f.Src == want
	}
	if !found {
		t.Errorf("no socket that listens on %v among %+v", want, p.FDs)
	}
	diag, text := tables(t, cmd.Process.Pid)
	// The netlink socket that asks stands in the table too.
	noIP := func(_ uint64, s socket) bool { return s.l4 == 0 }
	maps.DeleteFunc(diag, noIP)
	maps.DeleteFunc(text, noIP)
	if diff := cmp.Diff(text, diag, sameSocket); diff != "" || len(text) == 0 {
		t.Errorf("-text +netlink:\n%s", diff)
	}
}

func TestNoThreadOfOursStaysInAnotherNamespace(t *testing.T) {
	namespaces := map[string]bool{}
	main, refused := false, error(nil)
	for range 50 {
		onDyingThread(func() {
			main = main || unix.Gettid() == unix.Getpid()
			if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
				refused = err
			}
		})
	}
	if refused != nil {
		t.Skipf("a network namespace of one's own needs CAP_SYS_ADMIN: %v", refused)
	}
	if main {
		t.Error("the main thread was used, which cannot end")
	}
	for end := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		clear(namespaces)
		tasks, err := os.ReadDir("/proc/self/task")
		if err != nil {
			t.Fatal(err)
		}
		for _, task := range tasks {
			if ns, err := os.Readlink("/proc/self/task/" + task.Name() + "/ns/net"); err == nil {
				namespaces[ns] = true
			}
		}
		if len(namespaces) == 1 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("threads of ours are in %v", namespaces)
		}
	}
}

// Sockets that stand in no table still have a kind.
func TestSocketsOutsideTheTablesHaveAKind(t *testing.T) {
	for _, c := range []struct {
		name             string
		family, typ, pro int
		kind             FDType
		l4               L4
	}{
		{"tcp, not bound", unix.AF_INET, unix.SOCK_STREAM, 0, FDIPv4, L4TCP},
		{"tcp over IPv6, not bound", unix.AF_INET6, unix.SOCK_STREAM, 0, FDIPv6, L4TCP},
		{"udp, not bound", unix.AF_INET, unix.SOCK_DGRAM, 0, FDIPv4, L4UDP},
		{"netlink", unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_ROUTE, FDNetlink, 0},
		{"unix", unix.AF_UNIX, unix.SOCK_DGRAM, 0, FDUnix, 0},
		{"packet", unix.AF_PACKET, unix.SOCK_RAW, 0, FDUnsupported, 0},
		{"of the crypto interface", unix.AF_ALG, unix.SOCK_SEQPACKET, 0, FDUnsupported, 0},
		{"of a virtual machine", unix.AF_VSOCK, unix.SOCK_STREAM, 0, FDUnsupported, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := unix.Socket(c.family, c.typ|unix.SOCK_CLOEXEC, c.pro)
			if err != nil {
				t.Skipf("no such socket here: %v", err)
			}
			defer unix.Close(s)
			fd, err := New("", Options{}).LookupFD(int64(os.Getpid()), int64(s))
			if err != nil || fd.Type != c.kind || fd.L4 != c.l4 || fd.Ino == 0 {
				t.Errorf("%+v, %v, want kind %d and protocol %d", fd, err, c.kind, c.l4)
			}
		})
	}
}

// BenchmarkSocketTable reads the TCP and UDP sockets of this namespace, of
// which there are many more than usual.
func BenchmarkSocketTable(b *testing.B) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	for range 2000 {
		c, err := net.Dial("tcp4", l.Addr().String())
		if err != nil {
			b.Fatal(err)
		}
		defer c.Close()
	}
	d, err := openDir(unix.AT_FDCWD, "/proc/self")
	if err != nil {
		b.Fatal(err)
	}
	defer d.close()
	for _, text := range []bool{true, false} {
		b.Run(map[bool]string{true: "text", false: "netlink"}[text], func(b *testing.B) {
			r := New("", Options{})
			r.noDiag = text
			netns := r.namespace(d, "ns/net", "net")
			b.ReportAllocs()
			for b.Loop() {
				r.readSockets(d, netns, &socketTable{sockets: map[uint64]socket{}})
			}
		})
	}
}
