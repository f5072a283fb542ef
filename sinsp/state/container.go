// SPDX-License-Identifier: Apache-2.0

package state

import (
	"github.com/tiercel/tiercel/sinsp/container"
)

// ContainerType is the runtime that made a container.
type ContainerType = container.Type

// Container runtimes.
const (
	ContainerDocker     = container.Docker
	ContainerLXC        = container.LXC
	ContainerLibvirtLXC = container.LibvirtLXC
	ContainerCRI        = container.CRI
	ContainerContainerd = container.Containerd
	ContainerCRIO       = container.CRIO
	ContainerBPM        = container.BPM
	ContainerPodman     = container.Podman
	ContainerHost       = container.Host
)

// Container returns the container that t runs in; nil on the host, and when
// that is not known (see OnHost). A nil container answers all questions.
func (t *Thread) Container() *container.Container { return t.box }

// OnHost reports whether the thread runs outside of containers. Of a thread
// that nothing could be learnt of, nobody can say: known is false then, so that
// it does not pass for one of the host. t may be nil.
func (t *Thread) OnHost() (yes, known bool) {
	switch {
	case t == nil:
		return false, false
	case t.ContainerID != "":
		return false, true
	}
	return true, t.Doubt()&DoubtIdentity == 0 || len(t.Cgroups) > 0
}

// ContainerStub returns a thread that has t's container and nothing else. It
// stays as it is, so that what is shown of the container can be completed when
// its details arrive, after the event.
func (t *Thread) ContainerStub() *Thread {
	return &Thread{
		TID: t.TID, PID: t.PID, PTID: NoID, VTID: t.VTID, VPID: t.VPID, UID: t.UID, GID: t.GID, LoginUID: t.LoginUID,
		Cgroups: t.Cgroups, ContainerID: t.ContainerID, ContainerType: t.ContainerType, box: t.box,
		PidnsInitStartTS: t.PidnsInitStartTS, engine: t.engine, sure: t.sure, lastFD: -1, slot: -1,
	}
}

// Containers returns the table of containers. It belongs to the engine's
// goroutine.
func (e *Engine) Containers() *container.Table { return e.boxes }

// openContainers takes the table of the options, or an empty one.
func (e *Engine) openContainers() {
	if e.boxes = e.opts.Containers; e.boxes == nil {
		e.boxes = container.NewTable(container.Options{})
	}
	e.boxGen = e.boxes.Generation()
	e.boxes.OnChange(func(c *container.Container, removed bool) {
		if removed {
			delete(e.accounts, c.ID)
		}
	})
}

// PollContainers takes what the runtimes have answered since the last call. It
// is called between batches of events; when there is nothing, it costs one
// atomic load.
func (e *Engine) PollContainers() {
	e.boxes.Poll(e.clock)
	if g := e.boxes.Generation(); g != e.boxGen {
		// Paths may belong to other containers than before.
		e.boxGen = g
		for _, t := range e.all {
			if len(t.Cgroups) > 0 && t.box == nil {
				t.setContainer(e.boxes.Resolve(t.Cgroups, e.clock))
			}
		}
	}
}

// setCgroups gives t its cgroups and the container that follows from them.
func (e *Engine) setCgroups(t *Thread, s *cgroupSet) {
	t.Cgroups = s.items
	switch g := e.boxes.Generation(); {
	case len(s.items) == 0:
		t.setContainer(e.boxes.Resolve(nil, e.clock))
		return
	case s.boxGen != g:
		s.box, s.boxGen = e.boxes.Resolve(s.items, e.clock), g
	default:
		s.box = e.boxes.Use(s.box, e.clock)
	}
	t.setContainer(s.box)
}

func (t *Thread) setContainer(c *container.Container) {
	t.box, t.ContainerID, t.ContainerType = c, "", ContainerHost
	if c != nil {
		t.ContainerID, t.ContainerType = c.ID, c.Type()
	}
}

// meetContainer reads the users of a container when the first of its processes
// executes something: a short-lived one cannot be asked later.
func (e *Engine) meetContainer(t *Thread) {
	if t.box == nil || e.opts.Accounts == nil {
		return
	}
	a := e.containerAccounts(t.ContainerID)
	if len(a.users)+len(a.groups) > 0 {
		return
	}
	if a.missed < maxMet {
		a.readTS = 0
	}
	e.reread(t, a)
}

// leaveContainer notes that t has exited: with its first process a container
// ends. The first process of a pid namespace that somebody made inside of the
// container has its parent in there.
func (e *Engine) leaveContainer(t *Thread) {
	if t.box == nil || t.VPID != 1 || t.VTID != 1 || t.TID == 1 {
		return
	}
	if p := t.Parent(); p == nil || p.box != t.box {
		e.boxGone = t.box
	}
}

// removeContainer forgets the container whose first process exited with the
// former event.
func (e *Engine) removeContainer() {
	c := e.boxGone
	e.boxGone = nil
	e.boxes.Remove(c)
}

// onContainer takes the details of a container out of a capture.
func onContainer(e *Engine, ev *Event) { e.boxes.Take(container.EventName, ev.text(pJSON), e.clock) }

// onAsync takes what a plugin of the reference, or we, wrote into a capture.
func onAsync(e *Engine, ev *Event) {
	e.boxes.Take(string(ev.text(pName)), ev.bytes(pData), e.clock)
}

// ClientIsLocal reports whether the client's end of the connection f is the
// local one, as t sees it: by the addresses of t's container, by those of all
// containers when t's is not known, and else by those of the host.
func (e *Engine) ClientIsLocal(t *Thread, f *FD) bool {
	src, dst := toAddr(f.SrcIP, f.V6), toAddr(f.DstIP, f.V6)
	if t != nil && t.box != nil && !src.IsLoopback() {
		if i := t.box.Info(); i != nil && i.IP != "" {
			switch own := i.Addr(); own {
			case src:
				return true
			case dst:
				return false
			}
		} else if i == nil {
			if e.boxes.HasAddr(src) {
				return true
			}
			if e.boxes.HasAddr(dst) {
				return false
			}
		}
	}
	return e.IsLocalAddr(f.SrcIP, f.V6)
}
