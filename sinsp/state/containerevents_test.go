// SPDX-License-Identifier: Apache-2.0

package state

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/sinsp/container"
)

var (
	boxID     = strings.Repeat("abcdef012345", 5) + "abcd"
	boxCgroup = "cpu=/docker/" + boxID
	boxJSON   = `{"container":{"id":"abcdef012345","full_id":"` + boxID + `","type":0,"name":"web","ip":"172.17.0.2","image":"app:v1"}}`
)

func inBox(more p) p {
	params := p{"cgroups": []string{boxCgroup}}
	for k, v := range more {
		params[k] = v
	}
	return params
}

func TestDetailsOfContainersInCaptures(t *testing.T) {
	h := newHost(t)
	h.clone(100, 200, 0, inBox(nil))
	c := h.thread(200).Container()
	equal(t, "before", c.Status().String(), "unasked")
	h.play(scap.EvContainerJsonV2E, -1, p{"json": boxJSON})
	equal(t, "of a container event", c.Info().Name, "web")

	h.play(scap.EvAsynceventE, -1, p{"plugin_id": 0, "name": "container", "data": []byte(strings.Replace(boxJSON, "web", "renamed", 1) + "\x00")})
	equal(t, "of an asynchronous event", c.Info().Name, "renamed")
	h.play(scap.EvAsynceventE, -1, p{"plugin_id": 0, "name": "something else", "data": []byte("{")})
	h.play(scap.EvAsynceventE, -1, p{"plugin_id": 0, "name": "container", "data": []byte("{")})
	equal(t, "bad events", h.e.Containers().Stats().BadEvents, 1)
	h.play(scap.EvAsynceventE, -1, p{"plugin_id": 0, "name": "container_removed", "data": []byte(boxJSON)})
	equal(t, "containers", h.e.Containers().Stats().Containers, 0)
	equal(t, "its threads keep it", h.thread(200).Container().Info().Name, "renamed")
}

func TestAContainerEndsWithItsFirstProcess(t *testing.T) {
	h := newHost(t)
	known := func() int { h.tick(); return h.e.Containers().Stats().Containers }
	h.cloned(200, 200, 100, FlagChildInPidns, inBox(p{"vtid": 1, "vpid": 1}))
	h.cloned(201, 201, 200, FlagChildInPidns, inBox(p{"vtid": 2, "vpid": 2}))
	// A pid namespace of its own, made inside.
	h.cloned(202, 202, 201, FlagChildInPidns, inBox(p{"vtid": 1, "vpid": 1}))
	h.exit(202)
	equal(t, "after the end of a namespace inside", known(), 1)
	h.exit(201)
	equal(t, "after the end of another process", known(), 1)
	h.exit(200)
	equal(t, "after the end of its first process", known(), 0)
}

func TestNamespacesThatBecomeKnownLater(t *testing.T) {
	mail := container.NewMailbox(0)
	h := newHostWith(t, Options{Containers: container.NewTable(container.Options{Mail: mail})})
	h.clone(100, 200, 0, p{"cgroups": []string{"cpu=/blue/box"}})
	equal(t, "before", h.thread(200).ContainerID, "")
	mail.Put(container.Update{Namespaces: []string{"blue"}})
	h.e.PollContainers()
	equal(t, "a thread that was there", h.thread(200).ContainerID, "box")
	h.clone(200, 201, 0, p{"cgroups": []string{"cpu=/blue/box"}})
	equal(t, "the same container", h.thread(201).Container(), h.thread(200).Container())
}

func TestWhoIsOnTheHost(t *testing.T) {
	h := newHost(t)
	h.clone(100, 200, 0, inBox(nil))
	h.clone(100, 300, 0, p{"cgroups": []string{"cpu=/"}})
	answer := func(t *Thread) string { yes, known := t.OnHost(); return fmt.Sprint(yes, known) }
	equal(t, "in a container", answer(h.thread(200)), "false true")
	equal(t, "on the host", answer(h.thread(300)), "true true")
	equal(t, "nobody", answer(nil), "false false")
	h.play(scap.EvCloseX, 4711, p{"res": 0})
	if th := h.e.Thread(4711); th != nil {
		equal(t, "a thread of which nothing is known", answer(th), "true false")
	}
}

func TestStubKeepsTheContainerOnly(t *testing.T) {
	h := newHost(t)
	h.clone(100, 200, 0, inBox(nil))
	stub := h.thread(200).ContainerStub()
	h.exec(200, "/bin/x", p{"cgroups": []string{"cpu=/"}})
	h.play(scap.EvContainerJsonV2E, -1, p{"json": boxJSON})
	equal(t, "the thread has left", h.thread(200).ContainerID, "")
	equal(t, "the stub has the details", stub.Container().Info().Name, "web")
	equal(t, "and the id", stub.ContainerID, "abcdef012345")
}

