// SPDX-License-Identifier: Apache-2.0

package fields_test

import (
	"testing"
	"time"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/scap/scaptest"
	"github.com/tiercel/tiercel/sinsp/fields"
	"github.com/tiercel/tiercel/sinsp/state"
)

// noSource are the fields that nothing in this agent can give a value, and
// why.
var noSource = map[string]string{
	"evt.pluginname": "events of plugins only; the agent has no plugins",
	"evt.plugininfo": "events of plugins only; the agent has no plugins",

	"container.healthcheck":             "deprecated: without a value in the reference, too",
	"container.liveness_probe":          "deprecated: without a value in the reference, too",
	"container.readiness_probe":         "deprecated: without a value in the reference, too",
	"proc.is_container_healthcheck":     "deprecated: without a value in the reference, too",
	"proc.is_container_liveness_probe":  "deprecated: without a value in the reference, too",
	"proc.is_container_readiness_probe": "deprecated: without a value in the reference, too",
	"k8s.rc.name":                       "deprecated: no runtime knows replication controllers",
	"k8s.rc.id":                         "deprecated: no runtime knows replication controllers",
	"k8s.rc.label":                      "deprecated: no runtime knows replication controllers",
	"k8s.rc.labels":                     "deprecated: no runtime knows replication controllers",
	"k8s.svc.name":                      "deprecated: no runtime knows services",
	"k8s.svc.id":                        "deprecated: no runtime knows services",
	"k8s.svc.label":                     "deprecated: no runtime knows services",
	"k8s.svc.labels":                    "deprecated: no runtime knows services",
	"k8s.ns.id":                         "deprecated: no runtime knows ids of namespaces",
	"k8s.ns.label":                      "deprecated: no runtime knows labels of namespaces",
	"k8s.ns.labels":                     "deprecated: no runtime knows labels of namespaces",
	"k8s.rs.name":                       "deprecated: no runtime knows replica sets",
	"k8s.rs.id":                         "deprecated: no runtime knows replica sets",
	"k8s.rs.label":                      "deprecated: no runtime knows replica sets",
	"k8s.rs.labels":                     "deprecated: no runtime knows replica sets",
	"k8s.deployment.name":               "deprecated: no runtime knows deployments",
	"k8s.deployment.id":                 "deprecated: no runtime knows deployments",
	"k8s.deployment.label":              "deprecated: no runtime knows deployments",
	"k8s.deployment.labels":             "deprecated: no runtime knows deployments",
}

// A sight is a world's last event and what fields say of it.
type sight struct {
	what   string
	events []*scap.Event
	wants  wants
}

// anyValue is wanted of a field whose value differs each time.
const anyValue = "(any)"

