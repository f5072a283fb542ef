// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"bytes"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const (
	fibTrie = `Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 10.1.2.0/24 2 0 2
        |-- 10.1.2.7
           /32 host LOCAL
        |-- 10.1.2.255
           /32 link BROADCAST
Local:
  +-- 0.0.0.0/0 3 0 5
     +-- 127.0.0.0/8 2 0 2
        |-- 127.0.0.0
           /8 host LOCAL
        |-- 127.0.0.1
           /32 host LOCAL
     |-- 10.1.2.7
        /32 host LOCAL
`
	ifInet6 = `00000000000000000000000000000001 01 80 10 80       lo
fe80000000000000020000fffe000001 02 40 20 80     eth0
`
)

func TestAddressesOfTheHostAreReadFromItsFirstProcess(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "proc/1/net")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"fib_trie": fibTrie, "if_inet6": ifInet6} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for _, a := range addrsOf(root)() {
		got = append(got, a.String())
	}
	if d := cmp.Diff([]string{"10.1.2.7", "127.0.0.1", "::1", "fe80::200:ff:fe00:1"}, got); d != "" {
		t.Error(d)
	}
}

// A router's table takes long to read: who asks gets what was known, and what is
// new the next time.
func TestAskingForAddressesWaitsForNobody(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "proc/1/net")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	trie := filepath.Join(dir, "fib_trie")
	if err := os.WriteFile(trie, []byte(fibTrie), 0o600); err != nil {
		t.Fatal(err)
	}
	addrs := addrsOf(root)
	if err := os.Remove(trie); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(trie, 0o600); err != nil { // whoever opens it waits
		t.Fatal(err)
	}
	for range 3 {
		if got := addrs(); len(got) != 2 || got[0].String() != "10.1.2.7" {
			t.Fatalf("while the table is read: %v", got)
		}
	}
	w, err := os.OpenFile(trie, os.O_WRONLY, 0) // returns once it is being read
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(trie); err != nil {
		t.Fatal(err)
	}
	_, err = w.WriteString("|-- 192.0.2.1\n/32 host LOCAL\n")
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); len(addrs()) != 1; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the new addresses never came")
		}
	}
}

// The kernel's files name what its interfaces have.
func TestAddressesOfThisHostAreTheSameEitherWay(t *testing.T) {
	trie, err := os.ReadFile("/proc/self/net/fib_trie")
	if err != nil {
		t.Skipf("this kernel has no fib_trie: %v", err)
	}
	v6, _ := os.ReadFile("/proc/self/net/if_inet6")
	got := append(parseFibTrie(bytes.NewReader(trie)), parseInet6(bytes.NewReader(v6))...)
	for _, a := range ownAddrs() {
		if !slices.Contains(got, a.WithZone("")) {
			t.Errorf("%s is not among %v", a, got)
		}
	}
}

func TestWithoutTheHostsNetworkTheOwnIsTaken(t *testing.T) {
	if d := cmp.Diff(ownAddrs(), addrsOf(t.TempDir())(), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); d != "" {
		t.Error(d)
	}
}

func FuzzHostAddresses(f *testing.F) {
	f.Add(fibTrie)
	f.Add(ifInet6)
	f.Fuzz(func(t *testing.T, text string) {
		for _, a := range parseFibTrie(strings.NewReader(text)) {
			if !a.Is4() {
				t.Errorf("%s is not of IPv4", a)
			}
		}
		for _, a := range parseInet6(strings.NewReader(text)) {
			if !a.IsValid() || a.Zone() != "" {
				t.Errorf("%s is not an address", a)
			}
		}
	})
}

func TestAHostRootWithoutProcessesIsRefused(t *testing.T) {
	w := newWorld(t, shadowRule)
	w.sys.HostRoot = t.TempDir()
	if status := w.run(); status == 0 {
		t.Error("the agent runs without the host's processes")
	}
	for _, want := range []string{"HOST_ROOT=" + w.sys.HostRoot, "mount the host's /proc on " + w.sys.HostRoot + "/proc"} {
		if !strings.Contains(w.err.String(), want) {
			t.Errorf("%q is not in: %s", want, w.err.String())
		}
	}
}
