// SPDX-License-Identifier: Apache-2.0

package state

import (
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/tiercel/tiercel/scap/procfs"
)

// User is an entry of the password database, UserGroup one of the group
// database.
type (
	User      = procfs.User
	UserGroup = procfs.Group
)

// AccountSource reads the users and groups of the host (pid 0) or of the
// container that the process pid runs in; what cannot be read is nil.
type AccountSource func(pid int64) ([]User, []UserGroup)

// AccountFiles returns the source that reads /etc/passwd and /etc/group: of the
// host below hostRoot (empty = "/"), of a container below the root of one of its
// processes. A container whose files cannot be read at once is given up for the
// moment: its file system may be a program that does not answer.
func AccountFiles(hostRoot string) AccountSource {
	if hostRoot == "" {
		hostRoot = "/"
	}
	r := &accountReader{root: hostRoot, free: make(chan struct{}, maxReaders), wait: readPatience}
	r.files = r.readContainer
	return r.read
}

const (
	// maxReaders bounds the readers that hang in file systems of containers.
	maxReaders = 4
	// readPatience is how long one may take; only a file system that does not
	// answer takes as long, and that is asked less and less.
	readPatience = 200 * time.Millisecond
)

// accountReader reads the files of a host and its containers.
type accountReader struct {
	root  string
	files func(pid int64) accountFiles
	free  chan struct{} // has an entry for each reader at work
	wait  time.Duration
}

type accountFiles struct {
	users  []User
	groups []UserGroup
}

func (r *accountReader) read(pid int64) ([]User, []UserGroup) {
	if pid <= 0 {
		f := readAccountFiles(r.root)
		return f.users, f.groups
	}
	select {
	case r.free <- struct{}{}:
	default:
		return nil, nil
	}
	done := make(chan accountFiles, 1)
	go func() {
		defer func() { <-r.free }()
		done <- r.files(pid)
	}()
	patience := time.NewTimer(r.wait)
	defer patience.Stop()
	select {
	case f := <-done:
		return f.users, f.groups
	case <-patience.C:
		return nil, nil
	}
}

// readContainer reads the files below the root of a process of a container.
// While a runtime prepares a container, its process is in the container's
// control groups and namespaces, but has the host's root: it is not asked. What
// shares the host's mounts for good has the host's users.
func (r *accountReader) readContainer(pid int64) accountFiles {
	proc := strings.TrimSuffix(r.root, "/") + "/proc/"
	own := proc + strconv.FormatInt(pid, 10)
	if sameFile(own+"/root", r.root) && !sameFile(own+"/ns/mnt", proc+"1/ns/mnt") {
		return accountFiles{}
	}
	return readAccountFiles(own + "/root")
}

func sameFile(a, b string) bool {
	x, err1 := os.Stat(a)
	y, err2 := os.Stat(b)
	return err1 == nil && err2 == nil && os.SameFile(x, y)
}

// readAccountFiles reads the files below root. What cannot be read has no
// names; that shows in the fields.
func readAccountFiles(root string) accountFiles {
	users, _ := procfs.Users(root)
	groups, _ := procfs.Groups(root)
	return accountFiles{users, groups}
}

// accounts are the users and groups of the host or of a container.
type accounts struct {
	users  map[uint32]*User
	groups map[uint32]*UserGroup
	readTS uint64 // event time before which they are not read again; 0 = never read
	usedTS uint64
	missed int // how often in a row there was nothing to read
}

const (
	// accountsRetry is how long an id that is not known stays unknown before
	// the databases are read again, in ns of event time.
	accountsRetry = 10e9
	// accountsMissing is the same when there was nothing to read, doubled each
	// time, maxMissed times at most.
	accountsMissing = uint64(200e6)
	maxMissed       = 6
	// maxMet is how often in a row a program that starts is asked regardless of
	// that: while its runtime prepares it, there is nothing to read.
	maxMet = 4
	// maxAsked is how many processes of a container are asked for its files.
	maxAsked = 8
	// maxAccounts bounds the containers whose databases are kept, and
	// maxAccountEntries the entries of one.
	maxAccounts       = 512
	maxAccountEntries = 65536
)

