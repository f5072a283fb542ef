// SPDX-License-Identifier: Apache-2.0

package procfs

import (
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/tiercel/tiercel/scap"
)

// ErrNoProcess says that there is no such process or thread, or no more.
var ErrNoProcess = errors.New("no such process")

// Options bound what is read.
type Options struct {
	MaxFDs int  // descriptors per process; 0 = all
	NoFDs  bool // leave the descriptors out
	// NoIterators leaves BPF alone, which else tells all descriptors at once.
	NoIterators bool
	MaxText     int // bytes of command line and of environment; 0 = 4096
	// KernelThreads includes threads of the kernel, which are left out else.
	KernelThreads bool
	// BootTime is scap.BootTime as the source of events uses it; 0 = now.
	BootTime uint64
}

// BootTime returns the time of the boot in ns since the epoch.
func BootTime() uint64 { return scap.BootTime() }

// Reader reads processes. It remembers what many of them share (sockets and
// mounts of a namespace). One goroutine owns it.
type Reader struct {
	root   string // of the host; empty for our own
	opts   Options
	noDiag bool // read all sockets as text

	iterateFrom int        // processes; see the constant
	files       *openFiles // of the scan that runs; nil: only /proc tells
	unified     []string   // controllers of the unified cgroup hierarchy

	hostPidNS  uint64
	hostUserNS uint64
	ns         *namespaces
	peers      []*Reader // what a scan of many processes shares the work with

	proc    Process // what is handed out
	nums    []int64
	pids    []int64
	buf     [8 << 10]byte
	text    []byte // MaxText bytes
	link    [4096]byte
	status  [4096]byte
	big     []byte
	started bool
}

// New returns a Reader for the host whose file systems are visible at root
// ("" or "/" for our own). It reads nothing yet.
func New(root string, opts Options) *Reader {
	if opts.MaxText <= 0 {
		opts.MaxText = defaultMaxText
	}
	if opts.BootTime == 0 {
		opts.BootTime = scap.BootTime()
	}
	return newReader(strings.TrimSuffix(root, "/"), opts, newNamespaces())
}

func newReader(root string, opts Options, ns *namespaces) *Reader {
	return &Reader{
		root: root,
		opts: opts,
		ns:   ns,
		text: make([]byte, opts.MaxText),

		iterateFrom: iterateFrom,
		big:         make([]byte, 64<<10),
	}
}

// open opens the host's /proc and reads, the first time, what all processes
// share.
func (r *Reader) open() (dir, error) {
	d, err := openDir(unix.AT_FDCWD, r.root+"/proc")
	if err != nil {
		return d, fmt.Errorf("open %s/proc: %w", r.root, err)
	}
	if !r.started {
		r.started = true
		// Not everybody may look into init; then /proc shows our own namespace.
		if r.hostPidNS = r.namespace(d, "1/ns/pid", "pid"); r.hostPidNS == 0 {
			r.hostPidNS = r.namespace(d, "self/ns/pid", "pid")
		}
		if r.hostUserNS = r.namespace(d, "1/ns/user", "user"); r.hostUserNS == 0 {
			r.hostUserNS = r.namespace(d, "self/ns/user", "user")
		}
		b, err := dir(unix.AT_FDCWD).readOnce(r.root+"/sys/fs/cgroup/cgroup.controllers", r.buf[:])
		if err == nil {
			r.unified = strings.Fields(string(b))
		}
	}
	return d, nil
}

// Scan calls fn for every process, by ascending pid, until fn returns an
// error, which it returns. Processes that end meanwhile are left out; those
// that begin meanwhile may be.
func (r *Reader) Scan(fn func(*Process) error) error {
	d, err := r.open()
	if err != nil {
		return err
	}
	defer d.close()
	r.ns.forget()
	r.pids, err = d.numbers(r.pids[:0], r.buf[:])
	if err != nil {
		return fmt.Errorf("list %s/proc: %w", r.root, err)
	}
	slices.Sort(r.pids)
	r.iterate()
	defer func() { r.files = nil }()
	if n := min(runtime.GOMAXPROCS(0), maxWorkers, len(r.pids)/shareFrom); n > 1 {
		return r.scanShared(d, n, fn)
	}
	for _, pid := range r.pids {
		if r.process(d, pid, 0) != nil {
			continue
		}
		if err := fn(&r.proc); err != nil {
			return err
		}
	}
	return nil
}

// Scan reads every process of the host at root; see Reader.Scan.
func Scan(root string, opts Options, fn func(*Process) error) error {
	return New(root, opts).Scan(fn)
}

// Lookup returns the process of a thread. Its Threads hold that thread only,
// or nothing when tid is the pid. The error is ErrNoProcess when it is gone.
func (r *Reader) Lookup(tid int64) (*Process, error) { return r.lookup(tid, false) }

// LookupWhole returns the process of a thread with all its threads. The error
// is ErrNoProcess when it is gone.
func (r *Reader) LookupWhole(tid int64) (*Process, error) { return r.lookup(tid, true) }

