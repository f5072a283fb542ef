// SPDX-License-Identifier: Apache-2.0

package drivers

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/tiercel/tiercel/bpf"
)

// files is a host: paths and what they hold.
type files map[string]string

const privileged = "CapEff:\t000001ffffffffff\n"

// builtProbe is where the legacy probe for that host is.
var builtProbe, _ = bpf.BuiltPath("6.1.0-9")

// usual is a host of a current distribution with all drivers, seen by root.
func usual() files {
	return files{
		builtProbe:                                  "x",
		"/usr/bin/clang-14":                         "#!",
		"/usr/bin/opt-14":                           "#!",
		"/usr/bin/llc-14":                           "#!",
		"/proc/self/status":                         privileged,
		"/proc/cmdline":                             "quiet splash",
		"/proc/modules":                             "ext4 1 0 - Live 0x0",
		"/proc/sys/kernel/modules_disabled":         "0",
		"/proc/sys/abi/vsyscall32":                  "1",
		"/sys/kernel/security/lockdown":             "[none] integrity confidentiality",
		"/sys/kernel/security/lsm":                  "lockdown,capability,bpf",
		"/sys/module/module/parameters/sig_enforce": "N",
		"/lib/modules/6.1.0-9/build/Makefile":       "all:",
		"/usr/bin/make":                             "#!",
		"/usr/bin/gcc":                              "#!",
		"/sys/module/tiercel/version":               "1.0",
	}
}

// with returns f with other contents; an empty text removes a file.
func (f files) with(path, text string) files {
	f[path] = text
	if text == "" {
		delete(f, path)
	}
	return f
}

// notLoaded is that host without the module.
func notLoaded() files { return usual().with("/sys/module/tiercel/version", "") }

