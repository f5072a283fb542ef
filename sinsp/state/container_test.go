// SPDX-License-Identifier: Apache-2.0

package state

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tiercel/tiercel/scap"
)

func TestContainerOfProcesses(t *testing.T) {
	h := newHost(t)
	docker := "/docker/" + strings.Repeat("ab", 32)
	equal(t, "host", h.thread(100).ContainerID, "")
	equal(t, "host", h.thread(100).ContainerType.String(), "host")
	h.clone(100, 200, 0, p{"cgroups": []string{"mem_cgroup=/", "io=" + docker, "cpu=/"}})
	c := h.thread(200)
	equal(t, "id", c.ContainerID, "abababababab")
	equal(t, "type", c.ContainerType.String(), "docker")
	equal(t, "cgroups", strings.Join(c.Cgroups, " "), "memory=/ blkio="+docker+" cpu=/")
	h.clone(200, 300, 0)
	equal(t, "without cgroups in the event, as the parent", h.thread(300).ContainerID, "abababababab")
	h.exec(300, "/bin/x", p{"cgroups": []string{"cpu=/"}})
	equal(t, "moved out, then exec", h.thread(300).ContainerID, "")
}

func TestAccountsOfContainers(t *testing.T) {
	h := newHostWith(t, Options{Accounts: func(pid int64) ([]User, []UserGroup) {
		if pid == 0 {
			return []User{{Name: "root"}, {Name: "second", UID: 0}, {Name: "alice", UID: 1000, Home: "/home/alice", Shell: "/bin/bash"}}, []UserGroup{{Name: "wheel", GID: 10}}
		}
		return []User{{Name: "app", UID: 1000}}, nil
	}})
	host := h.thread(100)
	h.clone(100, 200, 0, p{"cgroups": []string{"cpu=/docker/" + strings.Repeat("cd", 32)}})
	box := h.thread(200)

	equal(t, "on the host", *h.e.User(host, 1000), User{Name: "alice", UID: 1000, Home: "/home/alice", Shell: "/bin/bash"})
	equal(t, "first entry of an id", h.e.User(host, 0).Name, "root")
	equal(t, "group", h.e.UserGroup(host, 10).Name, "wheel")
	equal(t, "in the container", h.e.User(box, 1000).Name, "app")
	if h.e.User(host, 5) != nil || h.e.User(box, 0) != nil || h.e.User(host, NoUID) != nil {
		t.Fatal("a user that is not there")
	}

	h.play(scap.EvUserAddedE, -1, p{"uid": 7, "gid": 8, "name": "new", "home": "/h", "shell": "/s"})
	equal(t, "added", h.e.User(host, 7).Name, "new")
	h.play(scap.EvUserAddedE, -1, p{"uid": 7, "gid": 8, "name": "boxed", "container_id": box.ContainerID})
	equal(t, "added to the container", h.e.User(box, 7).Name, "boxed")
	equal(t, "added to the container only", h.e.User(host, 7).Name, "new")
	h.play(scap.EvUserDeletedE, -1, p{"uid": 7})
	if h.e.User(host, 7) != nil {
		t.Fatal("a deleted user is still there")
	}
	h.play(scap.EvGroupAddedE, -1, p{"gid": 9, "name": "g"})
	equal(t, "group added", h.e.UserGroup(host, 9).Name, "g")
	h.play(scap.EvGroupDeletedE, -1, p{"gid": 9})
	if h.e.UserGroup(host, 9) != nil {
		t.Fatal("a deleted group is still there")
	}
}

func TestAccountsOfAContainerAreAskedOfItsAncestorsToo(t *testing.T) {
	var asked []int64
	h := newHostWith(t, Options{Accounts: func(pid int64) ([]User, []UserGroup) {
		asked = append(asked, pid)
		if pid == 200 {
			return []User{{Name: "app", UID: 1000}}, nil
		}
		return nil, nil
	}})
	box := p{"cgroups": []string{"cpu=/docker/" + strings.Repeat("cd", 32)}}
	h.thread(100)
	h.clone(100, 200, 0, box)
	h.clone(200, 300, 0, box)
	asked = nil
	equal(t, "user", h.e.User(h.thread(300), 1000).Name, "app")
	equal(t, "asked", fmt.Sprint(asked), "[300 200]")
}

func TestExecWithEmptyNameIsNotTheFormerProgram(t *testing.T) {
	h := newHost(t)
	h.exec(100, "/bin/bash", p{"exe": "bash", "args": []string{"-c", "something else"}})
	h.exec(100, "/bin/cat", p{"exe": "", "args": []string{"/etc/hostname"}})
	th := h.thread(100)
	equal(t, "exe", th.Exe, "")
	equal(t, "command line", th.Cmdline, "cat /etc/hostname")
}

func TestUnknownUserIsLookedForAgainLater(t *testing.T) {
	reads := 0
	h := newHostWith(t, Options{Accounts: func(int64) ([]User, []UserGroup) {
		reads++
		if reads == 1 {
			return nil, nil
		}
		return []User{{Name: "late", UID: 7}}, nil
	}})
	s := h.thread(100)
	for range 10 {
		if h.e.User(s, 7) != nil {
			t.Fatal("found too early")
		}
	}
	equal(t, "readings", reads, 1)
	h.ts += accountsRetry
	h.tick()
	equal(t, "found", h.e.User(s, 7).Name, "late")
}
