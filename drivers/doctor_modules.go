// SPDX-License-Identifier: Apache-2.0

package drivers

import (
	"fmt"
	"strings"
)

// modules says what stands between a kernel module and this kernel.
func (h *host) modules() []Finding {
	return []Finding{h.loadable(), h.lockdown(), h.signatures(), h.headers()}
}

// loadable tells whether modules can be loaded at all.
func (h *host) loadable() Finding {
	f := Finding{Name: findModules, Status: OK, Detail: "built in and on"}
	on, known := h.built("CONFIG_MODULES")
	if !known {
		on = h.exists("/proc/modules")
	}
	if !on {
		return Finding{Name: findModules, Status: Missing, Detail: "this kernel is built without modules", Advice: "use modern_bpf"}
	}
	if _, given := h.bootOption("nomodule"); given {
		f.Status, f.Detail, f.Advice = Missing, "switched off on the kernel's command line (nomodule)", "boot without it, or use modern_bpf"
		return f
	}
	if v, err := h.read("/proc/sys/kernel/modules_disabled"); err == nil && v != "0" {
		f.Status, f.Detail = Missing, "switched off until the next boot (kernel.modules_disabled)"
		f.Advice = "reboot and load the module before that setting, or use modern_bpf"
	}
	return f
}

// lockdown tells what root may not do to the kernel.
func (h *host) lockdown() Finding {
	f := Finding{Name: findLocked, Status: OK, Detail: "off"}
	text, err := h.read("/sys/kernel/security/lockdown")
	if err != nil {
		if on, known := h.built("CONFIG_SECURITY_LOCKDOWN_LSM"); known && !on {
			f.Detail = "not in this kernel"
			return f
		}
		f.Status, f.Detail = Unknown, "/sys/kernel/security/lockdown cannot be read"
		f.Advice = "mount securityfs on /sys/kernel/security"
		return f
	}
	// The list has the current mode in brackets: "none [integrity] confidentiality".
	_, mode, _ := strings.Cut(text, "[")
	mode, _, _ = strings.Cut(mode, "]")
	switch mode {
	case "none":
	case "integrity":
		f.Detail = "integrity: only signed modules"
	case "confidentiality":
		f.Status = Missing
		f.Detail = "confidentiality: only signed modules, and eBPF programs may not read the kernel's memory"
		f.Advice = "boot with lockdown=integrity"
	default:
		f.Status, f.Detail = Unknown, fmt.Sprintf("%q is no mode that is known", text)
	}
	return f
}

// signatures tells whether an unsigned module is refused.
func (h *host) signatures() Finding {
	const advice = "sign the module with a key that this kernel trusts (DKMS does it with an enrolled key: mokutil --import), or use modern_bpf"
	f := Finding{Name: findSigned, Status: OK, Detail: "not required"}
	var why string
	if v, err := h.read("/sys/module/module/parameters/sig_enforce"); err == nil {
		if v == "Y" || v == "1" {
			why = "sig_enforce"
		}
	} else if on, known := h.built("CONFIG_MODULE_SIG_FORCE"); on {
		why = "CONFIG_MODULE_SIG_FORCE"
	} else if _, given := h.bootOption("module.sig_enforce"); given {
		why = "module.sig_enforce on the command line"
	} else if !known {
		f.Status, f.Detail = Unknown, "neither the parameter sig_enforce nor the kernel's configuration can be read"
	}
	if text, err := h.read("/sys/kernel/security/lockdown"); err == nil && why == "" && !strings.Contains(text, "[none]") {
		why = "lockdown"
	}
	if why != "" {
		f.Status, f.Detail, f.Advice = Missing, "required ("+why+"): a module built here is refused unless it is signed", advice
	}
	return f
}

// headers tells whether something can be built for this kernel.
func (h *host) headers() Finding {
	path := "/lib/modules/" + h.release + "/build"
	if h.exists(path + "/Makefile") {
		return Finding{Name: findHeaders, Status: OK, Detail: path}
	}
	return Finding{Name: findHeaders, Status: Missing, Detail: "no " + path,
		Advice: "install the headers of this very kernel (linux-headers-" + h.release + ", kernel-devel), or use modern_bpf"}
}
