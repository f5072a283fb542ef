// SPDX-License-Identifier: Apache-2.0

package procfs

import (
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

func TestProgramNamesMayHoldAnything(t *testing.T) {
	for _, c := range []struct{ stat, want string }{
		{"1 (sh) S 0 1 1 0 -1 0", "sh"},
		{"1 () S 0", ""},
		{"1 ((sd-pam)) S 0", "(sd-pam)"},
		{"1 (a) b) S 0", "a) b"},
		{`1 (line\nbreak\\) S 0`, "line\nbreak\\"},
	} {
		var th Thread
		if _, ok := parseStat([]byte(c.stat), &th); !ok || th.Comm != c.want {
			t.Errorf("%q: %q, %v", c.stat, th.Comm, ok)
		}
	}
	for _, bad := range []string{"", "1", "1 (a", "1 a) S", "1 )a( S", "1 (a)", "1 (a) SS 1"} {
		if _, ok := parseStat([]byte(bad), new(Thread)); ok {
			t.Errorf("%q accepted", bad)
		}
	}
}

func TestNegativeTerminalsAndGroupsAreRead(t *testing.T) {
	var th Thread
	s, ok := parseStat([]byte("1 (x) R 5 -1 7 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 9 0 123 4096 1"), &th)
	if !ok || th.PTID != 5 || th.PGID != -1 || th.SID != 7 || th.PfMinor != 1 || th.PfMajor != 3 || s.threads != 9 || s.start != 123 {
		t.Errorf("%+v %+v", th, s)
	}
}

func TestStringsMayLackTheirEnd(t *testing.T) {
	for _, c := range []struct {
		text string
		want []string
	}{
		{"", nil},
		{"a", []string{"a"}},
		{"a\x00", []string{"a"}},
		{"a\x00\x00b", []string{"a", "", "b"}},
		{"\x00", []string{""}},
	} {
		if got := splitStrings(nil, []byte(c.text)); !slices.Equal(got, c.want) {
			t.Errorf("%q: %q", c.text, got)
		}
	}
}

func TestNoLimitIsTheLargest(t *testing.T) {
	for text, want := range map[string]int64{
		"Max open files            unlimited            unlimited            files": 1<<63 - 1,
		"Max open files            7                    9                    files": 7,
		"Max open files":       NoID,
		"Max locked memory  1": NoID,
	} {
		if got := parseFDLimit([]byte(text)); got != want {
			t.Errorf("%q: %d", text, got)
		}
	}
}

func TestMountOptionsAreTaken(t *testing.T) {
	var table mountTable
	table.add([]byte(`40 1 0:50 / /mnt/with\040blank ro,nosuid shared:7 master:2 - overlay over\040lay rw,lowerdir=/a:/b,upperdir=/up\134per,workdir=/w`))
	table.add([]byte(`41 1 0:51 / / rw - ext4 /dev/sda ro,relatime`))
	table.add([]byte(`no dash`))
	want := []mount{
		{id: 40, point: "/mnt/with blank", readonly: true, overlay: true, upper: `/up\per`},
		{id: 41, point: "/", readonly: true},
	}
	if !slices.Equal(table.mounts, want) {
		t.Errorf("%+v", table.mounts)
	}
	for path, id := range map[string]uint32{"/mnt/with blank/x": 40, "/mnt/with blank": 40, "/mnt/with blanks": 41, "/x": 41} {
		if m := table.holding(path); m == nil || m.id != id {
			t.Errorf("%s lies in %+v", path, m)
		}
	}
	if m := table.holding("(unreachable)/x"); m != nil {
		t.Errorf("got %+v", m)
	}
}

func TestUsersAndGroupsAreRead(t *testing.T) {
	h := newHost(t)
	h.file("etc/passwd", "root:x:0:0:root:/root:/bin/bash\n# comment:x:1:1::/:/\n+::::::\n-nobody:x:2:2::/:/\nbad:x:y:0::/:/\nshort:x:1\n"+
		"big:x:4294967294:4294967295:,,,:/home/big:\nhuge:x:4294967296:0::/:/")
	h.file("etc/group", "root:x:0:\nadm:x:4:a,b\n+:::\nbad:x:x:\n:x:9:\nlast:x:7")
	users, err := Users(h.root)
	if err != nil {
		t.Fatal(err)
	}
	if want := []User{
		{Name: "root", Home: "/root", Shell: "/bin/bash"},
		{Name: "big", UID: 1<<32 - 2, GID: 1<<32 - 1, Home: "/home/big"},
	}; !slices.Equal(users, want) {
		t.Errorf("users %+v", users)
	}
	groups, err := Groups(h.root)
	if err != nil {
		t.Fatal(err)
	}
	if want := []Group{{"root", 0}, {"adm", 4}, {"last", 7}}; !slices.Equal(groups, want) {
		t.Errorf("groups %+v", groups)
	}
}

func TestAContainersLinksStayInside(t *testing.T) {
	h := newHost(t)
	h.file("container/real", "inside:x:5:5::/:/\n")
	h.link("container/etc/passwd", "/real") // absolute: within the container
	users, err := Users(h.root + "/container")
	if err != nil || len(users) != 1 || users[0].Name != "inside" {
		t.Errorf("%+v, %v", users, err)
	}
	h.link("escape/etc/passwd", "../../../../../../../../etc/passwd")
	if users, err := Users(h.root + "/escape"); err == nil {
		t.Errorf("read %d users from outside", len(users))
	}
}

func TestAPasswdThatIsNoFileIsRefused(t *testing.T) {
	h := newHost(t)
	h.file("etc/other", "")
	if err := unix.Mkfifo(h.root+"/etc/passwd", 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Users(h.root); err == nil {
		t.Error("a pipe was read")
	}
	if _, err := Groups(h.root); err == nil {
		t.Error("an absent file was read")
	}
	if _, err := Users("/nonexistent/root"); err == nil {
		t.Error("an absent root was read")
	}
}

// FuzzParse gives every parser the same text: none may crash.
func FuzzParse(f *testing.F) {
	f.Add([]byte("1 (a) S 0 1 1 0 -1 0\nUid:\t0\t0\nCapEff:\tff\nGroups:\t1 2\nMax open files 1 2"))
	f.Add([]byte("3:cpu,cpuacct:/docker\n0::/x\nflags:\t0100001\nmnt_id:\t4\nPid:\t-1"))
	f.Add([]byte("   0: 0100007F:1F90 00000000:0000 0A 0:0 0:0 0 0 0 1001\n0000: 3 0 0 1 3 77 /run/s"))
	f.Add([]byte(`40 1 0:50 / /mnt\040x ro shared:7 - overlay o rw,upperdir=/u\1`))
	f.Add([]byte("root:x:0:0:root:/root:/bin/sh\nadm:x:4:a"))
	f.Add([]byte("socket:[12]"))
	f.Fuzz(func(t *testing.T, b []byte) {
		th := noThread()
		parseStat(b, &th)
		parseStatus(b, &th)
		parseGroups(b, func(uint32) bool { return false })
		parseFDLimit(b)
		parseFDInfo(b)
		anonymousType(b)
		appendNumbers(nil, b)
		unescapeMount(b)
		for _, kind := range []string{"socket", "pipe", "net", ""} {
			linkInode(b, kind)
		}
		if got := splitStrings(nil, b); len(got) > len(b) {
			t.Errorf("%d strings out of %d bytes", len(got), len(b))
		}
		parseCgroups(nil, b, []string{"cpu"})
		parseUsers(string(b))
		parseGroupFile(string(b))
		table := &socketTable{sockets: map[uint64]socket{}}
		mounts := &mountTable{}
		for line, rest := cutLine(b); ; line, rest = cutLine(rest) {
			table.addInet(line, L4TCP, false)
			table.addInet(line, L4Raw, true)
			table.addUnix(line)
			table.addKind(line, 9, socket{kind: FDNetlink})
			table.addDiag(line, L4TCP)
			mounts.add(line)
			if len(rest) == 0 {
				break
			}
		}
		mounts.holding(string(b))
	})
}