func TestWhichEndOfAConnectionIsTheContainers(t *testing.T) {
	h := newHost(t)
	h.e.SetLocalAddrs([]netip.Addr{netip.MustParseAddr("172.17.0.1"), netip.MustParseAddr("10.9.9.9")})
	h.clone(100, 200, 0, inBox(nil))
	h.clone(100, 300, 0, p{"cgroups": []string{"cpu=/docker/" + strings.Repeat("99", 32)}})
	h.play(scap.EvContainerJsonV2E, -1, p{"json": boxJSON})
	conn := func(src, dst string) *FD {
		f := &FD{}
		a, b := netip.MustParseAddr(src).As4(), netip.MustParseAddr(dst).As4()
		copy(f.SrcIP[:], a[:])
		copy(f.DstIP[:], b[:])
		return f
	}
	for _, tt := range []struct {
		who      int64
		src, dst string
		want     bool
	}{
		{200, "172.17.0.2", "1.1.1.1", true},
		{200, "172.17.0.1", "172.17.0.2", false}, // the host calls: its address is not the container's
		{200, "1.1.1.1", "172.17.0.2", false},
		{200, "127.0.0.1", "127.0.0.1", true},
		{300, "172.17.0.2", "1.1.1.1", true}, // its own address is not known: that of any container
		{300, "10.9.9.9", "172.17.0.2", false},
		{100, "10.9.9.9", "1.1.1.1", true},
		{100, "1.1.1.1", "10.9.9.9", false},
	} {
		if got := h.e.ClientIsLocal(h.thread(tt.who), conn(tt.src, tt.dst)); got != tt.want {
			t.Errorf("%d: %s -> %s: %v", tt.who, tt.src, tt.dst, got)
		}
	}
}

func TestUsersOfAContainerAreReadWhileItsFirstProcessLives(t *testing.T) {
	var asked []int64
	h := newHostWith(t, Options{Accounts: func(pid int64) ([]User, []UserGroup) {
		asked = append(asked, pid)
		return []User{{Name: "app", UID: 7}}, nil
	}})
	h.clone(100, 200, 0, inBox(nil))
	h.exec(200, "/bin/x", inBox(nil))
	equal(t, "asked", fmt.Sprint(asked), "[200]")
	box := h.thread(200)
	h.exit(200)
	equal(t, "known after its end", h.e.User(box, 7).Name, "app")
	equal(t, "and nobody else was asked", fmt.Sprint(asked), "[200]")
}

func TestAccountFilesOfContainers(t *testing.T) {
	root := t.TempDir()
	file := func(path, text string) {
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	link := func(to, path string) {
		if err := os.Symlink(to, filepath.Join(root, path)); err != nil {
			t.Fatal(err)
		}
	}
	file("etc/passwd", "root:x:0:0::/root:/bin/sh\n")
	file("proc/1/ns/mnt", "")
	file("proc/7/root/etc/passwd", "captain:x:0:0::/:/bin/sh\n")
	file("proc/7/ns/mnt", "")
	file("proc/8/ns/mnt", "") // still has the host's root
	link("../..", "proc/8/root")
	if err := os.MkdirAll(filepath.Join(root, "proc/9/ns"), 0o755); err != nil {
		t.Fatal(err)
	}
	link("../..", "proc/9/root") // shares the host's mounts
	link("../../1/ns/mnt", "proc/9/ns/mnt")
	r := &accountReader{root: root}
	for pid, want := range map[int64]string{7: "captain", 8: "", 9: "root", 10: ""} {
		name := ""
		if f := r.readContainer(pid); len(f.users) > 0 {
			name = f.users[0].Name
		}
		equal(t, fmt.Sprint("pid ", pid), name, want)
	}
}

func TestFilesThatHangHoldNothingUp(t *testing.T) {
	hang := make(chan struct{})
	r := &accountReader{root: t.TempDir(), free: make(chan struct{}, maxReaders), wait: time.Millisecond}
	r.files = func(pid int64) accountFiles {
		if pid != 7 {
			<-hang
		}
		return accountFiles{users: []User{{Name: "x"}}}
	}
	for range 2 * maxReaders {
		if users, _ := r.read(8); users != nil {
			t.Fatal("an answer")
		}
	}
	equal(t, "readers that hang", len(r.free), maxReaders)
	close(hang)
	r.wait = readPatience
	for len(r.free) > 0 {
		r.read(8)
	}
	for {
		if users, _ := r.read(7); users != nil {
			return
		}
	}
}
