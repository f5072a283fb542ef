// SPDX-License-Identifier: Apache-2.0

package state

import (
	"net/netip"
	"strings"

	"github.com/tiercel/tiercel/scap/procfs"
)

// retryAfter is how long nothing is asked again of a thread that /proc did not
// know, in ns of event time.
const retryAfter = 2e9

// lookupBurst is how many seconds' worth of questions may be asked at once.
const lookupBurst = 4

// find returns the thread with the id tid, asking /proc when it is not in the
// table; nil when nobody knows it.
func (e *Engine) find(tid int64) *Thread {
	if tid <= 0 {
		return nil
	}
	t := e.Thread(tid)
	if t != nil || e.opts.Proc == nil {
		return t
	}
	return e.lookup(tid)
}

// resolve returns something for a thread that made an event: what /proc knows,
// else what there is (old), else a placeholder. It is nil when the table is
// full.
func (e *Engine) resolve(tid int64, old *Thread) *Thread {
	if e.opts.Proc != nil {
		if t := e.lookup(tid); t != nil {
			return t
		}
	}
	if old != nil {
		old.retryTS = e.clock + retryAfter
		return old
	}
	t := e.newThread(tid)
	t.Comm, t.Exe, t.Cmdline, t.ExeLine = Unknown, Unknown, Unknown, Unknown
	t.retryTS = e.clock + retryAfter
	t.seen, t.healed = e.lostBefore, neverSure
	e.counters.Placeholders++
	return e.insert(t)
}

// lookup asks /proc for a thread and its process, within the limit.
func (e *Engine) lookup(tid int64) *Thread {
	if !e.allowed(0) {
		e.counters.LookupsDenied++
		return nil
	}
	e.counters.Lookups++
	p, err := e.askProc(tid)
	if err != nil {
		e.counters.LookupsFailed++
		return nil
	}
	if main := e.Thread(p.PID); main != nil && main.sameStart(p) {
		e.addThreads(p, main)
	} else {
		var s scanned
		e.addProcess(p, &s)
		s.settle(e)
	}
	t := e.Thread(tid)
	if t == nil {
		e.counters.LookupsFailed++
		return nil
	}
	t.seen, t.healed = e.lostBefore, neverSure // its events so far were lost
	if t.parent == nil && t.PTID > 0 {
		e.adopt(t, e.Thread(t.PTID))
	}
	return t
}

// fdsPerToken is how many descriptors or threads of a process cost as much as
// one more question.
const fdsPerToken = 100

// askProc reads a process, for a token that was taken. A large one costs more
// of them.
func (e *Engine) askProc(tid int64) (*procfs.Process, error) {
	return e.paid(e.opts.Proc.Lookup(tid))
}

// askWhole is askProc with all threads, where the source can tell them.
func (e *Engine) askWhole(tid int64) (p *procfs.Process, whole bool, err error) {
	if src, ok := e.opts.Proc.(WholeSource); ok {
		p, err = e.paid(src.LookupWhole(tid))
		return p, true, err
	}
	p, err = e.askProc(tid)
	return p, false, err
}

func (e *Engine) paid(p *procfs.Process, err error) (*procfs.Process, error) {
	if err == nil && p == nil {
		err = procfs.ErrNoProcess
	}
	if err == nil {
		e.tokens -= float64(len(p.FDs)+len(p.Threads)) / fdsPerToken
	}
	return p, err
}

// allowed takes a token for a question to /proc, if more than reserve are left.
func (e *Engine) allowed(reserve float64) bool {
	rate := float64(e.opts.LookupsPerSecond)
	if e.clock > e.tokensTS {
		e.tokens = min(lookupBurst*rate, e.tokens+rate*float64(e.clock-e.tokensTS)/1e9)
	}
	e.tokensTS = e.clock
	if e.tokens < 1+reserve {
		return false
	}
	e.tokens--
	return true
}

