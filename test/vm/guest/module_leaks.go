// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// held is what the module keeps of the kernel.
type held struct {
	users     int            // of the module
	areas     int            // of vmalloc memory that it has asked for: rings, scratch
	available int            // memory of the machine, with what waits for its CPUs' next use, KiB
	memory    map[string]int // what it is used for, KiB: /proc/meminfo
}

// holds looks without what the kernel keeps only because nobody needs the room.
func holds() held {
	_ = os.WriteFile("/proc/sys/vm/drop_caches", []byte("3"), 0)
	h := held{areas: strings.Count(read("/proc/vmallocinfo"), "[tiercel]")}
	h.users, _ = strconv.Atoi(strings.TrimSpace(read("/sys/module/tiercel/refcnt")))
	h.memory = map[string]int{}
	for line := range strings.Lines(read("/proc/meminfo")) {
		if words := strings.Fields(line); len(words) > 1 {
			h.memory[strings.TrimSuffix(words[0], ":")], _ = strconv.Atoi(words[1])
		}
	}
	h.memory["parked"] = parked(read("/proc/zoneinfo")) * os.Getpagesize() >> 10
	h.available = h.memory["MemAvailable"] + h.memory["parked"]
	return h
}

// parked returns how many free pages lie in lists of single CPUs. The kernel does
// not count them as free, and with two CPUs and 1 GiB of memory 5.14 to 6.6 keep up
// to 54 MiB there for as long as nobody is short of memory.
func parked(zoneinfo string) (pages int) {
	for line := range strings.Lines(zoneinfo) {
		if words := strings.Fields(line); len(words) == 2 && words[0] == "count:" {
			n, _ := strconv.Atoi(words[1])
			pages += n
		}
	}
	return pages
}

// String implements fmt.Stringer.
func (h held) String() string {
	return fmt.Sprintf("users %d, areas %d, available %d KiB", h.users, h.areas, h.available)
}

// since tells what the machine's memory is used for more or less than before.
func (h held) since(began held) string {
	var changes []string
	for what, now := range h.memory {
		if by := now - began.memory[what]; by > 2<<10 || by < -2<<10 {
			changes = append(changes, fmt.Sprintf("%s %+d", what, by))
		}
	}
	slices.Sort(changes)
	return strings.Join(changes, ", ")
}

// backTo reports whether all is as it was. Memory of the machine comes and goes
// for other reasons, too; the rings of four agents would be 64 MiB.
func (h held) backTo(began held) bool {
	return h.users == began.users && h.areas == began.areas && h.available > began.available-48<<10
}

// killedAgents die with -9 while events flow: the module lets go of them, its
// memory comes back, and it can be unloaded.
func killedAgents() error {
	const agents = 4
	began := holds()
	if began.areas == 0 {
		return fmt.Errorf("the module's memory is not seen in /proc/vmallocinfo: %v", began)
	}
	for range agents {
		a, err := watch("kmod")
		if err != nil {
			return err
		}
		err = a.sees()
		if during := holds(); err == nil && (during.users <= began.users || during.areas <= began.areas) {
			err = fmt.Errorf("the agent's rings are not seen: %v, before %v", during, began)
		}
		if kill := a.kill(); err == nil {
			err = kill
		}
		if err != nil {
			return err
		}
	}
	ended := holds()
	for end := time.Now().Add(patience); !ended.backTo(began) && time.Now().Before(end); ended = holds() {
		time.Sleep(200 * time.Millisecond)
	}
	if !ended.backTo(began) {
		return fmt.Errorf("after %d killed agents the module holds %v, before %v; KiB: %s", agents, ended, began, ended.since(began))
	}
	return steps(
		step{"driver unload kmod", false, "unloaded the module"},
		step{"driver load kmod", false, "loaded "},
	)
}
