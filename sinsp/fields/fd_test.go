// SPDX-License-Identifier: Apache-2.0

package fields_test

import (
	"testing"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/scap/scaptest"
	"github.com/tiercel/tiercel/sinsp/fields"
	"github.com/tiercel/tiercel/sinsp/state"
)

func TestFileFields(t *testing.T) {
	ev := run(t, openat(3, "../alice//notes.txt"))
	wants{
		"fd.num":                "3",
		"fd.type":               "file",
		"fd.typechar":           "f",
		"fd.name":               "/home/alice/notes.txt",
		"fd.nameraw":            "../alice//notes.txt",
		"fd.directory":          "/home/alice",
		"fd.filename":           "notes.txt",
		"fd.dev":                "800001",
		"fd.dev.major":          "8",
		"fd.dev.minor":          "1",
		"fd.ino":                "42",
		"fd.uid":                "3003",
		"fd.containername":      ":/home/alice/notes.txt",
		"fd.containerdirectory": ":/home/alice",
		"fd.is_upper_layer":     "false",
		"fd.types":              "(file,pipe,directory)",
		"fd.types[1]":           "(pipe)",
		"fd.types[77]":          none,
		"fd.name_changed":       "false",
		"fd.sip":                none,
		"fd.cport":              none,
		"fd.l4proto":            "<NA>",
		"fd.sockfamily":         none,
		"fd.connected":          "false",
		"fd.is_server":          "false",
		"evt.arg.name":          "/home/alice/notes.txt",
		"evt.rawarg.name":       "../alice//notes.txt",
		"fs.path.name":          "/home/alice/notes.txt",
		"fs.path.nameraw":       "../alice//notes.txt",
	}.check(t, ev)
}

func TestFileBelowRoot(t *testing.T) {
	wants{"fd.directory": "/", "fd.filename": "motd"}.check(t, run(t, openat(3, "/motd")))
}

func TestDirectory(t *testing.T) {
	ev := run(t, named(scap.EvOpenatV2X, scaptest.P{"fd": 4, "dirfd": -100, "name": "/etc", "flags": 1 | 1<<10}))
	wants{"fd.type": "directory", "fd.typechar": "d", "fd.directory": "/etc", "fd.filename": none}.check(t, ev)
}

func TestFailedOpenStillHasItsPath(t *testing.T) {
	ev := run(t, openat(-13, "notes.txt"))
	wants{
		"evt.res":         "EACCES",
		"evt.failed":      "true",
		"fd.num":          "-1",
		"fd.typechar":     "f",
		"fd.name":         "/home/alice/notes.txt",
		"fd.directory":    "/home/alice",
		"fd.filename":     none,
		"fd.type":         none,
		"evt.arg.fd":      "EACCES",
		"fs.path.name":    "/home/alice/notes.txt",
		"evt.count.error": "1",

		"evt.count.error.file": "1",
		"evt.count.error.net":  none,
	}.check(t, ev)
}

func TestPathsRelativeToADirectory(t *testing.T) {
	for dirfd, want := range map[int]string{9: "/etc/passwd", -100: "/home/alice/passwd", 55: "passwd"} {
		ev := run(t, named(scap.EvUnlinkatV2X, scaptest.P{"res": 0, "dirfd": dirfd, "name": "passwd", "flags": 0}))
		wants{"fs.path.name": want, "fs.path.nameraw": "passwd", "evt.arg.name": want, "evt.abspath": want}.check(t, ev)
	}
	ev := run(t, named(scap.EvUnlinkatV2X, scaptest.P{"res": -2, "dirfd": 9, "name": "passwd"}))
	wants{"fs.path.name": none, "evt.arg.name": "/etc/passwd", "evt.res": "ENOENT"}.check(t, ev)
}

func TestPathsThroughParentsAreResolved(t *testing.T) {
	ev := run(t, named(scap.EvMkdirV2X, scaptest.P{"res": 0, "path": "/tmp/../etc//cron.d/./x", "mode": 0o755}))
	wants{"fs.path.name": "/etc/cron.d/x", "fs.path.nameraw": "/tmp/../etc//cron.d/./x"}.check(t, ev)
}

