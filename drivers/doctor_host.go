// SPDX-License-Identifier: Apache-2.0

package drivers

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// host is the machine as its files show it, and the name of its kernel.
type host struct {
	root    string // where / is; empty but in tests
	release string
	version string
	machine string
	config  map[string]string // of the kernel's build; nil when not readable
}

func thisHost() *host {
	var u unix.Utsname
	_ = unix.Uname(&u) // cannot fail with a valid pointer
	return newHost("", unix.ByteSliceToString(u.Release[:]), unix.ByteSliceToString(u.Version[:]), unix.ByteSliceToString(u.Machine[:]))
}

func newHost(root, release, version, machine string) *host {
	h := &host{root: root, release: release, version: version, machine: machine}
	for _, path := range []string{"/proc/config.gz", "/boot/config-" + release, "/lib/modules/" + release + "/config"} {
		if text, err := h.read(path); err == nil {
			h.config = parseConfig(text)
			break
		}
	}
	return h
}

// maxHostFile bounds what is read of a file: the largest, an unpacked kernel
// configuration, has about 300 KiB.
const maxHostFile = 4 << 20

// read returns a file, unpacked where its name ends in .gz.
func (h *host) read(path string) (string, error) {
	f, err := os.Open(h.root + path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	var from io.Reader = f
	if strings.HasSuffix(path, ".gz") {
		if from, err = gzip.NewReader(f); err != nil {
			return "", fmt.Errorf("%s: %w", path, err)
		}
	}
	var text bytes.Buffer
	if _, err := io.Copy(&text, io.LimitReader(from, maxHostFile)); err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	return strings.TrimSpace(text.String()), nil
}

func (h *host) exists(path string) bool {
	_, err := os.Stat(h.root + path)
	return err == nil
}

// parseConfig reads a kernel configuration. What is not set is not in it.
func parseConfig(text string) map[string]string {
	c := make(map[string]string)
	for line := range strings.Lines(text) {
		key, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		if ok && strings.HasPrefix(key, "CONFIG_") {
			c[key] = value
		}
	}
	return c
}

// built tells whether an option is built in or a module; known is false when
// the configuration cannot be read.
func (h *host) built(option string) (on, known bool) {
	v := h.config[option]
	return v == "y" || v == "m", h.config != nil
}

// bootOption returns the value of the last such option on the kernel's command
// line.
func (h *host) bootOption(name string) (value string, given bool) {
	line, err := h.read("/proc/cmdline")
	if err != nil {
		return "", false
	}
	for _, w := range strings.Fields(line) {
		if w == "--" {
			break // what follows is for init
		}
		if key, v, _ := strings.Cut(w, "="); key == name {
			value, given = v, true
		}
	}
	return value, given
}

// lsmActive tells whether a security module is on.
func (h *host) lsmActive(name string) (on, known bool) {
	list, err := h.read("/sys/kernel/security/lsm")
	if err != nil {
		return false, false
	}
	for m := range strings.SplitSeq(list, ",") {
		if m == name {
			return true, true
		}
	}
	return false, true
}

// system describes the kernel itself.
func (h *host) system() []Finding {
	f := []Finding{
		{Name: "kernel", Status: OK, Detail: "Linux " + h.release},
		{Name: "architecture", Status: OK, Detail: h.machine},
	}
	if major, minor, ok := h.kernelVersion(); !ok {
		f[0].Status, f[0].Detail = Unknown, fmt.Sprintf("release %q has no number in front", h.release)
	} else if major < 5 || major == 5 && minor < 10 {
		f[0].Status = Missing
		f[0].Detail += ": older than 5.10, the oldest that is tested"
		f[0].Advice = "use Linux 5.10 or newer"
	}
	if h.machine != "x86_64" && h.machine != "aarch64" {
		f[1].Status, f[1].Advice = Missing, "use x86_64 or aarch64: only for these are the system calls known"
	}
	return append(f, h.preemption(), h.calls32())
}

// kernelVersion returns the first two numbers of the release.
func (h *host) kernelVersion() (major, minor int, ok bool) {
	n, _ := fmt.Sscanf(h.release, "%d.%d", &major, &minor)
	return major, minor, n == 2
}

// preemption tells when the kernel may interrupt itself. It decides whether
// the probe can meet itself on one CPU.
func (h *host) preemption() Finding {
	f := Finding{Name: "preemption", Status: OK}
	for _, m := range []struct{ mark, option, model string }{
		{"PREEMPT_RT", "CONFIG_PREEMPT_RT", "real time"},
		{"PREEMPT_DYNAMIC", "CONFIG_PREEMPT_DYNAMIC", "chosen at boot"},
		{"PREEMPT_LAZY", "CONFIG_PREEMPT_LAZY", "lazy"},
		{"PREEMPT", "CONFIG_PREEMPT", "full"},
	} {
		if !strings.Contains(h.version, m.mark) && h.config[m.option] != "y" {
			continue
		}
		f.Detail = m.model
		if m.mark == "PREEMPT_DYNAMIC" {
			f.Detail += h.chosenPreemption()
		}
		return f
	}
	f.Detail = "none or voluntary"
	return f
}

// chosenPreemption says what was chosen, as far as the files tell.
func (h *host) chosenPreemption() string {
	// The list has the current one in parentheses: "none voluntary (full)".
	if list, err := h.read("/sys/kernel/debug/sched/preempt"); err == nil {
		if _, after, ok := strings.Cut(list, "("); ok {
			now, _, _ := strings.Cut(after, ")")
			return ", now " + now
		}
	}
	if v, given := h.bootOption("preempt"); given {
		return ", by the command line " + v
	}
	for _, m := range []struct{ option, name string }{
		{"CONFIG_PREEMPT_NONE", "none"}, {"CONFIG_PREEMPT_VOLUNTARY", "voluntary"},
		{"CONFIG_PREEMPT_LAZY", "lazy"}, {"CONFIG_PREEMPT", "full"},
	} {
		if h.config[m.option] == "y" {
			return ", by default " + m.name
		}
	}
	return ""
}

// calls32 tells whether 32-bit programs can run: their calls come in by a way
// of their own.
func (h *host) calls32() Finding {
	f := Finding{Name: "32-bit calls", Status: OK}
	option := map[string]string{"x86_64": "CONFIG_IA32_EMULATION", "aarch64": "CONFIG_COMPAT"}[h.machine]
	on, known := h.built(option)
	if h.machine == "x86_64" {
		if !known && h.exists("/proc/sys/abi/vsyscall32") {
			on, known = true, true // a file of the 32-bit entry code
		}
		off := h.config["CONFIG_IA32_EMULATION_DEFAULT_DISABLED"] == "y"
		if v, given := h.bootOption("ia32_emulation"); given {
			if b, err := strconv.ParseBool(v); err == nil {
				off = !b
			} else {
				off = v == "off"
			}
		}
		if on && off {
			f.Status, f.Detail = Missing, "built in but switched off; not needed (what cannot run need not be watched)"
			return f
		}
	}
	switch {
	case !known:
		f.Status, f.Detail = Unknown, "the kernel's configuration is not readable; they are watched where they exist"
	case !on:
		f.Status, f.Detail = Missing, "not built in; not needed (what cannot run need not be watched)"
	default:
		f.Detail = "32-bit programs run; their calls are watched as their 64-bit meaning"
	}
	if x32, _ := h.built("CONFIG_X86_X32_ABI"); x32 {
		f.Detail += "; x32 too"
	}
	return f
}
