// SPDX-License-Identifier: Apache-2.0

package fields

import (
	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/sinsp/state"
)

func processClass() Class {
	fs := commandFields()
	fs = append(fs, pidFields()...)
	fs = append(fs, groupLeaderFields()...)
	fs = append(fs, imageFields()...)
	fs = append(fs, resourceFields()...)
	fs = append(fs, threadFields()...)
	return Class{
		Name:      "process",
		ShortDesc: "the process that made the event",
		Doc:       "The process and thread that made the event, their ancestors, session and process group.",
		Fields:    fs,
	}
}

func commandFields() []*Field {
	return []*Field{
		text("proc.exe", ofThread(exe), "First word of the command line (argv[0]), as the process was started."),
		text("proc.pexe", ofParent(exe), "proc.exe of the parent process."),
		ancestorText("proc.aexe", exe, "proc.exe of an ancestor: [1] is the parent, [2] its parent; without a number any of them."),
		text("proc.exepath", ofThread(exePath), "Absolute path of the file that the process runs."),
		text("proc.pexepath", ofParent(exePath), "proc.exepath of the parent process."),
		ancestorText("proc.aexepath", exePath, "proc.exepath of an ancestor, by number or any."),
		text("proc.name", ofThread(comm), "Name of the process as the kernel keeps it, at most 15 bytes."),
		text("proc.pname", ofParent(comm), "proc.name of the parent process."),
		ancestorText("proc.aname", comm, "proc.name of an ancestor, by number or any."),
		text("proc.args", procArgs, "Arguments of the command, without its first word, joined by blanks; [N] is one of them.").index(),
		text("proc.aargs", procAncestorArgs, "proc.args of an ancestor by number; without one those of all ancestors joined by blanks.").index(),
		text("proc.cmdline", ofThread(cmdline), "proc.name and proc.args joined by a blank."),
		text("proc.pcmdline", ofParent(cmdline), "proc.cmdline of the parent process."),
		ancestorText("proc.acmdline", cmdline, "proc.cmdline of an ancestor, by number or any."),
		count("proc.cmdnargs", ofThreadNum(func(t *state.Thread) uint64 { return uint64(len(t.Args)) }), "Number of arguments behind the first word."),
		count("proc.cmdlenargs", ofThreadNum(argsLen), "Length of all arguments together, blanks not counted."),
		text("proc.exeline", ofThread(func(t *state.Thread) string { return t.ExeLine }), "proc.exe and proc.args joined by a blank."),
		text("proc.env", procEnv, "Environment of the process as NAME=value words; [NAME] is the value of one variable.").key(),
		text("proc.aenv", procAncestorEnv, "Environment of an ancestor by number, or of all; [NAME] is the value of a variable in the nearest of 20 ancestors that has it.").index().key().plain().each(eachAncestorEnv).eachAlways(),
		text("proc.cwd", ofThread((*state.Thread).CWD), "Current directory of the process, with a slash at its end."),
	}
}

func exe(t *state.Thread) string     { return t.Exe }
func exePath(t *state.Thread) string { return t.ExePath }
func comm(t *state.Thread) string    { return t.Comm }
func cmdline(t *state.Thread) string { return t.Cmdline }

func argsLen(t *state.Thread) (n uint64) {
	for _, a := range t.Args {
		n += uint64(len(a))
	}
	return n
}

// ofThread and its kin make extractors out of what they ask of a thread.
func ofThread(get func(*state.Thread) string) extractor {
	return func(ev *state.Event, _ *Arg, out *Value) bool {
		return ev.Thread != nil && out.setText(get(ev.Thread))
	}
}

func ofParent(get func(*state.Thread) string) extractor {
	return func(ev *state.Event, _ *Arg, out *Value) bool {
		p := ancestor(ev, 1)
		return p != nil && out.setText(get(p))
	}
}

func ofThreadNum(get func(*state.Thread) uint64) extractor {
	return func(ev *state.Event, _ *Arg, out *Value) bool {
		return ev.Thread != nil && out.setUint(get(ev.Thread))
	}
}

func ofThreadInt(get func(*state.Thread) int64) extractor {
	return func(ev *state.Event, _ *Arg, out *Value) bool {
		return ev.Thread != nil && out.setInt(get(ev.Thread))
	}
}

