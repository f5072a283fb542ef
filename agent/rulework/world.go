// SPDX-License-Identifier: Apache-2.0

package rulework

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/scap/capture"
	"github.com/tiercel/tiercel/scap/procfs"
	"github.com/tiercel/tiercel/scap/scaptest"
)

// process is a process of the script's machine.
type process struct {
	pid, parent int64
	name        string
	path        string
	uid, gid    uint32
	cgroups     []string
	env         []string
	cwd         string
	tty         uint32
	nextFD      int64
	lastFD      int64
}

// event is one event of a script.
type event struct {
	scap.Event
	// judged is false for what a step needs before its own event, and for what
	// was there before the first step.
	judged bool
	line   int
}

// world is the script's machine while its events are made.
type world struct {
	ts      uint64
	nextPID int64
	byName  map[string]*process // the latest of each name
	byPID   map[int64]*process
	last    *process // of the last step
	users   map[string]uint32
	groups  map[string]uint32
	events  []event
	line    int
	told    map[string]bool // containers whose data was told
}

// Where every script begins.
const (
	bootTime  = 1_767_225_600_000_000_000 // 2026-01-01T00:00:00Z
	startTime = bootTime + 3600e9
	stepTime  = 1_000_000 // between two events
	firstPID  = 1000
	ordinary  = 1000 // user id of the one who is logged in
	hostName  = "testhost"
	noFD      = -1
	atFDCWD   = -100
)

// newWorld makes the machine that every script begins with: systemd, sshd, and
// a shell of somebody who is logged in.
func newWorld() *world {
	w := &world{
		ts: startTime, nextPID: firstPID, byName: map[string]*process{}, byPID: map[int64]*process{}, told: map[string]bool{},
		users:  map[string]uint32{"root": 0, "daemon": 1, "www-data": 33, "nobody": 65534, "alice": ordinary},
		groups: map[string]uint32{"root": 0, "daemon": 1, "www-data": 33, "nogroup": 65534, "alice": ordinary},
	}
	w.resident(&process{pid: 1, name: "systemd", path: "/usr/lib/systemd/systemd"})
	w.resident(&process{pid: 500, parent: 1, name: "sshd", path: "/usr/sbin/sshd"})
	w.resident(&process{pid: 900, parent: 500, name: "bash", path: "/usr/bin/bash", uid: ordinary, gid: ordinary, cwd: "/home/alice", tty: 34816})
	return w
}

// resident adds a process that was there before.
func (w *world) resident(p *process, args ...string) {
	w.born(p)
	w.exec(p, args, nil, false)
}

func (w *world) born(p *process) {
	if p.pid == 0 {
		p.pid = w.nextPID
		w.nextPID++
	}
	if p.pid >= w.nextPID {
		w.nextPID = p.pid + 1
	}
	if p.cwd == "" {
		p.cwd = "/"
	}
	if p.nextFD == 0 {
		p.nextFD, p.lastFD = 3, noFD
	}
	if len(p.cgroups) == 0 {
		p.cgroups = []string{"cpu=/", "memory=/"}
	}
	w.byPID[p.pid] = p
	w.byName[p.name] = p
}

// find returns a process by its name or number.
func (w *world) find(who string) *process {
	if p := w.byName[who]; p != nil {
		return p
	}
	if pid, err := strconv.ParseInt(who, 10, 64); err == nil {
		return w.byPID[pid]
	}
	return nil
}

// need is find, but a name that nobody has is that of a service that was
// started long ago.
func (w *world) need(who string) (*process, error) {
	if p := w.find(who); p != nil {
		return p, nil
	}
	if who == "" || strings.Trim(who, "0123456789") == "" {
		return nil, fmt.Errorf("there is no process %q", who)
	}
	p := &process{parent: 1, name: who, path: "/usr/bin/" + who}
	w.resident(p)
	return p, nil
}

// current is the process that acts when a step does not say which.
func (w *world) current() *process {
	if w.last != nil {
		return w.last
	}
	return w.byName["bash"]
}