// Prime fills the tables with what runs already. It is called before the first
// event, or between events: what it finds replaces what was known.
func (e *Engine) Prime() error {
	if e.opts.Proc == nil {
		return nil
	}
	e.finish()
	var s scanned
	err := e.opts.Proc.Scan(func(p *procfs.Process) error {
		e.addProcess(p, &s)
		return nil
	})
	s.settle(e)
	e.adoptAll()
	e.reread(nil, &e.hostAccounts)
	return err
}

// adoptAll gives every thread its parent: one may come before its parent.
func (e *Engine) adoptAll() {
	for _, t := range e.all {
		if t.parent == nil && t.Valid() && t.TID != 1 && t.PTID > 0 {
			e.adopt(t, e.Thread(t.PTID))
		}
	}
}

// scanned collects the sockets of a scan: which end of a connection one is can
// be told only when all listening sockets are known.
type scanned struct {
	listening map[listener]struct{}
	conns     []scannedConn
}

type listener struct {
	netns uint64
	port  uint16
}

type scannedConn struct {
	fd    *FD
	netns uint64
}

// settle gives the connections their roles and names. The kernel knows the
// local end as source; the server's end has to be the destination.
func (s *scanned) settle(e *Engine) {
	for _, c := range s.conns {
		f := c.fd
		f.Role = RoleClient
		if _, ok := s.listening[listener{c.netns, f.SrcPort}]; ok && f.L4 == L4TCP {
			swapEnds(f)
			f.Role = RoleServer
		}
		f.Name = e.socketName(f)
	}
}

// addProcess puts a process of /proc into the tables.
func (e *Engine) addProcess(p *procfs.Process, s *scanned) {
	if p.PID <= 0 {
		return
	}
	main := e.procThread(p, &p.Main, nil)
	if main.TID != p.PID {
		return
	}
	main.fds = e.newTable()
	if !p.FDsCut {
		main.fds.sure = e.lost
	}
	for i := range p.FDs {
		e.addProcFD(main.fds, &p.FDs[i], p.NetNS, s)
	}
	if e.insert(main) == nil {
		return
	}
	main.setEnded(p.MainEnded)
	main.setCWD(e.string(p.CWD), e.lost)
	e.addThreads(p, main)
}

// addThreads puts the threads of a process that the table lacks beside the main
// thread.
func (e *Engine) addThreads(p *procfs.Process, main *Thread) {
	for i := range p.Threads {
		tid := p.Threads[i].TID
		if tid <= 0 || tid == p.PID {
			continue
		}
		if old := e.Thread(tid); old != nil && old.PID == p.PID && old.group == main.group {
			continue
		}
		t := e.procThread(p, &p.Threads[i], main)
		t.Flags |= FlagThread | FlagFiles
		e.insert(t)
	}
}

// sameStart reports whether the main thread t is the process p and not a former
// one with its id. What events told of it is better than /proc then.
func (t *Thread) sameStart(p *procfs.Process) bool {
	if !t.Valid() || t.PID != p.PID {
		return false
	}
	return t.CloneTS == 0 || p.Main.StartTS == 0 || near(t.CloneTS, p.Main.StartTS)
}

// procThread makes a thread of what /proc says. main is the main thread whose
// texts it shares, nil for the main thread itself.
func (e *Engine) procThread(p *procfs.Process, pt *procfs.Thread, main *Thread) *Thread {
	t := e.newThread(pt.TID)
	t.PID, t.PTID = p.PID, max(pt.PTID, 0)
	t.CloneTS, t.PidnsInitStartTS = pt.StartTS, p.PidnsStart
	e.takeProcIDs(t, p, pt)
	comm := e.string(pt.Comm)
	if main != nil {
		t.takeImage(main)
		t.Root = main.Root
		e.setComm(t, comm)
		return t
	}
	e.setProcCgroups(t, p)
	t.Root = e.string(p.Root)
	e.takeProcImage(t, p, comm)
	return t
}