// ofThreadID has no value for an id that is not known.
func ofThreadID(get func(*state.Thread) int64) extractor {
	return func(ev *state.Event, _ *Arg, out *Value) bool {
		if ev.Thread == nil {
			return false
		}
		n := get(ev.Thread)
		out.setInt(n)
		return n >= 0
	}
}

func ofThreadBool(get func(*state.Thread) bool) extractor {
	return func(ev *state.Event, _ *Arg, out *Value) bool {
		return ev.Thread != nil && out.setBool(get(ev.Thread))
	}
}

// ofThreadNonzero has no value for 0, which stands for not known.
func ofThreadNonzero(get func(*state.Thread) uint64) extractor {
	return func(ev *state.Event, _ *Arg, out *Value) bool {
		if ev.Thread == nil {
			return false
		}
		out.N = get(ev.Thread)
		return out.N != 0
	}
}

func procArgs(ev *state.Event, arg *Arg, out *Value) bool {
	switch {
	case ev.Thread == nil:
		return false
	case !arg.Set:
		return out.setText(ev.Thread.ArgLine)
	case arg.Num < 0 || arg.Num >= int64(len(ev.Thread.Args)):
		return false
	}
	return out.setText(ev.Thread.Args[arg.Num])
}

func pidFields() []*Field {
	return []*Field{
		id("proc.loginshellid", procLoginShell, "Process id of the farthest ancestor (or the process itself) that is a shell: its name ends in sh."),
		field("proc.tty", scap.PTUint32, scap.PFID, ofThreadNum(func(t *state.Thread) uint64 { return uint64(t.TTY) }), "Number of the terminal that controls the process, 0 without one."),
		id("proc.pid", ofThreadInt(pid), "Process id: that of the main thread."),
		id("proc.ppid", procPPID, "Process id of the parent."),
		id("proc.apid", procAncestorPID, "Process id of an ancestor by number; without one the process's own in outputs, that of any ancestor in conditions.").index().plain().each(eachAncestorPID),
		id("proc.vpid", ofThreadID(func(t *state.Thread) int64 { return t.VPID }), "Process id as the process itself sees it, inside its pid namespace."),
		id("proc.pvpid", ofParentInt(func(t *state.Thread) int64 { return t.VPID }), "proc.vpid of the parent process."),
		id("proc.sid", ofThreadInt(func(t *state.Thread) int64 { return t.SID }), "Session id."),
		text("proc.sname", ofLeader((*state.Engine).SessionLeader, comm), "proc.name of the process that leads the session."),
		text("proc.sid.exe", ofLeader((*state.Engine).SessionLeader, exe), "proc.exe of the process that leads the session."),
		text("proc.sid.exepath", ofLeader((*state.Engine).SessionLeader, exePath), "proc.exepath of the process that leads the session."),
	}
}

func pid(t *state.Thread) int64 { return t.PID }

func ofParentInt(get func(*state.Thread) int64) extractor {
	return func(ev *state.Event, _ *Arg, out *Value) bool {
		p := ancestor(ev, 1)
		return p != nil && out.setInt(get(p))
	}
}

func procPPID(ev *state.Event, _ *Arg, out *Value) bool {
	if ev.Thread == nil {
		return false
	}
	t := ev.Thread
	if m := t.Main(); m != nil {
		t = m
	}
	out.setInt(t.PTID)
	return t.PTID >= 0
}

func groupLeaderFields() []*Field {
	return []*Field{
		id("proc.vpgid", ofThreadInt(func(t *state.Thread) int64 { return t.VPGID }), "Process group id as the process itself sees it."),
		text("proc.vpgid.name", ofLeader((*state.Engine).VGroupLeader, comm), "proc.name of the process that leads that group."),
		text("proc.vpgid.exe", ofLeader((*state.Engine).VGroupLeader, exe), "proc.exe of the process that leads that group."),
		text("proc.vpgid.exepath", ofLeader((*state.Engine).VGroupLeader, exePath), "proc.exepath of the process that leads that group."),
		id("proc.pgid", ofThreadInt(func(t *state.Thread) int64 { return t.PGID }), "Process group id as the host sees it."),
		text("proc.pgid.name", ofLeader((*state.Engine).GroupLeader, comm), "proc.name of the process that leads that group."),
		text("proc.pgid.exe", ofLeader((*state.Engine).GroupLeader, exe), "proc.exe of the process that leads that group."),
		text("proc.pgid.exepath", ofLeader((*state.Engine).GroupLeader, exePath), "proc.exepath of the process that leads that group."),
	}
}

