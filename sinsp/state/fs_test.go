// SPDX-License-Identifier: Apache-2.0

package state

import (
	"testing"

	"github.com/tiercel/tiercel/scap"
)

func TestWhoSharesADirectory(t *testing.T) {
	const unshared = FlagFS
	tests := []struct {
		name                    string
		do                      func(h *host)
		main, thread, threadtwo string
	}{
		{"threads have one", func(h *host) {
			h.play(scap.EvChdirX, 201, p{"res": 0, "path": "/a"})
		}, "/a/", "/a/", "/a/"},
		{"until one of them unshares it", func(h *host) {
			h.play(scap.EvUnshareX, 201, p{"res": 0, "flags": unshared})
			h.play(scap.EvChdirX, 201, p{"res": 0, "path": "sub"})
			h.play(scap.EvChdirX, 200, p{"res": 0, "path": "/b"})
		}, "/b/", "/root/sub/", "/b/"},
		{"a mount namespace of one's own unshares it, too", func(h *host) {
			h.play(scap.EvUnshareX, 201, p{"res": 0, "flags": FlagNewNS})
			h.play(scap.EvChdirX, 201, p{"res": 0, "path": "/a"})
		}, "/root/", "/a/", "/root/"},
		{"who joins a mount namespace stands in its root", func(h *host) {
			h.play(scap.EvSetnsX, 201, p{"res": 0, "fd": 3, "nstype": FlagNewNS})
		}, "/root/", "/", "/root/"},
		{"a thread made by one that has its own shares that", func(h *host) {
			h.play(scap.EvUnshareX, 201, p{"res": 0, "flags": unshared})
			h.clone(201, 202, FlagThread|FlagFS)
			h.play(scap.EvChdirX, 202, p{"res": 0, "path": "/c"})
		}, "/root/", "/c/", "/c/"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newHost(t)
			h.clone(100, 200, 0)
			h.clone(200, 201, FlagThread|FlagFS)
			h.cloned(202, 200, 100, FlagThread|FlagFS)
			if tt.name == "a thread made by one that has its own shares that" {
				h.exit(202)
				h.ts += 3e9
			}
			tt.do(h)
			equal(t, "main thread", h.thread(200).CWD(), tt.main)
			equal(t, "thread", h.thread(201).CWD(), tt.thread)
			equal(t, "other thread", h.thread(202).CWD(), tt.threadtwo)
			equal(t, "parent", h.thread(100).CWD(), "/root/")
		})
	}
}

func TestChildAndExecTakeTheDirectoryOfTheThread(t *testing.T) {
	h := newHost(t)
	h.clone(100, 200, 0)
	h.clone(200, 201, FlagThread|FlagFS)
	h.play(scap.EvUnshareX, 201, p{"res": 0, "flags": FlagFS})
	h.play(scap.EvChdirX, 201, p{"res": 0, "path": "/a"})
	h.clone(201, 300, 0)
	equal(t, "child of the thread", h.thread(300).CWD(), "/a/")
	h.clone(200, 301, 0)
	equal(t, "child of the main thread", h.thread(301).CWD(), "/root/")
	h.play(scap.EvExecveV19X, 200, p{"res": 0, "exe": "/bin/x", "comm": "x", "tid": 200, "pid": 200, "ptid": 100})
	equal(t, "after an exec of the main thread", h.thread(200).CWD(), "/root/")
	h.play(scap.EvUnshareX, 300, p{"res": 0, "flags": FlagFS})
	h.clone(300, 302, FlagThread|FlagFS)
	h.play(scap.EvUnshareX, 300, p{"res": 0, "flags": FlagFS})
	h.play(scap.EvChdirX, 300, p{"res": 0, "path": "/main"})
	h.exec(300, "/bin/x", p{"ptid": 201})
	h.clone(300, 303, FlagThread|FlagFS)
	equal(t, "after an exec of the thread", h.thread(303).CWD(), "/main/")
	h.absent(302)
}

func TestProcessesThatShareADirectory(t *testing.T) {
	h := newHost(t)
	h.clone(100, 200, 0)
	h.clone(200, 300, FlagFS)
	h.clone(200, 400, 0)
	cwd := func(what, first, second string) {
		t.Helper()
		equal(t, what+": who cloned", h.thread(200).CWD(), first)
		equal(t, what+": the clone", h.thread(300).CWD(), second)
		equal(t, what+": an ordinary child", h.thread(400).CWD(), "/root/")
	}
	h.play(scap.EvChdirX, 300, p{"res": 0, "path": "/a"})
	cwd("the clone moves", "/a/", "/a/")
	h.exec(300, "/bin/x", p{"ptid": 200})
	h.play(scap.EvChdirX, 200, p{"res": 0, "path": "b"})
	cwd("after an exec, too", "/a/b/", "/a/b/")
	h.play(scap.EvUnshareX, 200, p{"res": 0, "flags": FlagFS})
	h.play(scap.EvChdirX, 200, p{"res": 0, "path": "/c"})
	cwd("after unshare no more", "/c/", "/a/b/")
	h.clone(300, 500, FlagFS)
	h.exit(300)
	h.ts += 3e9
	h.play(scap.EvChdirX, 500, p{"res": 0, "path": "d"})
	equal(t, "who outlives the first", h.thread(500).CWD(), "/a/b/d/")
}

func TestChrootOfAThreadWithItsOwnRoot(t *testing.T) {
	h := newHost(t)
	h.clone(100, 200, 0)
	h.clone(200, 201, FlagThread|FlagFS)
	h.play(scap.EvUnshareX, 201, p{"res": 0, "flags": FlagFS})
	h.play(scap.EvChrootX, 201, p{"res": 0, "path": "/jail"})
	equal(t, "root of the thread", h.thread(201).Root, "/jail")
	equal(t, "root of the process", h.thread(200).Root, "")
	h.play(scap.EvChrootX, 200, p{"res": 0, "path": "other"})
	equal(t, "root of the process after its own", h.thread(200).Root, "/root/other")
	equal(t, "root of the thread after that", h.thread(201).Root, "/jail")
}

func TestGetcwdOutsideOfTheRootSaysNothing(t *testing.T) {
	h := newHost(t)
	h.play(scap.EvGetcwdX, 100, p{"res": 20, "path": "(unreachable)/x"})
	equal(t, "directory", h.thread(100).CWD(), "/root/")
}