// sights show a value of every field.
func sights() []sight {
	at := time.Unix(0, int64(now))
	earlier := scaptest.Named(scap.EvCloseX, now-2*second, catPID, scaptest.P{"res": -9, "fd": 77})
	write := func(fd int64, n int) *scap.Event {
		return named(scap.EvWriteX, scaptest.P{"res": n, "fd": fd, "size": n, "data": []byte("hi\x00\xff!")})
	}
	read := func(fd int64, n int) *scap.Event {
		return named(scap.EvReadX, scaptest.P{"res": n, "fd": fd, "size": n, "data": []byte("hi\x00\xff!")})
	}
	return []sight{
		{"a file is opened", []*scap.Event{earlier, openat(3, "../alice//notes.txt")}, openSight(at)},
		{"a file is created", []*scap.Event{named(scap.EvOpenX, scaptest.P{"fd": 3, "name": "/x", "flags": 2 | 4 | 1<<14, "mode": 0o755})},
			wants{"evt.is_open_write": "true", "evt.is_open_create": "true", "evt.is_open_exec": "true"}},
		{"an open fails", []*scap.Event{openat(-13, "notes.txt")},
			wants{"evt.count.error": "1", "evt.count.error.file": "1", "evt.failed": "true", "fd.name": "/home/alice/notes.txt"}},
		{"a connect fails", []*scap.Event{socket(), named(scap.EvConnectX, scaptest.P{"res": -111, "fd": 5})}, wants{"evt.count.error.net": "1"}},
		{"a mmap fails", []*scap.Event{named(scap.EvMmapX, scaptest.P{"res": -12})}, wants{"evt.count.error.memory": "1"}},
		{"a kill fails", []*scap.Event{named(scap.EvKillX, scaptest.P{"res": -1, "pid": 1, "sig": 9})}, wants{"evt.count.error.other": "1"}},
		{"a connection", connected(), connectSight()},
		{"a connection is read", append(connected(), read(5, 7)), wants{
			"evt.buflen": "7", "evt.buflen.in": "7", "evt.buflen.net": "7", "evt.buflen.net.in": "7", "evt.is_io_read": "true", "evt.io_dir": "read"}},
		{"a connection is written", append(connected(), write(5, 7)), wants{
			"evt.buflen.net.out": "7", "evt.buflen.out": "7", "evt.is_io_write": "true", "evt.io_dir": "write", "evt.is_io": "true"}},
		{"a file is read", []*scap.Event{read(0, 4)}, wants{"evt.buflen.file": "4", "evt.buflen.file.in": "4", "evt.buffer": "hi..!"}},
		{"a file is written", []*scap.Event{write(0, 4)}, wants{"evt.buflen.file.out": "4", "evt.category": "file"}},
		{"the system log", []*scap.Event{named(scap.EvSocketX, scaptest.P{"fd": 5, "domain": 1, "type": 2, "proto": 0}),
			named(scap.EvConnectX, scaptest.P{"res": 0, "fd": 5, "tuple": scaptest.TupleUnix(0xab, 0xcd, "/dev/log")}), write(5, 3)},
			wants{"evt.is_syslog": "true", "fd.sockfamily": "unix"}},
		{"a poll", append(connected(), named(scap.EvPollX, scaptest.P{"res": 1, "timeout": 5, "fds": scaptest.FDList(
			scaptest.PollFD{FD: 0, Bits: 1}, scaptest.PollFD{FD: 5, Bits: 1})})), wants{
			"evt.is_wait": "true", "fdlist.nums": "0,5", "fdlist.names": "/dev/null,10.0.0.1:50000->93.184.216.34:443",
			"fdlist.cips": "10.0.0.1", "fdlist.sips": "93.184.216.34", "fdlist.cports": "50000", "fdlist.sports": "443"}},
		{"a rename", []*scap.Event{named(scap.EvRenameatX, scaptest.P{"res": 0, "olddirfd": 9, "oldpath": "a", "newdirfd": -100, "newpath": "b"})}, wants{
			"fs.path.source": "/etc/a", "fs.path.sourceraw": "a", "fs.path.target": "/home/alice/b", "fs.path.targetraw": "b",
			"evt.abspath.src": "/etc/a", "evt.abspath.dst": "/home/alice/b"}},
		{"a notice of the agent", []*scap.Event{scaptest.Named(scap.EvAsynceventE, now, 0, scaptest.P{"name": "container", "data": []byte("{}")})},
			wants{"evt.asynctype": "container", "evt.is_async": "true"}},
		{"a notice about a process", []*scap.Event{named(scap.EvProcinfoE, scaptest.P{"cpu_usr": 1, "cpu_sys": 2})},
			wants{"evt.count.procinfo": "1", "evt.count.threadinfo": "1"}},
		{"a process in a container", []*scap.Event{scaptest.Named(scap.EvOpenatV2X, now, nginxPID, scaptest.P{"fd": 3, "dirfd": -100, "name": "/x"})},
			containerSight()},
		{"two notices about a process", []*scap.Event{
			scaptest.Named(scap.EvProcinfoE, now-second, catPID, scaptest.P{"cpu_usr": 10, "cpu_sys": 20}),
			named(scap.EvProcinfoE, scaptest.P{"cpu_usr": 60, "cpu_sys": 45})},
			wants{"thread.cpu": "75.0", "thread.cpu.user": "50.0", "thread.cpu.system": "25.0"}},
		{"a switch of threads", []*scap.Event{
			scaptest.Named(scap.EvSchedswitchV6E, now-1000, 200, scaptest.P{"next": catPID}), named(scap.EvSchedswitchV6E, scaptest.P{"next": 200})},
			wants{"thread.exectime": "1000", "thread.totexectime": "1000"}},
		{"a notice of a runtime", []*scap.Event{named(scap.EvInfrastructureEventE, scaptest.P{
			"source": "docker", "name": "Container Start", "description": "Event: start; ID: 3ad7b26ded6d; Container: web; Image: redis:7", "scope": ""})},
			wants{"evt.infra.docker.name": "start", "evt.infra.docker.container.id": "3ad7b26ded6d",
				"evt.infra.docker.container.name": "web", "evt.infra.docker.container.image": "redis:7"}},
	}
}

