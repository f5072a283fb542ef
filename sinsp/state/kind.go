// SPDX-License-Identifier: Apache-2.0

package state

import "github.com/tiercel/tiercel/scap"

// kind is what the engine has to know about an event type before it looks at an
// event. The kinds follow from the event tables.
type kind struct {
	handle   func(*Engine, *Event) // nil: the event changes nothing
	thread   threadNeed
	fd       int8 // the parameter with the descriptor, or -1
	usesFD   bool
	exit     bool
	hasRes   bool // parameter 0 is the result
	onError  bool // handle looks at failed calls too
	syscall  bool
	internal bool // not of a thread: tells the model something
	heals    bool // its thread may be read again from /proc before
	endsFD   bool // the descriptor is gone after it
	remember bool // an enter event that its exit event may need
}

// threadNeed says what the engine does to find the thread of an event.
type threadNeed uint8

const (
	noThread     threadNeed = iota // the event has none
	knownThread                    // only what is in the table
	lookupThread                   // ask /proc for an unknown one
)

// effect is what the exit event of a call does to the model. All versions of an
// event have the call's name, and parameters are found by name: so one entry
// serves old captures too.
type effect struct {
	handle  func(*Engine, *Event)
	onError bool // also when the call failed
}

// effects of system calls by their event name.
var effects = map[string]effect{
	"clone":             {handle: onClone},
	"clone3":            {handle: onClone},
	"fork":              {handle: onClone},
	"vfork":             {handle: onClone},
	"execve":            {handle: onExec},
	"execveat":          {handle: onExec},
	"open":              {handle: onOpen},
	"openat":            {handle: onOpen},
	"openat2":           {handle: onOpen},
	"creat":             {handle: onOpen},
	"open_by_handle_at": {handle: onOpen},
	"close":             {handle: onClose, onError: true},
	"close_range":       {handle: onCloseRange},
	"dup":               {handle: onDup},
	"dup2":              {handle: onDup},
	"dup3":              {handle: onDup},
	"fcntl":             {handle: onFcntl},
	"ioctl":             {handle: onIoctl},
	"pipe":              {handle: onPipe},
	"pipe2":             {handle: onPipe},
	"eventfd":           {handle: onEventfd},
	"eventfd2":          {handle: onEventfd},
	"signalfd":          {handle: onSignalfd},
	"signalfd4":         {handle: onSignalfd},
	"timerfd_create":    {handle: onTimerfd},
	"inotify_init":      {handle: onInotify},
	"inotify_init1":     {handle: onInotify},
	"epoll_create":      {handle: onEpoll},
	"epoll_create1":     {handle: onEpoll},
	"memfd_create":      {handle: onMemfd},
	"bpf":               {handle: onBPF},
	"userfaultfd":       {handle: onUserfaultfd},
	"io_uring_setup":    {handle: onIOURing},
	"pidfd_open":        {handle: onPidfdOpen},
	"pidfd_getfd":       {handle: onPidfdGetfd},
	"socket":            {handle: onSocket},
	"socketpair":        {handle: onSocketpair},
	"bind":              {handle: onBind},
	"connect":           {handle: onConnect, onError: true},
	"listen":            {handle: onListen},
	"accept":            {handle: onAccept},
	"accept4":           {handle: onAccept},
	"send":              {handle: onSend},
	"sendto":            {handle: onSend},
	"sendmsg":           {handle: onSend},
	"sendmmsg":          {handle: onSend},
	"recv":              {handle: onRecv},
	"recvfrom":          {handle: onRecv},
	"recvmsg":           {handle: onRecv},
	"recvmmsg":          {handle: onRecv},
	"chdir":             {handle: onChdir},
	"getcwd":            {handle: onGetcwd},
	"fchdir":            {handle: onFchdir},
	"chroot":            {handle: onChroot},
	"setuid":            {handle: onSetuid},
	"setreuid":          {handle: onSetuid},
	"setresuid":         {handle: onSetuid},
	"setgid":            {handle: onSetgid},
	"setregid":          {handle: onSetgid},
	"setresgid":         {handle: onSetgid},
	"setsid":            {handle: onSetsid},
	"setpgid":           {handle: onSetpgid},
	"capset":            {handle: onCapset},
	"getsockopt":        {handle: onGetsockopt},
	"prctl":             {handle: onPrctl},
	"unshare":           {handle: onUnshare},
	"setns":             {handle: onUnshare},
	"setrlimit":         {handle: onRlimit},
	"getrlimit":         {handle: onRlimit},
	"prlimit":           {handle: onRlimit},
	"brk":               {handle: onMemory},
	"mmap":              {handle: onMemory},
	"mmap2":             {handle: onMemory},
	"munmap":            {handle: onMemory},
}

