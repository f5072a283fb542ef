// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/tiercel/tiercel/test/vm/disk"
)

// guest watches the machine that it runs in, tells of every alert on the
// console and switches off.
func guest() {
	if console, err := os.OpenFile("/dev/console", os.O_WRONLY, 0); err == nil {
		os.Stdout = console
	}
	lost, err := guestWatch()
	if err != nil {
		fmt.Println("@@FAIL", err)
	} else {
		fmt.Println("@@DONE " + lost)
	}
	disk.PowerOff()
}

func guestWatch() (lost string, err error) {
	text, err := os.ReadFile(place + "time")
	if err != nil {
		return "", err
	}
	watch, err := time.ParseDuration(string(text))
	if err != nil {
		return "", err
	}
	time.Sleep(settle) // the start of the system is not idle
	a, err := startAgent(place+"tiercel", place+"rules")
	if err != nil {
		return "", err
	}
	time.Sleep(watch)
	if lost, err = stopAgent(a); err != nil {
		return "", err
	}
	for _, al := range a.Alerts() {
		line, err := json.Marshal(al)
		if err != nil {
			return "", err
		}
		fmt.Println(mark + string(line))
	}
	for line := range strings.Lines(whatRan()) {
		fmt.Println(ranMark + strings.TrimSpace(line))
	}
	return lost, nil
}

// whatRan is the work of cron and of timers in the machine's time.
func whatRan() string {
	out, err := exec.Command("/bin/sh", "-c", `journalctl -b -q -t CRON -g CMD -o short-iso --no-hostname --no-pager
		systemctl show --property=Id,LastTriggerUSec --timestamp=pretty '*.timer' | grep . | paste -d ' ' - -`).CombinedOutput()
	if err != nil {
		return fmt.Sprintf("%s\n%v", out, err)
	}
	return string(out)
}