func openSight(at time.Time) wants {
	return wants{
		"evt.num": "2", "evt.source": "syscall", "evt.is_async": "false", "evt.hostname": "testhost", "evt.cpu": "0",
		"evt.time": at.Format("15:04:05.000000000"), "evt.time.s": at.Format("15:04:05"),
		"evt.time.iso8601": at.UTC().Format("2006-01-02T15:04:05.000000000") + "+0000",
		"evt.datetime":     at.Format("2006-01-02 15:04:05.000000000"), "evt.datetime.s": at.Format("2006-01-02 15:04:05"),
		"evt.outputtime": at.Format("15:04:05.000000000"),
		"evt.rawtime":    "1700000003000000005", "evt.rawtime.s": "1700000003", "evt.rawtime.ns": "000000005",
		"evt.reltime": "2000000000", "evt.reltime.s": "2", "evt.reltime.ns": "000000000",
		"evt.deltatime": "2000000000", "evt.deltatime.s": "2", "evt.deltatime.ns": "000000000",
		"evt.latency": "0", "evt.latency.s": "0", "evt.latency.ns": "000000000", "evt.latency.quantized": "0", "evt.latency.human": "0ns",
		"evt.wait_latency": "0", "evt.dir": "<", "evt.type": "openat", "evt.type.is.openat": "1", "evt.type.is.3": "0",
		"syscall.type": "openat", "evt.category": "file", "evt.count": "1", "evt.count.exit": "1", "evt.lost_before": "0",
		"evt.args":       "fd=3(<f>/home/alice/notes.txt) dirfd=-100(AT_FDCWD) name=../alice//notes.txt(/home/alice/notes.txt) flags=4097(O_RDONLY|O_CLOEXEC) mode=0 dev=800001 ino=42",
		"evt.info":       "fd=3(<f>/home/alice/notes.txt) dirfd=-100(AT_FDCWD) name=../alice//notes.txt(/home/alice/notes.txt) flags=4097(O_RDONLY|O_CLOEXEC) mode=0 dev=800001 ino=42",
		"evt.arg[flags]": "O_RDONLY|O_CLOEXEC", "evt.arg[6]": "42", "evt.arg.ino": "42", "evt.rawarg.flags": "1001", "evt.abspath": "/home/alice/notes.txt",
		"evt.res": "SUCCESS", "evt.rawres": "3", "evt.failed": "false", "evt.is_io": "false", "evt.is_open_read": "true",
		"evt.is_open_write": "false", "evt.is_wait": "false", "evt.around[1700000003000000000]": "1", "evt.around[1700000000000000000]": "3001",

		"proc.exe": "cat", "proc.pexe": "bash", "proc.aexe[2]": "sshd", "proc.aexe": "bash sshd systemd",
		"proc.exepath": "/usr/bin/cat", "proc.pexepath": "/usr/bin/bash", "proc.aexepath[2]": "/usr/bin/sshd",
		"proc.name": "cat", "proc.pname": "bash", "proc.aname[3]": "systemd", "proc.aname[0]": "cat", "proc.aname": "bash sshd systemd",
		"proc.args": "-n /etc/shadow", "proc.args[0]": "-n", "proc.aargs[2]": "-D", "proc.cmdline": "cat -n /etc/shadow",
		"proc.pcmdline": "bash", "proc.acmdline[2]": "sshd -D", "proc.cmdnargs": "2", "proc.cmdlenargs": "13",
		"proc.exeline": "cat -n /etc/shadow", "proc.env[HOME]": "/home/alice", "proc.env": "HOME=/home/alice EMPTY= PADDED= x ",
		"proc.aenv[SHLVL]": "1", "proc.aenv[1]": "SHLVL=1", "proc.cwd": "/home/alice/",
		"proc.loginshellid": "200", "proc.tty": "34816", "proc.pid": "300", "proc.ppid": "200", "proc.apid[2]": "100", "proc.vpid": "300",
		"proc.pvpid": "200", "proc.sid": "200", "proc.sname": "bash", "proc.sid.exe": "bash", "proc.sid.exepath": "/usr/bin/bash",
		"proc.vpgid": "300", "proc.vpgid.name": "cat", "proc.vpgid.exe": "cat", "proc.vpgid.exepath": "/usr/bin/cat",
		"proc.pgid": "300", "proc.pgid.name": "cat", "proc.pgid.exe": "cat", "proc.pgid.exepath": "/usr/bin/cat",
		"proc.duration": "2999999705", "proc.ppid.duration": "2999999805", "proc.pid.ts": "1700000000000000300", "proc.ppid.ts": "1700000000000000200",
		"proc.is_exe_writable": "false", "proc.is_exe_upper_layer": "true", "proc.is_exe_lower_layer": "false", "proc.is_exe_from_memfd": "false",
		"proc.is_sid_leader": "false", "proc.is_vpgid_leader": "true", "proc.is_pgid_leader": "true",
		"proc.exe_ino": "77", "proc.exe_ino.ctime": "1699999999000000000", "proc.exe_ino.mtime": "1699999998000000000",
		"proc.exe_ino.ctime_duration_proc_start": "1000000300", "proc.exe_ino.ctime_duration_pidns_start": "99000000000",
		"proc.pidns_init_start_ts": "1699999900000000000",
		"proc.fdopencount":         "5", "proc.fdlimit": "1024", "proc.fdusage": "0.5", "proc.vmsize": "4096", "proc.vmrss": "1024", "proc.vmswap": "8",
		"proc.nthreads": "2", "proc.nchilds": "1", "proc.stdin.type": "file", "proc.stdout.type": "pipe", "proc.stderr.type": "file",
		"proc.stdin.name": "/dev/null", "proc.stdout.name": "pipe:[12]", "proc.stderr.name": "/dev/null",

		"thread.cap_permitted": "CAP_NET_ADMIN", "thread.cap_inheritable": "CAP_KILL", "thread.cap_effective": "CAP_CHOWN CAP_SYS_ADMIN",
		"thread.pfmajor": "5", "thread.pfminor": "6", "thread.tid": "300", "thread.ismain": "true", "thread.vtid": "300", "thread.nametid": "cat300",
		"thread.cgroups": "cpu=/cat memory=/", "thread.cgroup.cpu": "/cat", "thread.vmsize": "4096", "thread.vmrss": "1024",
		"thread.vmsize.b": "4194304", "thread.vmrss.b": "1048576", "thread.uncertain": "false",

		"user.uid": "1000", "user.name": "alice", "user.homedir": "/home/alice", "user.shell": "/bin/bash", "user.loginuid": "1000",
		"user.loginname": "alice", "group.gid": "1000", "group.name": "staff",

		"fd.num": "3", "fd.type": "file", "fd.typechar": "f", "fd.name": "/home/alice/notes.txt", "fd.nameraw": "../alice//notes.txt",
		"fd.directory": "/home/alice", "fd.filename": "notes.txt", "fd.dev": "800001", "fd.dev.major": "8", "fd.dev.minor": "1",
		"fd.ino": "42", "fd.uid": "3003", "fd.types[1]": "(pipe)", "fd.is_upper_layer": "false", "fd.is_lower_layer": "false",
		"fd.containername": ":/home/alice/notes.txt", "fd.containerdirectory": ":/home/alice",
		"fs.path.name": "/home/alice/notes.txt", "fs.path.nameraw": "../alice//notes.txt",

		"util.cnt": anyValue,

		"container.id": "host", "container.full_id": "host", "container.name": "host", "container.type": "host",
	}
}