func (f files) host(t *testing.T) *host {
	t.Helper()
	root := t.TempDir()
	for path, text := range f {
		full := filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return newHost(root, "6.1.0-9", "#1 SMP PREEMPT_DYNAMIC Debian", "x86_64")
}

// kernel answers as configured: all that is asked for of a name fails with
// that error.
type kernel map[string]error

func (k kernel) types() (int64, error)                { return 5 << 20, k["types"] }
func (k kernel) mapType(t ebpf.MapType) error         { return cmpErr(k[t.String()], k["bpf"]) }
func (k kernel) programType(t ebpf.ProgramType) error { return cmpErr(k[t.String()], k["bpf"]) }
func (k kernel) program(t ebpf.ProgramType, a ebpf.AttachType, to string) error {
	return cmpErr(k[to], k[a.String()], k["bpf"])
}

func cmpErr(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func opens(string) error { return nil }

func TestAHostThatOffersEverythingRunsTheModernProbe(t *testing.T) {
	d := diagnose(usual().host(t), kernel{}, opens)
	for _, f := range d.Findings {
		if f.Status != OK {
			t.Errorf("%+v", f)
		}
		if f.Name == "" || f.Detail == "" {
			t.Errorf("finding says nothing: %+v", f)
		}
	}
	if d.Chosen != ModernBPF || d.Driver(ModernBPF).Status != OK {
		t.Errorf("chosen %q because %s", d.Chosen, d.Why)
	}
	for _, v := range d.Drivers {
		if v.Status != OK || v.Advice != "" {
			t.Errorf("%+v", v)
		}
	}
}

func TestEachFindingIsMadeOnce(t *testing.T) {
	d := diagnose(usual().host(t), kernel{}, opens)
	seen := map[string]bool{}
	for _, f := range d.Findings {
		if seen[f.Name] {
			t.Errorf("%s is there twice", f.Name)
		}
		seen[f.Name] = true
	}
	for kind, names := range requirement {
		for _, n := range names {
			if !seen[n] {
				t.Errorf("%s requires %q, which nothing finds out", kind, n)
			}
		}
	}
}

func TestFindingsFollowTheHost(t *testing.T) {
	const config = "/lib/modules/6.1.0-9/config"
	for _, c := range []struct {
		name    string
		files   files
		kernel  kernel
		finding string
		status  Status
		detail  string
	}{
		{"modules are switched off for good", usual().with("/proc/sys/kernel/modules_disabled", "1"), nil, findModules, Missing, "modules_disabled"},
		{"modules are switched off at boot", usual().with("/proc/cmdline", "quiet nomodule"), nil, findModules, Missing, "nomodule"},
		{"an option of init is none of the kernel", usual().with("/proc/cmdline", "quiet -- nomodule"), nil, findModules, OK, "built in"},
		{"a kernel without modules", usual().with("/proc/modules", ""), nil, findModules, Missing, "without modules"},
		{"lockdown lets only signed modules in", usual().with("/sys/kernel/security/lockdown", "none [integrity] confidentiality"), nil, findSigned, Missing, "lockdown"},
		{"lockdown for integrity does not stop eBPF", usual().with("/sys/kernel/security/lockdown", "none [integrity] confidentiality"), nil, findLocked, OK, "integrity"},
		{"lockdown for confidentiality does", usual().with("/sys/kernel/security/lockdown", "none integrity [confidentiality]"), nil, findLocked, Missing, "confidentiality"},
		{"no securityfs", usual().with("/sys/kernel/security/lockdown", ""), nil, findLocked, Unknown, "cannot be read"},
		{"lockdown is not built in", usual().with("/sys/kernel/security/lockdown", "").with(config, "CONFIG_MODULES=y\n# CONFIG_SECURITY_LOCKDOWN_LSM is not set\n"), nil, findLocked, OK, "not in this kernel"},
		{"signatures are enforced", usual().with("/sys/module/module/parameters/sig_enforce", "Y"), nil, findSigned, Missing, "sig_enforce"},
		{"signatures are enforced by the build", usual().with("/sys/module/module/parameters/sig_enforce", "").with(config, "CONFIG_MODULE_SIG_FORCE=y"), nil, findSigned, Missing, "CONFIG_MODULE_SIG_FORCE"},
		{"nothing tells about signatures", usual().with("/sys/module/module/parameters/sig_enforce", ""), nil, findSigned, Unknown, "neither"},
		{"no headers", usual().with("/lib/modules/6.1.0-9/build/Makefile", ""), nil, findHeaders, Missing, "/lib/modules/6.1.0-9/build"},
		{"Secure Boot is why", usual().with("/sys/kernel/security/lockdown", "none [integrity] confidentiality").with("/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c", "\x06\x00\x00\x00\x01"), nil, findSigned, Missing, "lockdown, Secure Boot is on"},
		{"no compiler", usual().with("/usr/bin/gcc", ""), nil, findTools, Missing, "no gcc"},
		{"no clang", usual().with("/usr/bin/llc-14", ""), nil, findClang, Missing, "are not installed"},
		{"clang", usual(), nil, findClang, OK, "/usr/bin/clang-14"},
		{"clang alone is enough with BTF and without headers", usual().with("/usr/bin/llc-14", "").with("/lib/modules/6.1.0-9/build/Makefile", "").with(kernelTypes, "BTF"), nil, findClang, OK, "/usr/bin/clang-14"},
		{"the probe is built from BTF", usual().with(builtProbe, "").with(strings.TrimSuffix(builtProbe, ".o")+"-btf.o", "x"), nil, findProbe, OK, "-btf.o"},
		{"DKMS failed to build the module", notLoaded().with("/var/lib/dkms/tiercel/1.0/source/dkms.conf", "x").with("/var/lib/dkms/tiercel/1.0/build/make.log", "DKMS make.log for tiercel-1.0 for kernel 6.1.0-9 (x86_64)"), nil, findModule, Missing, "DKMS: tiercel/1.0 failed to build for this kernel; /var/lib/dkms/tiercel/1.0/build/make.log says why"},
		{"the probe is built", usual(), nil, findProbe, OK, "/var/lib/tiercel/6.1.0-9/probe-"},
		{"the probe is of another release", usual().with(builtProbe, "").with("/var/lib/tiercel/6.1.0-9/probe-000000000000.o", "x"), nil, findProbe, Missing, "there is none"},
		{"the module is loaded", usual(), nil, findModule, OK, "loaded, version 1.0"},
		{"the module is built", usual().with("/sys/module/tiercel/version", "").with("/lib/modules/6.1.0-9/extra/tiercel.ko", "x"), nil, findModule, Missing, "built for this kernel: /lib/modules/6.1.0-9/extra/tiercel.ko"},
		{"the module is built for another kernel", usual().with("/sys/module/tiercel/version", "").with("/var/lib/tiercel/6.1.0-8/tiercel.ko", "x"), nil, findModule, Missing, "there is none"},
		{"the module bpf is not active", usual().with("/sys/kernel/security/lsm", "capability"), nil, "BPF LSM", Missing, "not active"},
		{"nobody tells which modules are active", usual().with("/sys/kernel/security/lsm", ""), nil, "BPF LSM", Unknown, "cannot be read"},
		{"32-bit programs are switched off", usual().with("/proc/cmdline", "ia32_emulation=0").with(config, "CONFIG_IA32_EMULATION=y"), nil, "32-bit calls", Missing, "switched off"},
		{"32-bit programs are switched on again", usual().with("/proc/cmdline", "ia32_emulation=1").with(config, "CONFIG_IA32_EMULATION=y\nCONFIG_IA32_EMULATION_DEFAULT_DISABLED=y"), nil, "32-bit calls", OK, "64-bit meaning"},
		{"32-bit programs are not built in", usual().with(config, "CONFIG_MODULES=y"), nil, "32-bit calls", Missing, "not built in"},
		{"x32 is mentioned", usual().with(config, "CONFIG_IA32_EMULATION=y\nCONFIG_X86_X32_ABI=y"), nil, "32-bit calls", OK, "x32"},
		{"the preemption model is chosen on the command line", usual().with("/proc/cmdline", "preempt=full"), nil, "preemption", OK, "by the command line full"},
		{"debugfs knows the preemption model", usual().with("/sys/kernel/debug/sched/preempt", "none (voluntary) full"), nil, "preemption", OK, "now voluntary"},
		{"the build knows the preemption model", usual().with(config, "CONFIG_PREEMPT_VOLUNTARY=y"), nil, "preemption", OK, "by default voluntary"},
		{"no types", usual(), kernel{"types": os.ErrNotExist}, findBTF, Missing, "not exist"},
		{"a kernel before ring buffers", usual(), kernel{"RingBuf": ebpf.ErrNotSupported}, findRing, Missing, "since 5.8"},
		{"a security module refuses fentry", usual(), kernel{"do_sys_openat2": unix.EPERM}, "fentry", Missing, "although we have the capabilities"},
		{"without privilege nothing is known of eBPF", usual().with("/proc/self/status", "CapEff:\t0\n"), kernel{"bpf": unix.EPERM}, findRing, Unknown, "needs root"},
		{"the older capability is enough", usual().with("/proc/self/status", fmt.Sprintf("CapEff:\t%x\n", 1<<unix.CAP_SYS_ADMIN|1<<unix.CAP_SYS_PTRACE)), nil, findCaps, OK, "lacks CAP_BPF"},
		{"modules need a capability of their own", usual().with("/proc/self/status", fmt.Sprintf("CapEff:\t%x\n", 1<<unix.CAP_SYS_ADMIN)), nil, findCapMod, Missing, "may not"},
		{"memory is accounted to the cgroup", usual(), nil, "locked memory limit", OK, "does not matter"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := diagnose(c.files.host(t), c.kernel, opens)
			f := d.Finding(c.finding)
			if f == nil {
				t.Fatalf("no finding %q", c.finding)
			}
			if f.Status != c.status || !strings.Contains(f.Detail, c.detail) {
				t.Errorf("%+v, want %s and %q", *f, c.status, c.detail)
			}
		})
	}
}

func TestEBPFIsNotTriedWhereItMayReadNothing(t *testing.T) {
	const lockdown = "/sys/kernel/security/lockdown"
	for mode, want := range map[string]string{
		"[none] integrity confidentiality": "",
		"none [integrity] confidentiality": "",
		"none integrity [confidentiality]": "boot with lockdown=integrity, or load a signed module (kmod)",
		"":                                 "", // no securityfs: the kernel says it later
	} {
		err := readable(usual().with(lockdown, mode).host(t))
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v", mode, err)
		}
	}
}

