// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// held is what the module keeps of the kernel.
type held struct {
	users     int // of the module
	areas     int // of vmalloc memory that it has asked for: rings, scratch
	available int // memory of the machine, KiB
}

// holds looks without what the kernel keeps only because nobody needs the room.
func holds() held {
	_ = os.WriteFile("/proc/sys/vm/drop_caches", []byte("3"), 0)
	h := held{areas: strings.Count(read("/proc/vmallocinfo"), "[tiercel]")}
	h.users, _ = strconv.Atoi(strings.TrimSpace(read("/sys/module/tiercel/refcnt")))
	_, text, _ := strings.Cut(read("/proc/meminfo"), "MemAvailable:")
	if words := strings.Fields(text); len(words) > 0 {
		h.available, _ = strconv.Atoi(words[0])
	}
	return h
}

// backTo reports whether all is as it was. Memory of the machine comes and goes
// for other reasons, too; the rings of four agents would be 64 MiB.
func (h held) backTo(began held) bool {
	return h.users == began.users && h.areas == began.areas && h.available > began.available-32<<10
}

// killedAgents die with -9 while events flow: the module lets go of them, its
// memory comes back, and it can be unloaded.
func killedAgents() error {
	const agents = 4
	began := holds()
	if began.areas == 0 {
		return fmt.Errorf("the module's memory is not seen in /proc/vmallocinfo: %+v", began)
	}
	for range agents {
		a, err := watch("kmod")
		if err != nil {
			return err
		}
		err = a.sees()
		if during := holds(); err == nil && (during.users <= began.users || during.areas <= began.areas) {
			err = fmt.Errorf("the agent's rings are not seen: %+v, before %+v", during, began)
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
		return fmt.Errorf("after %d killed agents the module holds %+v, before %+v", agents, ended, began)
	}
	return steps(
		step{"driver unload kmod", false, "unloaded the module"},
		step{"driver load kmod", false, "loaded "},
	)
}