// takeProcIDs takes the numbers that a thread may change while it lives.
func (e *Engine) takeProcIDs(t *Thread, p *procfs.Process, pt *procfs.Thread) {
	t.sure, t.healed = e.lost, e.lost
	t.SID, t.PGID, t.VPGID = pt.VSID, pt.PGID, pt.VPGID
	t.VTID, t.VPID = pt.VTID, pt.VPID
	t.UID, t.GID, t.LoginUID = pt.UID, pt.GID, p.LoginUID
	t.CapInheritable, t.CapPermitted, t.CapEffective = pt.CapInheritable, pt.CapPermitted, pt.CapEffective
	t.TTY = pt.TTY
	t.VMSize, t.VMRSS, t.VMSwap = pt.VMSize, pt.VMRSS, pt.VMSwap
	t.PfMajor, t.PfMinor = pt.PfMajor, pt.PfMinor
	t.FDLimit = p.FDLimit
	t.inUserns = p.NestedUser
}

// takeProcImage takes what belongs to the program that runs.
func (e *Engine) takeProcImage(t *Thread, p *procfs.Process, comm string) {
	args := e.argList(e.joinNUL(p.Args))
	e.setEnv(t, e.envList(e.joinNUL(p.Env)))
	e.setCommand(t, comm, e.string(p.Exe), args, nil)
	t.ExePath = e.string(p.ExePath)
	t.ExeIno, t.ExeCtime, t.ExeMtime = p.ExeIno, p.ExeCtime, p.ExeMtime
	t.ExeWritable, t.ExeMemfd = p.ExeWritable, p.ExeMemfd
	t.ExeUpperLayer, t.ExeLowerLayer = p.ExeUpperLayer, p.ExeLowerLayer
	t.setDurations()
}

func (e *Engine) setProcCgroups(t *Thread, p *procfs.Process) {
	e.setCgroups(t, e.cgroups(e.joinNUL(p.Cgroups)))
}

// joinNUL returns the texts as an event has them. It is scratch.
func (e *Engine) joinNUL(texts []string) []byte {
	e.enc = e.enc[:0]
	for _, s := range texts {
		e.enc = append(append(e.enc, s...), 0)
	}
	return e.enc
}

// addProcFD puts a descriptor of /proc into a table.
func (e *Engine) addProcFD(t *FDTable, p *procfs.FD, netns uint64, s *scanned) {
	typ := FDType(p.Type)
	if typ == FDUnsupported && strings.HasPrefix(p.Name, "socket:") {
		typ = FDUnknown // as when it is made
	}
	f := e.newFD(p.Num, typ)
	f.FromProc = true
	f.Name = e.string(p.Name)
	f.Flags, f.Dev, f.Ino, f.MountID = p.Flags, p.Dev, p.Ino, p.MountID
	f.PID, f.Upper, f.Lower, f.L4 = p.PID, p.Upper, p.Lower, L4(p.L4)
	f.SrcPtr = p.Ptr
	if e.addFD(t, f) == nil || !f.IsIP() {
		return
	}
	f.V6 = f.Type == FDIPv6 || f.Type == FDIPv6Server
	if f.IsServer() || p.Listen {
		f.DstIP, f.DstPort = fromAddrPort(p.Src)
		f.Role = RoleServer
		if p.Listen && s != nil {
			if s.listening == nil {
				s.listening = make(map[listener]struct{})
			}
			s.listening[listener{netns, f.DstPort}] = struct{}{}
		}
		unmap(f)
		f.Name = e.socketName(f)
		return
	}
	f.SrcIP, f.SrcPort = fromAddrPort(p.Src)
	f.DstIP, f.DstPort = fromAddrPort(p.Dst)
	unmap(f)
	f.Connected = p.Dst.Port() != 0
	if s != nil && f.Connected {
		s.conns = append(s.conns, scannedConn{f, netns})
	}
}

func fromAddrPort(a netip.AddrPort) (ip [16]byte, port uint16) {
	switch addr := a.Addr(); {
	case addr.Is4():
		v4 := addr.As4()
		copy(ip[:], v4[:])
	case addr.Is6():
		ip = addr.As16()
	}
	return ip, a.Port()
}