func TestOldAndForeignKernelsAreTold(t *testing.T) {
	h := usual().host(t)
	for _, c := range []struct {
		release, machine string
		kernel, arch     Status
	}{
		{"5.10.0-46-amd64", "x86_64", OK, OK},
		{"5.4.0", "aarch64", Missing, OK},
		{"4.19.1", "x86_64", Missing, OK},
		{"next", "riscv64", Unknown, Missing},
	} {
		h.release, h.machine = c.release, c.machine
		d := diagnose(h, kernel{}, opens)
		if k, a := d.Finding("kernel"), d.Finding("architecture"); k.Status != c.kernel || a.Status != c.arch {
			t.Errorf("%s %s: %+v, %+v", c.release, c.machine, k, a)
		}
	}
}

func TestVerdictsNameWhatIsMissing(t *testing.T) {
	tries := func(answer error) (func(string) error, *int) {
		n := new(int)
		return func(string) error { *n++; return answer }, n
	}
	for _, c := range []struct {
		name   string
		files  files
		kernel kernel
		opens  error
		status Status
		reason string
		tried  int
		chosen string
	}{
		{"everything is there", usual(), nil, nil, OK, "opens and loads", 3, ModernBPF},
		{"no ring buffer: the module takes its place", usual(), kernel{"RingBuf": ebpf.ErrNotSupported}, nil, Missing, "lacks ring buffer", 2, Kmod},
		{"no ring buffer and no module", notLoaded(), kernel{"RingBuf": ebpf.ErrNotSupported}, nil, Missing, "lacks ring buffer", 1, BPF},
		{"only the module is there", usual().with(builtProbe, ""), kernel{"RingBuf": ebpf.ErrNotSupported}, nil, Missing, "lacks ring buffer", 1, Kmod},
		{"none is there", notLoaded().with(builtProbe, ""), kernel{"RingBuf": ebpf.ErrNotSupported}, nil, Missing, "lacks ring buffer", 0, ""},
		{"what is only useful is not needed", usual(), kernel{"sys_enter": unix.EPERM, "do_sys_openat2": unix.EPERM}, nil, OK, "opens", 3, ModernBPF},
		{"no privilege", notLoaded().with("/proc/self/status", "CapEff:\t0\n"), kernel{"bpf": unix.EPERM}, nil, Unknown, "without more privilege", 0, ""},
		{"an unreadable lockdown does not speak against it", usual().with("/sys/kernel/security/lockdown", ""), nil, nil, OK, "opens", 3, ModernBPF},
		{"it fails all the same", usual(), nil, errors.New("verifier\nsays no"), Missing, "verifier\nsays no", 3, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			try, n := tries(c.opens)
			d := diagnose(c.files.host(t), c.kernel, try)
			v := d.Driver(ModernBPF)
			if v.Status != c.status || !strings.Contains(v.Reason, c.reason) || *n != c.tried || d.Chosen != c.chosen {
				t.Errorf("%+v, tried %d times, chosen %q (%s)", *v, *n, d.Chosen, d.Why)
			}
			if d.Why == "" {
				t.Error("no reason for the choice")
			}
		})
	}
}