// tables is what the model knows before the first event.
func (w *world) tables(name string) *capture.Tables {
	if name == "" {
		name = hostName
	}
	t := &capture.Tables{Machine: &capture.Machine{Hostname: name, BootTime: bootTime}}
	for user, uid := range w.users {
		t.Users = append(t.Users, procfs.User{Name: user, UID: uid, GID: uid, Home: "/home/" + user, Shell: "/bin/bash"})
	}
	for group, gid := range w.groups {
		t.Groups = append(t.Groups, procfs.Group{Name: group, GID: gid})
	}
	return t
}

// emit appends an event of a process; parameters that are not named have no
// value.
func (w *world) emit(typ scap.EventType, p *process, judged bool, params map[string][]byte) error {
	info := typ.Info()
	all := make([][]byte, len(info.Params))
	for i := range info.Params {
		all[i] = params[info.Params[i].Name]
	}
	w.ts += stepTime
	raw, err := scap.AppendEvent(nil, typ, w.ts, p.pid, all...)
	if err != nil {
		return err
	}
	e := event{judged: judged, line: w.line}
	if err := e.Decode(raw); err != nil {
		return err
	}
	w.events = append(w.events, e)
	return nil
}

// exec makes the event of a started program.
func (w *world) exec(p *process, args []string, more map[string][]byte, judged bool) error {
	params := map[string]any{
		"res": 0, "exe": p.path, "args": args, "tid": p.pid, "pid": p.pid, "ptid": p.parent, "cwd": p.cwd,
		"fdlimit": 1024, "comm": p.name, "cgroups": p.cgroups, "env": p.env, "tty": p.tty, "vpgid": p.pid, "pgid": p.pid,
		"loginuid": ordinary, "uid": p.uid, "gid": p.gid, "trusted_exepath": p.path, "filename": p.path,
		"flags": 0, "exe_ino": 4711, "vm_size": 10_000, "vm_rss": 1000, "vm_swap": 0,
		"cap_inheritable": 0, "cap_permitted": caps(p.uid), "cap_effective": caps(p.uid),
		"exe_ino_ctime": uint64(bootTime), "exe_ino_mtime": uint64(bootTime),
	}
	enc, err := encodeAll(scap.EvExecveV19X, params)
	if err != nil {
		return err
	}
	for k, v := range more {
		enc[k] = v
	}
	return w.emit(scap.EvExecveV19X, p, judged, enc)
}

func caps(uid uint32) uint64 {
	if uid == 0 {
		return 1<<41 - 1
	}
	return 0
}

func encodeAll(typ scap.EventType, params map[string]any) (map[string][]byte, error) {
	enc := make(map[string][]byte, len(params))
	for i := range typ.Info().Params {
		p := &typ.Info().Params[i]
		v, ok := params[p.Name]
		if !ok {
			continue
		}
		b, err := scaptest.Encode(p.Type, v)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.Name, err)
		}
		enc[p.Name] = b
	}
	return enc, nil
}

// fork makes the child's side of a fork.
func (w *world) fork(p *process, parent *process) error {
	enc, err := encodeAll(scap.EvCloneV20X, map[string]any{
		"res": 0, "exe": parent.path, "args": []string{}, "tid": p.pid, "pid": p.pid, "ptid": parent.pid, "cwd": parent.cwd,
		"fdlimit": 1024, "comm": parent.name, "cgroups": p.cgroups, "flags": 0, "uid": parent.uid, "gid": parent.gid,
		"vtid": p.pid, "vpid": p.pid,
	})
	if err != nil {
		return err
	}
	return w.emit(scap.EvCloneV20X, p, false, enc)
}

// base is the name that a program's process has: the last part of its path,
// as the kernel cuts it.
func base(file string) string {
	name := path.Base(file)
	if len(name) > 15 {
		name = name[:15]
	}
	return name
}

// containerID makes a full id of what a script calls a container: itself when
// it is hexadecimal, filled up, else one that is made of the name.
func containerID(name string) string {
	if _, err := hex.DecodeString(name); err == nil && len(name) >= 12 && len(name) <= 64 {
		return name + strings.Repeat("0", 64-len(name))
	}
	sum := sha256.Sum256([]byte(name))
	return hex.EncodeToString(sum[:])
}