// User returns the user with the id uid as t sees it (on the host, or in t's
// container), nil when there is none.
func (e *Engine) User(t *Thread, uid uint32) *User {
	a := e.accountsOf(t)
	if u, ok := a.users[uid]; ok || uid == NoUID {
		return u
	}
	if e.reread(t, a) {
		return a.users[uid]
	}
	return nil
}

// UserGroup returns the group with the id gid as t sees it (on the host, or in
// t's container), nil when there is none.
func (e *Engine) UserGroup(t *Thread, gid uint32) *UserGroup {
	a := e.accountsOf(t)
	if g, ok := a.groups[gid]; ok || gid == NoUID {
		return g
	}
	if e.reread(t, a) {
		return a.groups[gid]
	}
	return nil
}

func (e *Engine) accountsOf(t *Thread) *accounts {
	if t == nil || t.ContainerID == "" {
		return &e.hostAccounts
	}
	return e.containerAccounts(t.ContainerID)
}

func (e *Engine) containerAccounts(id string) *accounts {
	a := e.accounts[id]
	if a == nil {
		if len(e.accounts) >= maxAccounts {
			e.dropOldestAccounts()
		}
		a = newAccounts()
		e.accounts[id] = a
	}
	a.usedTS = e.clock
	return a
}

func (e *Engine) dropOldestAccounts() {
	oldest, id := ^uint64(0), ""
	for k, a := range e.accounts {
		if a.usedTS < oldest {
			oldest, id = a.usedTS, k
		}
	}
	delete(e.accounts, id)
	e.counters.AccountsGone++
}

func newAccounts() *accounts {
	return &accounts{users: make(map[uint32]*User), groups: make(map[uint32]*UserGroup)}
}

// reread reads the databases again, because an id is missing in them; at most
// once in accountsRetry, or sooner when nothing could be read. It reports
// whether it did.
func (e *Engine) reread(t *Thread, a *accounts) bool {
	if e.opts.Accounts == nil || (a.readTS != 0 && !e.due(a.readTS)) {
		return false
	}
	users, groups := e.readAccounts(t, a)
	if users == nil && groups == nil {
		a.readTS = e.clock + accountsMissing<<min(a.missed, maxMissed)
		a.missed++
		return false
	}
	a.missed = 0
	a.readTS = e.clock + accountsRetry
	for _, u := range users {
		a.addUser(u)
	}
	for _, g := range groups {
		a.addGroup(g)
	}
	return true
}

// readAccounts reads the databases of the host, or of t's container as one of
// its processes sees them: a short-lived process may be gone already, so those
// that it comes from are asked as well.
func (e *Engine) readAccounts(t *Thread, a *accounts) ([]User, []UserGroup) {
	if a == &e.hostAccounts {
		return e.opts.Accounts(0)
	}
	for n := 0; t != nil && t.ContainerID != "" && e.accounts[t.ContainerID] == a && n < maxAsked; n++ {
		if users, groups := e.opts.Accounts(t.PID); users != nil || groups != nil {
			return users, groups
		}
		t = t.Parent()
	}
	return nil, nil
}

// addUser keeps the first entry of an id, as the C library finds it.
func (a *accounts) addUser(u User) {
	if len(a.users) >= maxAccountEntries {
		return
	}
	if old := a.users[u.UID]; old == nil || old.Name == u.Name {
		a.users[u.UID] = &u
	}
}

func (a *accounts) addGroup(g UserGroup) {
	if len(a.groups) >= maxAccountEntries {
		return
	}
	if old := a.groups[g.GID]; old == nil || old.Name == g.Name {
		a.groups[g.GID] = &g
	}
}