func TestTheVerdictOnTheModuleSaysWhatToDo(t *testing.T) {
	const locked = "/sys/kernel/security/lockdown"
	for _, c := range []struct {
		name           string
		files          files
		status         Status
		reason, advice string
	}{
		{"loaded", usual().with("/lib/modules/6.1.0-9/build/Makefile", "").with("/usr/bin/gcc", ""), OK, "opens and loads", ""},
		{"built", notLoaded().with("/lib/modules/6.1.0-9/extra/tiercel.ko", "x").with("/usr/bin/gcc", ""), Missing, "built but not loaded", "tiercel driver load kmod"},
		{"can be built", notLoaded(), Missing, "it can be built here", "tiercel driver build kmod, then tiercel driver load kmod"},
		{"no headers", notLoaded().with("/lib/modules/6.1.0-9/build/Makefile", ""), Missing, "lacks kernel headers", "install the headers"},
		{"no compiler", notLoaded().with("/usr/bin/make", ""), Missing, "lacks module compiler", "install make and gcc"},
		{"signatures come before building", notLoaded().with(locked, "none [integrity] confidentiality").with("/usr/bin/make", ""), Missing, "would be refused: module signatures", "sign the module"},
	} {
		v := diagnose(c.files.host(t), kernel{}, opens).Driver(Kmod)
		if v.Status != c.status || !strings.Contains(v.Reason, c.reason) || !strings.HasPrefix(v.Advice, c.advice) {
			t.Errorf("%s: %+v", c.name, *v)
		}
	}
}

