// SPDX-License-Identifier: Apache-2.0

package drivers

import (
	"fmt"
	"io/fs"
	"strings"

	"github.com/tiercel/tiercel/bpf"
	"github.com/tiercel/tiercel/kmod"
)

// modules says what stands between a kernel module and this kernel.
func (h *host) modules() []Finding {
	return []Finding{h.loadable(), h.lockdown(), h.signatures(), h.headers(), h.compiler(), h.module(), h.clang(), h.probe()}
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
	if why != "" && h.secureBoot() {
		why += ", Secure Boot is on"
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

// secureBoot reads the firmware's variable: four bytes of attributes, then 1
// or 0 (UEFI specification, 3.3).
func (h *host) secureBoot() bool {
	v, err := h.read("/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c")
	return err == nil && len(v) == 5 && v[4] == 1
}

// compiler tells whether the programs are there that build a module. Kernels
// want the compiler that they were built with, or one that is close.
func (h *host) compiler() Finding {
	f := Finding{Name: findTools, Status: OK, Detail: "make and gcc"}
	if lacking := h.missingPrograms("make", "gcc"); len(lacking) > 0 {
		f.Status, f.Detail = Missing, "no "+strings.Join(lacking, ", no ")+"; only needed to build a driver"
		f.Advice = "install make and gcc, if a driver is to be built"
	}
	return f
}

// missingPrograms returns those that are in none of the usual folders.
func (h *host) missingPrograms(names ...string) (missing []string) {
	for _, n := range names {
		if !h.exists("/usr/bin/"+n) && !h.exists("/bin/"+n) && !h.exists("/usr/local/bin/"+n) {
			missing = append(missing, n)
		}
	}
	return missing
}

const builtFor = "built for this kernel"

// module tells whether ours is loaded, or could be.
func (h *host) module() Finding {
	f := Finding{Name: findModule, Status: OK}
	if h.exists("/sys/module/" + kmod.ModuleName) {
		f.Detail = "loaded"
		if v, err := h.read("/sys/module/" + kmod.ModuleName + "/version"); err == nil {
			f.Detail += ", version " + v
		}
		return f
	}
	f.Status = Missing
	if path, err := kmod.Find(h.root, h.release); err == nil {
		f.Detail = "not loaded; " + builtFor + ": " + path
		return f
	}
	f.Detail = "not loaded, and there is none for this kernel"
	for _, d := range kmod.DKMSStates(h.root, h.release) {
		f.Detail += "; DKMS: " + kmod.ModuleName + "/" + d.Version + " " + d.Advice()
	}
	return f
}

// clang tells whether the programs are there that build the legacy probe. From
// the kernel's BTF clang does it alone.
func (h *host) clang() Finding {
	look := func(name string) (string, error) {
		if path := "/usr/bin/" + name; h.exists(path) {
			return path, nil
		}
		return "", fs.ErrNotExist
	}
	find := bpf.FindCompiler
	if h.headers().Status != OK && h.exists(kernelTypes) {
		find = bpf.FindClang
	}
	path, err := find(look)
	if err != nil {
		return Finding{Name: findClang, Status: Missing, Detail: err.Error() + "; only needed to build the legacy probe",
			Advice: "install clang and llvm, if the legacy probe is to be built"}
	}
	return Finding{Name: findClang, Status: OK, Detail: path}
}

// probe tells whether the legacy probe is built.
func (h *host) probe() Finding {
	paths, err := bpf.BuiltPaths(h.release)
	if err != nil {
		return Finding{Name: findProbe, Status: Unknown, Detail: err.Error()}
	}
	for _, path := range paths {
		if h.exists(path) {
			return Finding{Name: findProbe, Status: OK, Detail: builtFor + ": " + path}
		}
	}
	return Finding{Name: findProbe, Status: Missing, Detail: "there is none for this kernel and of this release; not needed where modern_bpf runs"}
}