// Events that are not halves of a call.
var otherEffects = map[string]func(*Engine, *Event){
	"procexit":     onProcexit,
	"switch":       onSwitch,
	"procinfo":     onProcinfo,
	"useradded":    onUserAdded,
	"userdeleted":  onUserDeleted,
	"groupadded":   onGroupAdded,
	"groupdeleted": onGroupDeleted,
	"container":    onContainer,
	"asyncevent":   onAsync,
}

// Events whose thread id is none, or not that of a thread to be tracked.
var threadless = map[string]bool{
	"useradded": true, "userdeleted": true, "groupadded": true, "groupdeleted": true,
	"container": true, "pluginevent": true, "asyncevent": true,
}

// Bounds of remembered enter events, in bytes.
const (
	maxEnterSize  = 4096     // longer ones are not remembered
	keptEnterSize = 256      // capacity that stays with a thread
	maxEnterBytes = 16 << 20 // of those that are longer than that, in all threads
)

var (
	kinds  = makeKinds()
	params = makeParams()
)

func makeKinds() []kind {
	ks := make([]kind, len(scap.Events))
	for i := range scap.Events {
		ks[i] = makeKind(&scap.Events[i])
	}
	return ks
}

func makeKind(info *scap.EventInfo) kind {
	k := kind{fd: -1}
	if info.Status == scap.StatusUnused || info.Name == "" {
		return k
	}
	k.fd = info.FDParam
	k.exit = info.Dir == scap.Exit
	k.syscall = info.Class == scap.ClassSyscall
	k.internal = info.Class == scap.ClassMetaevent
	k.usesFD = info.Flags&(scap.EFCreatesFD|scap.EFUsesFD|scap.EFDestroysFD) != 0
	k.thread = threadOf(info)
	k.endsFD = info.Flags&scap.EFDestroysFD != 0
	// An exec tells most anew, and what it started from is gone from /proc.
	k.heals = k.exit && k.syscall && info.Name != "execve" && info.Name != "execveat"
	if k.exit && len(info.Params) > 0 {
		p := info.Params[0]
		switch p.Type {
		case scap.PTErrno, scap.PTFD, scap.PTPID, scap.PTInt64:
			k.hasRes = p.Name == "res" || p.Name == "fd"
		}
	}
	if k.syscall {
		eff, ok := effects[info.Name]
		if ok && k.exit {
			k.handle, k.onError = eff.handle, eff.onError
		}
		k.remember = ok && !k.exit && len(info.Params) > 0
	} else {
		k.handle = otherEffects[info.Name]
	}
	return k
}

func threadOf(info *scap.EventInfo) threadNeed {
	switch {
	case info.Name == "procinfo":
		return knownThread
	case threadless[info.Name] || info.Flags&scap.EFSkipparsereset != 0 || info.Class == scap.ClassIter:
		return noThread
	}
	switch info.Name {
	case "clone", "clone3", "fork", "vfork", "procexit", "switch":
		return knownThread
	}
	return lookupThread
}

// pname is a parameter of the events that change the model.
type pname uint8

// Parameters, in the order of paramNames.
const (
	pRes pname = iota
	pFD
	pExe
	pArgs
	pTID
	pPID
	pPTID
	pCWD
	pFDLimit
	pPfMajor
	pPfMinor
	pVMSize
	pVMRSS
	pVMSwap
	pComm
	pCgroups
	pFlags
	pUID
	pGID
	pVTID
	pVPID
	pPidnsStart
	pEnv
	pTTY
	pVPGID
	pLoginUID
	pCapInheritable
	pCapPermitted
	pCapEffective
	pExeIno
	pExeCtime
	pExeMtime
	pTrustedExepath
	pPGID
	pFilename
	pPathname
	pDirFD
	pName
	pPath
	pDev
	pIno
	pCreatFlags
	pDomain
	pType
	pProto
	pFD1
	pFD2
	pSource
	pPeer
	pAddr
	pTuple
	pNewFD
	pCmd
	pArg
	pFirst
	pLast
	pRUID
	pEUID
	pSUID
	pEGID
	pOption
	pArg2Int
	pCur
	pNewCur
	pOldCur
	pResource
	pPidFD
	pTargetFD
	pNSType
	pReaperTID
	pMsgControl
	pHome
	pShell
	pContainerID
	pRequest
	pLevel
	pOptname
	pVal
	pCPUUser
	pCPUSystem
	pJSON
	pData
	numParams
)

