// SPDX-License-Identifier: Apache-2.0

package state

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/tiercel/tiercel/scap"
)

func TestAccountsOfManyContainersAreBounded(t *testing.T) {
	h := newHost(t)
	for i := range maxAccounts + 10 {
		h.play(scap.EvUserAddedE, 1, p{"uid": 5, "gid": 5, "name": "somebody", "home": "/", "shell": "/bin/sh", "container_id": fmt.Sprintf("container%d", i)})
		h.play(scap.EvGroupAddedE, 1, p{"gid": 5, "name": "some", "container_id": fmt.Sprintf("container%d", i)})
	}
	equal(t, "containers", len(h.e.accounts), maxAccounts)
	equal(t, "forgotten", h.e.Counters().AccountsGone, 10)
	if h.e.accounts["container0"] != nil || h.e.accounts[fmt.Sprint("container", maxAccounts+9)] == nil {
		t.Error("others than the oldest are forgotten")
	}
}

func TestEntriesOfOneDatabaseAreBounded(t *testing.T) {
	a := newAccounts()
	for i := range uint32(maxAccountEntries + 10) {
		a.addUser(User{UID: i, Name: "x"})
		a.addGroup(UserGroup{GID: i, Name: "x"})
	}
	equal(t, "users", len(a.users), maxAccountEntries)
	equal(t, "groups", len(a.groups), maxAccountEntries)
}

func TestAccountFilesOfTheHostAndOfAContainer(t *testing.T) {
	root := t.TempDir()
	for dir, name := range map[string]string{"etc": "host", "proc/7/root/etc": "inside"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
		for file, text := range map[string]string{"passwd": name + ":x:5:6::/:/bin/sh\n", "group": name + ":x:6:\n"} {
			if err := os.WriteFile(filepath.Join(root, dir, file), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	read := AccountFiles(root)
	for pid, want := range map[int64]string{0: "host", 7: "inside"} {
		users, groups := read(pid)
		if len(users) != 1 || len(groups) != 1 || users[0].Name != want || groups[0].Name != want {
			t.Errorf("of %d: %v, %v", pid, users, groups)
		}
	}
	if users, groups := read(8); len(users)+len(groups) != 0 {
		t.Errorf("of nobody: %v, %v", users, groups)
	}
}
