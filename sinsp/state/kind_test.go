// SPDX-License-Identifier: Apache-2.0

package state

import (
	"testing"

	"github.com/tiercel/tiercel/scap"
)

func TestNamesOfTheTablesExist(t *testing.T) {
	names, used := map[string]bool{}, [numParams]bool{}
	for i := range scap.Events {
		info := &scap.Events[i]
		names[info.Name] = true
		if kinds[i].handle == nil {
			continue
		}
		for p := range used {
			used[p] = used[p] || params[i][p] >= 0
		}
	}
	for name := range effects {
		if !names[name] {
			t.Errorf("no event is named %s", name)
		}
	}
	for name := range otherEffects {
		if !names[name] {
			t.Errorf("no event is named %s", name)
		}
	}
	for p, ok := range used {
		// The directory of execveat stands in its enter event only.
		if !ok && pname(p) != pPathname {
			t.Errorf("no event that changes the model has a parameter %s", paramNames[p])
		}
	}
}

// What the tables flag as changing the state has to change it here, or has to be
// known not to.
func TestEventsThatModifyStateAreHandled(t *testing.T) {
	without := map[string]string{
		"shutdown":    "the descriptor stays what it is",
		"cpu_hotplug": "is for the source",
		"container":   "describes a container; the id comes from the cgroups",
		"asyncevent":  "as container",
		"pluginevent": "is for its plugin",
		"k8s":         "old metadata",
		"mesos":       "old metadata",
	}
	for _, name := range []string{"mount", "umount", "umount2"} {
		without[name] = "the model has no mounts"
	}
	for i := range scap.Events {
		info := &scap.Events[i]
		if info.Flags&scap.EFModifiesState == 0 || info.Status == scap.StatusUnused || info.Class == scap.ClassIter {
			continue
		}
		if info.Class == scap.ClassSyscall && info.Dir == scap.Enter {
			continue
		}
		if _, ok := without[info.Name]; !ok && kinds[i].handle == nil {
			t.Errorf("%s (%s) changes the state and is not handled", info.Enum, info.Name)
		}
	}
}

func TestUnknownTypesPassThrough(t *testing.T) {
	h := newHost(t)
	raw := append([]byte(nil), h.open(100, 3, "/x", OpenRead).Raw()...)
	raw[20], raw[21] = 0xff, 0xff
	var ev scap.Event
	if err := ev.Decode(raw); err != nil {
		t.Fatal(err)
	}
	if got := h.e.Process(&ev); got.Thread != nil || got.FD != nil {
		t.Fatal("an event of an unknown type has a thread")
	}
}