func imageFields() []*Field {
	start := func(t *state.Thread) uint64 { return t.CloneTS }
	return []*Field{
		reltime("proc.duration", sinceStart(0), "Nanoseconds from the start of the process to the event."),
		reltime("proc.ppid.duration", sinceStart(1), "Nanoseconds from the start of the parent process to the event."),
		reltime("proc.pid.ts", ofThreadNum(start), "Start of the process in nanoseconds since the epoch."),
		reltime("proc.ppid.ts", ofParentNum(start), "Start of the parent process in nanoseconds since the epoch."),
		boolean("proc.is_exe_writable", ofThreadBool(func(t *state.Thread) bool { return t.ExeWritable }), "Whether the user that runs the file may write to it."),
		boolean("proc.is_exe_upper_layer", ofThreadBool(func(t *state.Thread) bool { return t.ExeUpperLayer }), "Whether the file that runs lies in the upper layer of an overlay: it came after the image was built."),
		boolean("proc.is_exe_lower_layer", ofThreadBool(func(t *state.Thread) bool { return t.ExeLowerLayer }), "Whether the file that runs lies in a lower layer of an overlay: it is part of the image."),
		boolean("proc.is_exe_from_memfd", ofThreadBool(func(t *state.Thread) bool { return t.ExeMemfd }), "Whether the process runs a file that exists only in memory (memfd_create)."),
		boolean("proc.is_sid_leader", ofThreadBool(func(t *state.Thread) bool { return t.SID == t.VPID }), "Whether the process leads its session."),
		boolean("proc.is_vpgid_leader", ofThreadBool(func(t *state.Thread) bool { return t.VPGID == t.VPID }), "Whether the process leads its group, as it sees it itself."),
		boolean("proc.is_pgid_leader", ofThreadBool(func(t *state.Thread) bool { return t.PGID == t.PID }), "Whether the process leads its group, as the host sees it."),
		field("proc.exe_ino", scap.PTInt64, scap.PFDec, ofThreadNonzero(func(t *state.Thread) uint64 { return t.ExeIno }), "Inode of the file that runs."),
		abstime("proc.exe_ino.ctime", ofThreadNonzero(func(t *state.Thread) uint64 { return t.ExeCtime }), "When the inode of the file was changed last, in nanoseconds since the epoch."),
		abstime("proc.exe_ino.mtime", ofThreadNonzero(func(t *state.Thread) uint64 { return t.ExeMtime }), "When the contents of the file were changed last, in nanoseconds since the epoch."),
		abstime("proc.exe_ino.ctime_duration_proc_start", ofThreadNonzero(func(t *state.Thread) uint64 { return t.CtimeDuration }), "Nanoseconds from the last change of the inode to the start of the process."),
		abstime("proc.exe_ino.ctime_duration_pidns_start", ofThreadNonzero(func(t *state.Thread) uint64 { return t.CtimePidnsDuration }), "Nanoseconds from the start of the pid namespace to the last change of the inode, if it came later."),
		count("proc.pidns_init_start_ts", ofThreadNum(func(t *state.Thread) uint64 { return t.PidnsInitStartTS }), "Start of the first process of the pid namespace, in nanoseconds since the epoch."),
	}
}

func ofParentNum(get func(*state.Thread) uint64) extractor {
	return func(ev *state.Event, _ *Arg, out *Value) bool {
		p := ancestor(ev, 1)
		return p != nil && out.setUint(get(p))
	}
}

// sinceStart is the age of the process (0) or its parent (1).
func sinceStart(n int64) extractor {
	return func(ev *state.Event, _ *Arg, out *Value) bool {
		t := ev.Thread
		if n > 0 {
			t = ancestor(ev, n)
		}
		if t == nil || t.CloneTS == 0 || ev.Timestamp() < t.CloneTS {
			return false
		}
		return out.setUint(ev.Timestamp() - t.CloneTS)
	}
}