func (r *Reader) lookup(tid int64, whole bool) (*Process, error) {
	d, err := r.open()
	if err != nil {
		return nil, err
	}
	defer d.close()
	r.ns.forgetPidns() // numbers of namespaces are used again: good for one scan only
	pid, err := r.groupOf(d, tid)
	if err != nil {
		return nil, err
	}
	only := tid
	if whole {
		only = 0
	}
	if err := r.process(d, pid, only); err != nil {
		return nil, err
	}
	return &r.proc, nil
}

// LookupFD returns one descriptor of a process, as it is now.
func (r *Reader) LookupFD(pid, num int64) (FD, error) {
	d, err := r.open()
	if err != nil {
		return FD{}, err
	}
	defer d.close()
	p, err := openDir(d, decimalText(pid))
	if err != nil {
		return FD{}, ErrNoProcess
	}
	defer p.close()
	fdDir, err := openDir(p, "fd")
	if err != nil {
		return FD{}, fmt.Errorf("read descriptors of %d: %w", pid, err)
	}
	defer fdDir.close()
	infoDir, err := openPath(p, "fdinfo")
	if err != nil {
		infoDir = noDir
	} else {
		defer infoDir.close()
	}
	fd, ok := r.readFD(r.ownerOf(p), fdDir, infoDir, num)
	if !ok {
		return FD{}, fmt.Errorf("descriptor %d of process %d: %w", num, pid, unix.EBADF)
	}
	return fd, nil
}

// Environ returns up to limit bytes of the environment of a process.
func (r *Reader) Environ(pid int64, limit int) ([]string, error) {
	buf := make([]byte, limit)
	b, err := dir(unix.AT_FDCWD).read(r.root+"/proc/"+decimalText(pid)+"/environ", buf)
	if err != nil {
		return nil, fmt.Errorf("environment of %d: %w", pid, err)
	}
	return splitStrings(nil, b), nil
}

// groupOf returns the pid of a thread.
func (r *Reader) groupOf(d dir, tid int64) (int64, error) {
	b, err := d.readOnce(decimalText(tid)+"/status", r.status[:])
	if err != nil {
		return 0, ErrNoProcess
	}
	t := noThread()
	parseStatus(b, &t)
	if t.PID <= 0 {
		return 0, ErrNoProcess
	}
	return t.PID, nil
}

// process reads one process into r.proc: with all its threads, or with just
// the thread only when that is not 0.
func (r *Reader) process(at dir, pid, only int64) error {
	d, err := openPath(at, decimalText(pid))
	if err != nil {
		return ErrNoProcess
	}
	defer d.close()
	p := &r.proc
	p.reset(pid)
	stat, status, ok := r.thread(d, &p.Main)
	if !ok {
		return ErrNoProcess
	}
	kernel := stat.flags&kernelThread != 0
	if kernel && !r.opts.KernelThreads {
		return ErrNoProcess
	}
	o := r.ownerOf(d)
	if stat.state == 'Z' || stat.state == 'X' {
		if stat.threads < 2 {
			return ErrNoProcess
		}
		// The main thread has ended, the others go on. Only they still have
		// the memory and the descriptors that all of them shared.
		p.MainEnded = true
		if other, err := r.survivor(d, pid); err == nil {
			defer other.close()
			o = r.ownerOf(other)
		}
	}
	p.NetNS, p.MntNS = o.netns, o.mntns
	if !r.readExe(o, p, status) && !kernel {
		return ErrNoProcess
	}
	r.readTexts(o.dir, p)
	// Who has one pid only lives in the namespace of /proc: no link to read.
	if p.PidNS = r.hostPidNS; stat.levels != 1 || p.PidNS == 0 {
		p.PidNS = r.namespace(o.dir, "ns/pid", "pid")
	}
	if ns := r.namespace(o.dir, "ns/user", "user"); ns != 0 && r.hostUserNS != 0 {
		p.NestedUser = ns != r.hostUserNS
	}
	p.PidnsStart = r.pidnsStart(at, p)
	switch {
	case only != 0 && only != pid:
		r.readThreads(d, p, []int64{only})
	case only == 0 && stat.threads > 1:
		r.readThreads(d, p, nil)
	}
	if !r.opts.NoFDs {
		r.readFDs(o, p, stat.start)
	}
	return nil
}

func (r *Reader) ownerOf(d dir) owner {
	return owner{
		dir:   d,
		netns: r.namespace(d, "ns/net", "net"),
		mntns: r.namespace(d, "ns/mnt", "mnt"),
	}
}

// survivor opens a thread of the process that is not the main thread.
func (r *Reader) survivor(d dir, pid int64) (dir, error) {
	task, err := openDir(d, "task")
	if err != nil {
		return noDir, err
	}
	defer task.close()
	r.nums, err = task.numbers(r.nums[:0], r.buf[:])
	for _, tid := range r.nums {
		if tid != pid {
			return openDir(task, decimalText(tid))
		}
	}
	if err == nil {
		err = ErrNoProcess
	}
	return noDir, err
}