func TestTwoPaths(t *testing.T) {
	ev := run(t, named(scap.EvRenameat2X, scaptest.P{
		"res": 0, "olddirfd": 9, "oldpath": "a", "newdirfd": -100, "newpath": "b", "flags": 0,
	}))
	wants{
		"fs.path.source": "/etc/a", "fs.path.sourceraw": "a", "fs.path.target": "/home/alice/b", "fs.path.targetraw": "b",
		"fs.path.name": none, "evt.abspath.src": "/etc/a", "evt.abspath.dst": "/home/alice/b",
	}.check(t, ev)

	ev = run(t, named(scap.EvLinkatV2X, scaptest.P{
		"res": 0, "olddir": -100, "oldpath": "old", "newdir": 9, "newpath": "new", "flags": 0,
	}))
	wants{"fs.path.source": "/etc/new", "fs.path.target": "/home/alice/old"}.check(t, ev)

	ev = run(t, named(scap.EvSymlinkatX, scaptest.P{"res": 0, "target": "/etc/shadow", "linkdirfd": -100, "linkpath": "l"}))
	wants{"fs.path.source": "/home/alice/l", "fs.path.target": "/etc/shadow"}.check(t, ev)

	ev = run(t, named(scap.EvMountX, scaptest.P{"res": 0, "dev": "/dev/sda", "dir": "/mnt", "type": "ext4", "flags": 0}))
	wants{"fs.path.source": "/dev/sda", "fs.path.target": "/mnt"}.check(t, ev)
}

func TestPathOfADescriptor(t *testing.T) {
	ev := run(t, openat(3, "x"), named(scap.EvFchmodX, scaptest.P{"res": 0, "fd": 3, "mode": 0o4755}))
	wants{
		"fs.path.name": "/home/alice/x", "fs.path.nameraw": "x",
		"evt.arg.mode": "S_IXOTH|S_IROTH|S_IXGRP|S_IRGRP|S_IXUSR|S_IWUSR|S_IRUSR|S_ISUID",
		"fd.name":      "/home/alice/x",
	}.check(t, ev)
}

func TestCreatedFiles(t *testing.T) {
	const creat, created, tmpfile = 4, 1 << 14, 1 << 13
	for _, c := range []struct {
		name         string
		fd           int64
		flags, mode  int
		create, exec string
	}{
		{"plain open", 3, 1, 0o777, "false", "false"},
		{"O_CREAT on a file that was there", 3, creat | 2, 0o777, "false", "false"},
		{"created", 3, creat | created | 2, 0o600, "true", "false"},
		{"created executable", 3, creat | created | 2, 0o700, "true", "true"},
		{"unnamed executable", 3, tmpfile | 2, 0o010, "true", "true"},
		{"failed unnamed", -13, tmpfile | 2, 0o010, "false", "false"},
	} {
		ev := run(t, named(scap.EvOpenX, scaptest.P{"fd": c.fd, "name": "/x", "flags": c.flags, "mode": c.mode}))
		t.Run(c.name, func(t *testing.T) {
			wants{"evt.is_open_create": c.create, "evt.is_open_exec": c.exec}.check(t, ev)
		})
	}
	ev := run(t, named(scap.EvCreatX, scaptest.P{"fd": 3, "name": "/x", "mode": 0o755}))
	wants{"evt.is_open_exec": "true", "evt.is_open_create": "false", "fd.name": "/x"}.check(t, ev)
}

func socket() *scap.Event {
	return named(scap.EvSocketX, scaptest.P{"fd": 5, "domain": 2, "type": 1, "proto": 0})
}

func connected() []*scap.Event {
	return []*scap.Event{socket(), named(scap.EvConnectX, scaptest.P{
		"res": 0, "fd": 5, "tuple": scaptest.Tuple("10.0.0.1:50000", "93.184.216.34:443"),
		"addr": scaptest.Sockaddr("93.184.216.34:443"),
	})}
}

func TestConnection(t *testing.T) {
	ev := run(t, connected()...)
	wants{
		"fd.name":         "10.0.0.1:50000->93.184.216.34:443",
		"fd.type":         "ipv4",
		"fd.typechar":     "4",
		"fd.l4proto":      "tcp",
		"fd.sockfamily":   "ip",
		"fd.cip":          "10.0.0.1",
		"fd.sip":          "93.184.216.34",
		"fd.lip":          "10.0.0.1",
		"fd.rip":          "93.184.216.34",
		"fd.cport":        "50000",
		"fd.sport":        "443",
		"fd.lport":        "50000",
		"fd.rport":        "443",
		"fd.sproto":       "https",
		"fd.rproto":       "https",
		"fd.is_server":    "false",
		"fd.connected":    "true",
		"fd.name_changed": "true",
		"fd.directory":    none,
		"fd.filename":     none,
		"fd.sip.name":     none,
		"evt.category":    "net",
		"evt.arg.tuple":   "10.0.0.1:50000->93.184.216.34:443",
		"evt.arg.addr":    "93.184.216.34:443",
		"evt.arg.fd":      "<4t>10.0.0.1:50000->93.184.216.34:443",
	}.check(t, ev)
}

