// SPDX-License-Identifier: Apache-2.0

package fields

import (
	"strconv"
	"sync/atomic"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/sinsp/state"
)

func fdlistClass() Class {
	return Class{
		Name:      "fdlist",
		ShortDesc: "the descriptors that a call waits for",
		Doc:       "The descriptors that poll and ppoll wait for, separated by commas.",
		Fields: []*Field{
			field("fdlist.nums", scap.PTCharbuf, scap.PFID, fdList(listNum), "Their numbers."),
			text("fdlist.names", fdList(listName), "Their names."),
			text("fdlist.cips", fdList(listClient), "Addresses of the clients of those that are connections."),
			text("fdlist.sips", fdList(listServer), "Addresses of the servers of those that are connections or listen."),
			field("fdlist.cports", scap.PTCharbuf, scap.PFDec, fdList(listClientPort), "Ports of the clients of those that are connections."),
			field("fdlist.sports", scap.PTCharbuf, scap.PFDec, fdList(listServerPort), "Ports of the servers of those that are connections or listen."),
		},
	}
}

// fdList joins what show appends for each descriptor of a poll; show appends
// nothing for those that it does not concern.
func fdList(show func(dst []byte, n int64, fd *state.FD) []byte) extractor {
	return func(ev *state.Event, _ *Arg, out *Value) bool {
		raw := fdListParam(ev)
		if raw == nil || ev.Thread == nil {
			return false
		}
		from := len(ev.Arena)
		for i := 0; ; i++ {
			n, _, ok := fdListEntry(raw, i)
			if !ok {
				break
			}
			mark := len(ev.Arena)
			if mark > from {
				ev.Arena = append(ev.Arena, ',')
			}
			sep := len(ev.Arena)
			ev.Arena = show(ev.Arena, n, ev.Thread.FDs().Get(n))
			if len(ev.Arena) == sep {
				ev.Arena = ev.Arena[:mark]
			}
		}
		return len(ev.Arena) > from && out.setArena(ev, from)
	}
}

func fdListParam(ev *state.Event) []byte {
	in := ev.Info()
	if in == nil {
		return nil
	}
	for i := range in.Params {
		if in.Params[i].Type == scap.PTFDList {
			return ev.Param(i)
		}
	}
	return nil
}

func listNum(dst []byte, n int64, _ *state.FD) []byte { return appendInt(dst, n) }

func listName(dst []byte, _ int64, fd *state.FD) []byte {
	if fd == nil {
		return dst
	}
	return append(dst, fd.Name...)
}

func listClient(dst []byte, _ int64, fd *state.FD) []byte {
	if fd == nil || !fd.IsConn() {
		return dst
	}
	return AppendAddr(dst, scap.View(addrBytes(&fd.SrcIP, fd.V6)))
}

func listServer(dst []byte, _ int64, fd *state.FD) []byte {
	if fd == nil || !fd.IsIP() {
		return dst
	}
	return AppendAddr(dst, scap.View(addrBytes(&fd.DstIP, fd.V6)))
}

func listClientPort(dst []byte, _ int64, fd *state.FD) []byte {
	if fd == nil || !fd.IsConn() {
		return dst
	}
	return strconv.AppendUint(dst, uint64(fd.SrcPort), 10)
}

func listServerPort(dst []byte, _ int64, fd *state.FD) []byte {
	if fd == nil || !fd.IsIP() {
		return dst
	}
	return strconv.AppendUint(dst, uint64(fd.DstPort), 10)
}

var utilCalls atomic.Uint64

func utilCount(_ *state.Event, _ *Arg, out *Value) bool { return out.setUint(utilCalls.Add(1)) }