// thread reads the stat and status of the thread in d; the status stays in
// r.status until the next call.
func (r *Reader) thread(d dir, t *Thread) (s threadStat, status []byte, ok bool) {
	b, err := d.readOnce("stat", r.buf[:])
	if err != nil {
		return s, nil, false
	}
	if s, ok = parseStat(b, t); !ok {
		return s, nil, false
	}
	t.StartTS = r.tickTime(s.start)
	status, err = d.readOnce("status", r.status[:])
	if err != nil {
		return s, nil, false
	}
	s.levels = parseStatus(status, t)
	// A kernel without pid namespaces does not print these.
	for _, v := range []struct{ v, host *int64 }{
		{&t.VTID, &t.TID}, {&t.VPID, &t.PID}, {&t.VPGID, &t.PGID}, {&t.VSID, &t.SID},
	} {
		if *v.v == NoID {
			*v.v = *v.host
		}
	}
	return s, status, t.TID > 0 && t.PID > 0
}

// readThreads reads the given threads, or all but the main thread.
func (r *Reader) readThreads(d dir, p *Process, tids []int64) {
	task, err := openDir(d, "task")
	if err != nil {
		return
	}
	defer task.close()
	if tids == nil {
		r.nums, _ = task.numbers(r.nums[:0], r.buf[:])
		tids = r.nums
		slices.Sort(tids)
	}
	for _, tid := range tids {
		if tid == p.PID {
			continue
		}
		one, err := openPath(task, decimalText(tid))
		if err != nil {
			continue
		}
		t := noThread()
		if _, _, ok := r.thread(one, &t); ok {
			p.Threads = append(p.Threads, t)
		}
		one.close()
	}
}

// readTexts reads command line, environment, directories, cgroups and limits.
func (r *Reader) readTexts(d dir, p *Process) {
	if b, err := d.readOnce("cmdline", r.text); err == nil {
		p.words = splitStrings(p.words, b)
		if len(p.words) > 0 {
			p.Exe, p.Args = p.words[0], p.words[1:]
		}
	}
	if b, err := d.readOnce("environ", r.text); err == nil {
		p.Env = splitStrings(p.Env, b)
	}
	if b, err := d.link("cwd", r.link[:]); err == nil {
		p.CWD = string(b)
	}
	if b, err := d.link("root", r.link[:]); err == nil {
		p.Root = string(b)
	}
	if b, err := d.readOnce("cgroup", r.buf[:]); err == nil {
		p.Cgroups = parseCgroups(p.Cgroups, b, r.unified)
	}
	p.FDLimit = r.fdLimit(d, p.PID)
	if b, err := d.readOnce("loginuid", r.buf[:]); err == nil && len(b) > 0 {
		p.LoginUID = uint32(decimal(b))
	}
}

// fdLimit asks for the limit by its own call, which costs a tenth of reading
// the limits file, where that is allowed and pids are those of this host.
func (r *Reader) fdLimit(d dir, pid int64) int64 {
	var l unix.Rlimit
	if r.root == "" && unix.Prlimit(int(pid), unix.RLIMIT_NOFILE, nil, &l) == nil {
		return int64(min(l.Cur, math.MaxInt64))
	}
	b, err := d.readOnce("limits", r.buf[:])
	if err != nil {
		return NoID
	}
	return parseFDLimit(b)
}

// pidnsStart returns when the init of the process's pid namespace began: the
// boot for the host's. Every process of a namespace descends from its init.
func (r *Reader) pidnsStart(at dir, p *Process) uint64 {
	if p.PidNS == 0 || p.PidNS == r.hostPidNS {
		return r.opts.BootTime
	}
	if start, ok := r.ns.pidnsStart(p.PidNS); ok {
		return start
	}
	const maxDepth = 64
	t := p.Main
	for range maxDepth {
		if t.VPID == 1 {
			r.ns.setPidnsStart(p.PidNS, t.StartTS)
			return t.StartTS
		}
		parent := decimalText(t.PTID)
		if t.PTID <= 0 || r.namespace(at, parent+"/ns/pid", "pid") != p.PidNS {
			return 0
		}
		d, err := openDir(at, parent)
		if err != nil {
			return 0
		}
		t = noThread()
		// The status of p itself is no longer needed.
		_, _, ok := r.thread(d, &t)
		d.close()
		if !ok {
			return 0
		}
	}
	return 0
}

// namespace returns the inode of a namespace link, 0 when not readable.
func (r *Reader) namespace(d dir, link, kind string) uint64 {
	b, err := d.link(link, r.link[:])
	if err != nil {
		return 0
	}
	ino, _ := linkInode(b, kind)
	return ino
}

func (r *Reader) tickTime(ticks uint64) uint64 {
	return r.opts.BootTime + ticks*(1e9/ticksPerSecond)
}

func decimalText(n int64) string { return strconv.FormatInt(n, 10) }