var paramNames = [numParams]string{
	"res", "fd", "exe", "args", "tid", "pid", "ptid", "cwd", "fdlimit", "pgft_maj", "pgft_min",
	"vm_size", "vm_rss", "vm_swap", "comm", "cgroups", "flags", "uid", "gid", "vtid", "vpid",
	"pidns_init_start_ts", "env", "tty", "vpgid", "loginuid", "cap_inheritable", "cap_permitted",
	"cap_effective", "exe_ino", "exe_ino_ctime", "exe_ino_mtime", "trusted_exepath", "pgid",
	"filename", "pathname", "dirfd", "name", "path", "dev", "ino", "creat_flags", "domain", "type",
	"proto", "fd1", "fd2", "source", "peer", "addr", "tuple", "newfd", "cmd", "arg",
	"first", "last", "ruid", "euid", "suid", "egid", "option", "arg2_int", "cur", "newcur", "oldcur", "resource",
	"pid_fd", "target_fd", "nstype", "reaper_tid", "msgcontrol", "home", "shell", "container_id", "request",
	"level", "optname", "val", "cpu_usr", "cpu_sys",
	"json", "data",
}

// makeParams finds where each event type has its parameters; -1 where it lacks
// one.
func makeParams() [][numParams]int8 {
	byName := make(map[string]pname, numParams)
	for p, name := range paramNames {
		byName[name] = pname(p)
	}
	all := make([][numParams]int8, len(scap.Events))
	for i := range all {
		for p := range all[i] {
			all[i][p] = -1
		}
		for j, info := range scap.Events[i].Params {
			if p, ok := byName[info.Name]; ok {
				all[i][p] = int8(j)
			}
		}
	}
	return all
}

// bytes returns a parameter of the event; where an old exit event lacks it, that
// of the enter event. It is nil when neither has it, and empty when it has no
// value. Borrowed.
func (ev *Event) bytes(p pname) []byte {
	if b := paramOf(ev.Event, p); b != nil || ev.Enter == nil {
		return b
	}
	return paramOf(ev.Enter, p)
}

func paramOf(ev *scap.Event, p pname) []byte {
	i := paramIndex(ev.Type(), p)
	if i < 0 {
		return nil
	}
	return ev.Param(i)
}

func paramIndex(t scap.EventType, p pname) int {
	if int(t) >= len(params) {
		return -1
	}
	return int(params[t][p])
}

// text returns a text parameter without its NUL. Borrowed.
func (ev *Event) text(p pname) []byte { return cText(ev.bytes(p)) }

// int returns a number, sign extended; ok is false when it has no value.
func (ev *Event) int(p pname) (int64, bool) {
	if i := paramIndex(ev.Type(), p); i >= 0 {
		if v, ok := ev.Int(i); ok {
			return v, true
		}
	}
	if ev.Enter != nil {
		if i := paramIndex(ev.Enter.Type(), p); i >= 0 {
			return ev.Enter.Int(i)
		}
	}
	return 0, false
}

// uint is int without sign.
func (ev *Event) uint(p pname) (uint64, bool) {
	if i := paramIndex(ev.Type(), p); i >= 0 {
		if v, ok := ev.Uint(i); ok {
			return v, true
		}
	}
	if ev.Enter != nil {
		if i := paramIndex(ev.Enter.Type(), p); i >= 0 {
			return ev.Enter.Uint(i)
		}
	}
	return 0, false
}

// u32 returns a number, 0 when it has no value.
func (ev *Event) u32(p pname) uint32 {
	v, _ := ev.uint(p)
	return uint32(v)
}

// fdNum returns a descriptor number, -1 when it has no value.
func (ev *Event) fdNum(p pname) int64 {
	if v, ok := ev.int(p); ok {
		return v
	}
	return -1
}