func TestTheVerdictOnTheLegacyProbeSaysWhatToDo(t *testing.T) {
	for _, c := range []struct {
		name           string
		files          files
		kernel         kernel
		status         Status
		reason, advice string
	}{
		{"built", usual().with("/usr/bin/clang-14", ""), nil, OK, "opens and loads", ""},
		{"can be built", usual().with(builtProbe, ""), nil, Missing, "it can be built here", "tiercel driver build bpf"},
		{"no headers, but BTF", usual().with(builtProbe, "").with("/lib/modules/6.1.0-9/build/Makefile", ""), nil, Missing, "it can be built here", "tiercel driver build bpf"},
		{"neither headers nor BTF", usual().with(builtProbe, "").with("/lib/modules/6.1.0-9/build/Makefile", ""), kernel{"types": os.ErrNotExist}, Missing, "lacks kernel headers", "install the headers"},
		{"no clang", usual().with(builtProbe, "").with("/usr/bin/opt-14", ""), nil, Missing, "lacks probe compiler", "install clang and llvm"},
		{"no raw tracepoints", usual().with(builtProbe, ""), kernel{"RawTracepoint": ebpf.ErrNotSupported}, Missing, "lacks raw tracepoints, legacy probe", ""},
	} {
		v := diagnose(c.files.host(t), c.kernel, opens).Driver(BPF)
		if v.Status != c.status || !strings.Contains(v.Reason, c.reason) || !strings.HasPrefix(v.Advice, c.advice) {
			t.Errorf("%s: %+v", c.name, *v)
		}
	}
}

func TestTheTextNamesEveryFindingAndDriverInOneLineEach(t *testing.T) {
	d := diagnose(usual().with("/proc/modules", "").host(t), kernel{}, func(string) error { return errors.New("two\nlines") })
	var b bytes.Buffer
	if err := d.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(b.String(), "\n")
	find := func(name string, s Status) {
		n := 0
		for _, l := range lines {
			if strings.HasPrefix(l, name+"  ") && slices.Contains(strings.Fields(l[len(name):]), string(s)) {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%s %s stands in %d lines:\n%s", name, s, n, b.String())
		}
	}
	for _, f := range d.Findings {
		find(f.Name, f.Status)
	}
	for _, v := range d.Drivers {
		find(v.Driver, v.Status)
	}
	if !strings.Contains(b.String(), "two lines") || !strings.Contains(b.String(), "\n- loadable modules: use modern_bpf\n") {
		t.Error(b.String())
	}
}

func TestTheJSONHoldsTheSame(t *testing.T) {
	d := diagnose(usual().host(t), kernel{}, opens)
	var b bytes.Buffer
	if err := d.WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	var back Diagnosis
	if err := json.Unmarshal(b.Bytes(), &back); err != nil {
		t.Fatal(err)
	}
	if len(back.Findings) != len(d.Findings) || back.Chosen != d.Chosen || back.Drivers[0] != d.Drivers[0] || back.Findings[3] != d.Findings[3] {
		t.Errorf("%s", b.Bytes())
	}
}

// Whatever this host is, the doctor must answer.
func TestTheDoctorAnswersHere(t *testing.T) {
	var b bytes.Buffer
	if err := WriteDoctor(&b, true); err != nil {
		t.Fatal(err)
	}
	var d Diagnosis
	if err := json.Unmarshal(b.Bytes(), &d); err != nil {
		t.Fatal(err)
	}
	if f := d.Finding("kernel"); f == nil || !strings.Contains(f.Detail, "Linux ") || len(d.Drivers) != 3 || d.Why == "" {
		t.Errorf("%s", b.Bytes())
	}
	if os.Geteuid() == 0 {
		return
	}
	if v := d.Driver(ModernBPF); v.Status == Missing && d.Finding(findBTF).Status == OK {
		t.Errorf("missing for lack of privilege only: %+v", v)
	}
}