// each returns the texts of all values of a field that stands for several.
func each(t *testing.T, ev *state.Event, field string) (all []string) {
	t.Helper()
	ref, err := fields.Resolve(fields.Default(), field, "", false)
	if err != nil || !ref.Multi() {
		t.Fatalf("%s: %v, multi=%v", field, err, ref.Multi())
	}
	var v fields.Value
	for i := 0; ref.Each(ev, i, &v); i++ {
		all = append(all, string(fields.AppendText(nil, ref.Type, ref.Format, false, &v)))
	}
	return all
}

func TestFieldsOfSeveralValues(t *testing.T) {
	ev := run(t, connected()...)
	for field, want := range map[string][]string{
		"fd.ip":      {"10.0.0.1", "93.184.216.34"},
		"fd.net":     {"10.0.0.1", "93.184.216.34"},
		"fd.port":    {"50000", "443"},
		"fd.proto":   {"50000", "443"},
		"proc.aname": {"bash", "sshd", "systemd"},
		"proc.apid":  {"200", "100", "1"},
		"proc.aexe":  {"bash", "sshd", "systemd"},
		"proc.aenv":  {"SHLVL=1", "", ""},
	} {
		if got := each(t, ev, field); !equal(got, want) {
			t.Errorf("%s has %q, want %q", field, got, want)
		}
	}
	for _, f := range []string{"fd.ip", "fd.port"} {
		if got := each(t, run(t, openat(3, "/x")), f); got != nil {
			t.Errorf("%s of a file is %q", f, got)
		}
	}
	// An argument picks one, and comparisons use only that; proc.aenv alone
	// looks at all whatever number is given.
	ref, _ := fields.Resolve(fields.Default(), "proc.aname", "2", true)
	if ref.Multi() {
		t.Error("proc.aname[2] stands for several values")
	}
	ref, _ = fields.Resolve(fields.Default(), "proc.aenv", "2", true)
	if !ref.Multi() {
		t.Error("proc.aenv[2] stands for one value in comparisons")
	}
}

func equal(a, b []string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func TestListeningSocket(t *testing.T) {
	ev := run(t, socket(), named(scap.EvBindX, scaptest.P{"res": 0, "fd": 5, "addr": scaptest.Sockaddr("0.0.0.0:8080")}))
	wants{
		"fd.name": "0.0.0.0:8080", "fd.type": "ipv4", "fd.is_server": "true", "fd.sip": "0.0.0.0", "fd.sport": "8080",
		"fd.cip": none, "fd.lip": none, "evt.arg.addr": "0.0.0.0:8080",
	}.check(t, ev)
	if got := each(t, ev, "fd.ip"); !equal(got, []string{"0.0.0.0"}) {
		t.Errorf("fd.ip has %q", got)
	}
}

func TestUnixSocket(t *testing.T) {
	ev := run(t, named(scap.EvSocketX, scaptest.P{"fd": 5, "domain": 1, "type": 2, "proto": 0}),
		named(scap.EvConnectX, scaptest.P{"res": 0, "fd": 5, "tuple": scaptest.TupleUnix(0xab, 0xcd, "/dev/log")}),
		named(scap.EvWriteX, scaptest.P{"res": 5, "fd": 5, "size": 5, "data": []byte("hi\x00\xffx")}))
	wants{
		"fd.type": "unix", "fd.sockfamily": "unix", "fd.l4proto": "<NA>", "fd.name": "ab->cd /dev/log",
		"evt.is_syslog": "true", "evt.is_io_write": "true", "evt.is_io": "true", "evt.io_dir": "write",
		"evt.buffer": "hi..x", "evt.buflen": "5", "evt.buflen.out": "5", "evt.buflen.in": none, "evt.buflen.net": none,
		"evt.category": "ipc", "evt.arg.data": "hi..x", "evt.res": "SUCCESS",
	}.check(t, ev)
}

// nameTable is a fixed fields.HostNames.
type nameTable map[string][]string

func (n nameTable) NamesOf(addr string) []string { return n[addr] }

func TestHostNames(t *testing.T) {
	cat := fields.Default().WithHostNames(nameTable{"\x5d\xb8\xd8\x22": {"example.com", "example.org"}})
	ev := run(t, connected()...)
	ref, err := fields.Resolve(cat, "fd.sip.name", "", false)
	if err != nil {
		t.Fatal(err)
	}
	var v fields.Value
	if !ref.Extract(ev, &v) || v.S != "example.com" {
		t.Errorf("fd.sip.name is %q", v.S)
	}
	if !ref.Multi() || !ref.Each(ev, 1, &v) || v.S != "example.org" || ref.Each(ev, 2, &v) {
		t.Error("a comparison does not see both names")
	}
	if ref, err = fields.Resolve(cat, "fd.cip.name", "", false); err != nil || ref.Extract(ev, &v) {
		t.Errorf("fd.cip.name has a value (%v)", err)
	}
	if got := ask(t, ev, "fd.sip.name"); got != none {
		t.Errorf("the default table knows %q", got)
	}
}