func containerSight() wants {
	return wants{
		"container.id": "0123456789ab", "container.full_id": nginxID, "container.name": "web", "container.image": "registry.example:5000/team/nginx:1.25",
		"container.image.id": "4bb46517cac3", "container.type": "docker", "container.privileged": "true",
		"container.image.repository": "registry.example:5000/team/nginx", "container.image.tag": "1.25", "container.image.digest": "sha256:9d2f",
		"container.start_ts": "1700000001000000000", "container.duration": "2000000005", "container.ip": "172.17.0.2", "container.cni.json": `{"ips":[]}`,
		"container.host_pid": "false", "container.host_network": "true", "container.host_ipc": "false",
		"container.label[maintainer]": "alice", "container.label[io.kubernetes.pod.name]": "web-0", "container.labels": "empty, maintainer:alice",
		"container.mounts": "/srv/www:/var/www:ro:false:rprivate,/etc/nginx:/etc/nginx::true:", "container.mount[1]": "/etc/nginx:/etc/nginx::true:",
		"container.mount[/srv/*]": "/srv/www:/var/www:ro:false:rprivate", "container.mount.source[/var/www]": "/srv/www",
		"container.mount.dest[/srv/www]": "/var/www", "container.mount.mode[0]": "ro", "container.mount.rdwr[/etc/*]": "true",
		"container.mount.propagation[/srv/www]": "rprivate",
		"k8s.pod.name":                          "web-0", "k8s.ns.name": "shop", "k8s.pod.id": "6a1f", "k8s.pod.uid": "6a1f", "k8s.pod.sandbox_id": "feedfacefeed",
		"k8s.pod.full_sandbox_id": "feedfacefeedface", "k8s.pod.label[app]": "web", "k8s.pod.labels": "app:web", "k8s.pod.ip": "10.244.0.7",
		"k8s.pod.cni.json": `{"pod":1}`,
	}
}

