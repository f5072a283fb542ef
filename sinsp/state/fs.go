// SPDX-License-Identifier: Apache-2.0

package state

// fsState is what clone(2) calls the filesystem information: where relative
// paths begin. The threads of a process share it, unless one of them has
// unshared it; so do processes made by clone with CLONE_FS, also after an exec.
// The root stands in Thread.Root.
type fsState struct {
	cwd  string    // with a trailing slash; empty when it is not known
	sure lossCount // Engine.lost when it was certain last
}

// fs returns where t's relative paths begin; nil when its process is not known.
func (t *Thread) fs() *fsState {
	switch {
	case t.ownFS != nil:
		return t.ownFS
	case t.group != nil:
		return t.group.fs
	}
	return nil
}

// startFS gives the new process of t the directory of the thread that it is a
// copy of (nil when that is not known), or shares it.
func (t *Thread) startFS(like *Thread) {
	if t.group == nil || t.group.fs.cwd != "" || like == nil || like.fs() == nil {
		return
	}
	if t.Flags&(FlagFS|FlagThread) != FlagFS || like.group == nil {
		*t.group.fs = *like.fs()
		return
	}
	t.group.fs = like.fs()
	t.group.fsShared, like.group.fsShared = true, true
}

// CWD returns the current directory of t, with a trailing slash; "./" when it
// is not known.
func (t *Thread) CWD() string {
	if fs := t.fs(); fs != nil && fs.cwd != "" {
		return fs.cwd
	}
	return "./"
}

// setCWD sets the directory of t; path is absolute. It is certain as of the
// given count of losses.
func (t *Thread) setCWD(path string, sure lossCount) {
	fs := t.fs()
	if fs == nil || path == "" {
		return
	}
	if path[len(path)-1] != '/' {
		path += "/"
	}
	fs.cwd, fs.sure = path, sure
}

// changeCWD joins path to the directory of t. An absolute path is as certain as
// what it was taken from.
func (e *Engine) changeCWD(t *Thread, path []byte, sure lossCount) {
	fs := t.fs()
	if len(path) == 0 || fs == nil || (path[0] != '/' && fs.cwd == "") {
		return
	}
	e.enc = JoinPath(e.enc[:0], fs.cwd, view(path))
	if e.enc[len(e.enc)-1] != '/' {
		e.enc = append(e.enc, '/')
	}
	fs.cwd = e.text(e.enc)
	if path[0] == '/' {
		fs.sure = sure
	}
}

// sharers calls f for the threads of t's process that have their root and
// directory in common with t.
func (t *Thread) sharers(f func(*Thread)) {
	t.peers(func(p *Thread) {
		if p.ownFS == t.ownFS {
			f(p)
		}
	})
}

func onChdir(e *Engine, ev *Event) {
	if ev.Thread != nil {
		e.changeCWD(ev.Thread, ev.text(pPath), e.lost)
	}
}

// onGetcwd takes what the kernel says. A directory outside of the root has no
// path; the kernel marks it "(unreachable)".
func onGetcwd(e *Engine, ev *Event) {
	if path := ev.text(pPath); ev.Thread != nil && len(path) > 0 && path[0] == '/' {
		e.changeCWD(ev.Thread, path, e.lost)
	}
}

func onFchdir(e *Engine, ev *Event) {
	if ev.Thread == nil || ev.FD == nil || len(ev.FD.Name) == 0 || ev.FD.Name[0] != '/' {
		return
	}
	e.changeCWD(ev.Thread, []byte(ev.FD.Name), ev.Thread.fds.sure)
}

func onChroot(e *Engine, ev *Event) {
	t, path := ev.Thread, ev.text(pPath)
	if t == nil || len(path) == 0 {
		return
	}
	e.enc = JoinPath(e.enc[:0], t.CWD(), view(path))
	root := e.text(e.enc)
	t.sharers(func(p *Thread) { p.Root = root })
}

// ownRoot gives t a root and a directory that nobody shares.
func (t *Thread) ownRoot() {
	switch {
	case t.group == nil:
	case t.group.count > 1 && (t.ownFS == nil || t.group.fsShared):
		fs := *t.fs()
		t.ownFS = &fs
	case t.ownFS == nil && t.group.fsShared:
		fs := *t.group.fs
		t.group.fs, t.group.fsShared = &fs, false
	}
}

// enterMounts makes t see another mount namespace, from its root.
func (e *Engine) enterMounts(t *Thread) {
	t.ownRoot()
	t.setCWD("/", e.lost)
	t.sharers(func(p *Thread) { p.Root = "/" })
}

// execFS leaves the root and directory of the thread that executes something
// to its process.
func (t *Thread) execFS() {
	if t.ownFS != nil && t.group != nil {
		t.group.fs, t.ownFS = t.ownFS, nil
	}
}