func connectSight() wants {
	return wants{
		"fd.ip": "10.0.0.1", "fd.cip": "10.0.0.1", "fd.sip": "93.184.216.34", "fd.lip": "10.0.0.1", "fd.rip": "93.184.216.34",
		"fd.port": "50000", "fd.cport": "50000", "fd.sport": "443", "fd.lport": "50000", "fd.rport": "443", "fd.proto": "50000",
		"fd.l4proto": "tcp", "fd.sockfamily": "ip", "fd.is_server": "false", "fd.connected": "true", "fd.name_changed": "true",
		"fd.cproto": "50000", "fd.sproto": "https", "fd.lproto": "50000", "fd.rproto": "https",
		"fd.net": "10.0.0.1", "fd.cnet": "10.0.0.1", "fd.snet": "93.184.216.34", "fd.lnet": "10.0.0.1", "fd.rnet": "93.184.216.34",
		"fd.sip.name": "server.example", "fd.rip.name": "server.example", "fd.cip.name": "client.example", "fd.lip.name": "client.example",
	}
}

// TestEveryFieldHasAValueWhenItsSourceDoes goes over the whole table: each
// field has a sight in which it has a value, or a reason why it never does.
func TestEveryFieldHasAValueWhenItsSourceDoes(t *testing.T) {
	names := nameTable{"\x0a\x00\x00\x01": {"client.example"}, "\x5d\xb8\xd8\x22": {"server.example"}}
	cat := fields.Default().WithHostNames(names)
	seen := make(map[string]bool)
	for _, s := range sights() {
		t.Run(s.what, func(t *testing.T) {
			e := newWorld(t)
			e.Containers().Put(nginxInfo(), now)
			var ev *state.Event
			for _, in := range s.events {
				ev = e.Process(in)
			}
			for field, want := range s.wants {
				ref, n, err := fields.ResolvePrefix(cat, field)
				if err != nil || n != len(field) {
					t.Fatalf("%s: %v", field, err)
				}
				if got := textOf(ev, &ref); got != want && (want != anyValue || got == none) {
					t.Errorf("%s is %q, want %q", field, got, want)
				}
				seen[ref.Field.Name] = true
			}
		})
	}
	for _, c := range fields.Default().Classes() {
		for _, f := range c.Fields {
			reason := noSource[f.Name]
			switch {
			case !seen[f.Name] && reason == "":
				t.Errorf("%s has no sight with a value", f.Name)
			case seen[f.Name] && reason != "":
				t.Errorf("%s has a value, in spite of: %s", f.Name, reason)
			}
		}
	}
	for name := range noSource {
		if fields.Default().Lookup(name) == nil {
			t.Errorf("there is no field %s", name)
		}
	}
}
