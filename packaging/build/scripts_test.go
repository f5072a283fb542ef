// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// host is a system that exists only for one maintainer script: its folders are
// moved below root, and the programs that it calls write down how they are called.
type host struct {
	t    *testing.T
	root string
}

// moved are the places that scripts touch.
var moved = []string{"/run/systemd/system", "/etc/systemd/system", "/etc/tiercel", "/var/lib/tiercel", "/var/cache/tiercel",
	"/var/log/tiercel", "/var/spool/tiercel", "/sys/module/tiercel", "/usr/lib/dkms", "/var/lib/dkms/tiercel/*", "/lib/modules"}

// newHost makes a system, and the scripts.
func newHost(t *testing.T) *host {
	t.Helper()
	h := &host{t, t.TempDir()}
	s := &stage{options: &options{sources: "../..", version: versions{Pkg: "1.2.3"}}, dir: h.root}
	if err := s.scripts(); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{"/etc/systemd/system/multi-user.target.wants", "/etc/tiercel/rules.d", "/bin"} {
		h.dir(p)
	}
	for _, name := range []string{"systemctl", "deb-systemd-helper", "deb-systemd-invoke", "rc-service", "rc-update", "dkms"} {
		h.program(name, "")
	}
	h.program("tiercel", "")
	h.program("systemctl", `case "$2" in is-active | is-failed) [ -e "$ROOT/$2-$3" ] ;; esac`)
	h.program("deb-systemd-helper", `[ "$1" != enable ] || ln -s "/lib/systemd/system/$2" "$ROOT/etc/systemd/system/tiercel.service"`)
	return h
}

func (h *host) dir(path string) {
	if err := os.MkdirAll(h.root+path, 0o755); err != nil {
		h.t.Fatal(err)
	}
}

func (h *host) file(path, text string) {
	h.dir(filepath.Dir(path))
	if err := os.WriteFile(h.root+path, []byte(text), 0o755); err != nil {
		h.t.Fatal(err)
	}
}

// program makes a program that writes down its call, and then does what body says.
func (h *host) program(name, body string) {
	h.file("/bin/"+name, "#!/bin/sh\necho \""+name+" $*\" >>\"$ROOT/calls\"\n"+body+"\n")
}

// withSystemd makes systemd the init that runs.
func (h *host) withSystemd() *host { h.dir("/run/systemd/system"); return h }

// running makes a unit active.
func (h *host) running(unit string) *host { h.file("/is-active-"+unit, ""); return h }

// failed makes a unit one that systemd gave up.
func (h *host) failed(unit string) *host { h.file("/is-failed-"+unit, ""); return h }

// enabled makes the alias that stands for the chosen driver.
func (h *host) enabled(unit string) *host {
	if err := os.Symlink("/usr/lib/systemd/system/"+unit, h.root+"/etc/systemd/system/tiercel.service"); err != nil {
		h.t.Fatal(err)
	}
	return h
}

// brokenRules makes the agent refuse what is installed.
func (h *host) brokenRules() *host {
	h.program("tiercel", "echo 'reading rules'\necho 'Error: my.yaml:3: there is no macro spawned' >&2\nexit 1")
	return h
}

// runs runs a script and returns what it calls, without questions, and what it says.
func (h *host) runs(script string, env []string, args ...string) (calls, says []string) {
	h.t.Helper()
	text, err := os.ReadFile(filepath.Join(h.root, "scripts", script+".sh"))
	if err != nil {
		h.t.Fatal(err)
	}
	body := string(text)
	for _, p := range moved {
		body = strings.ReplaceAll(body, p, h.root+p)
	}
	h.file("/script", body)
	c := exec.Command("sh", append([]string{h.root + "/script"}, args...)...)
	c.Env = append([]string{"ROOT=" + h.root, "PATH=" + h.root + "/bin:" + os.Getenv("PATH")}, env...)
	out, err := c.CombinedOutput()
	if err != nil {
		h.t.Errorf("%s %s fails, and with it the package manager: %v\n%s", script, strings.Join(args, " "), err, out)
	}
	log, _ := os.ReadFile(h.root + "/calls")
	os.Remove(h.root + "/calls")
	for _, line := range lines(string(log)) {
		if !strings.Contains(line, " --quiet ") && !strings.Contains(line, "dkms status") {
			calls = append(calls, line)
		}
	}
	return calls, lines(string(out))
}

func lines(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == '\n' })
}

// does checks calls (all of want, in order, and nothing that is like one of never)
// and that the one message has the words; no words: that nothing is said.
func does(t *testing.T, calls, says []string, words string, want ...string) {
	t.Helper()
	if got := strings.Join(calls, "; "); got != strings.Join(want, "; ") {
		t.Errorf("it does\n  %s\nwant\n  %s", got, strings.Join(want, "; "))
	}
	switch {
	case words == "" && len(says) > 0:
		t.Errorf("it says %q", says)
	case words != "" && (len(says) != 1 || !strings.Contains(says[0], words)):
		t.Errorf("it says %q, want one line with %q", says, words)
	}
}

const (
	reload = "systemctl --system daemon-reload"
	check  = "tiercel --dry-run"
	// A unit that is gone must not stand in the list of those that failed.
	resetFailed = "systemctl --system reset-failed tiercel-auto.service tiercel-modern-bpf.service tiercel-kmod.service tiercel-bpf.service"
)

func TestDebInstalledForTheFirstTime(t *testing.T) {
	t.Run("without systemd the driver is chosen, and that is all", func(t *testing.T) {
		calls, says := newHost(t).runs("deb.postinst", nil, "configure", "")
		does(t, calls, says, "", "deb-systemd-helper enable tiercel-auto.service")
	})
	t.Run("with systemd it is checked and started", func(t *testing.T) {
		calls, says := newHost(t).withSystemd().runs("deb.postinst", nil, "configure", "")
		does(t, calls, says, "", "deb-systemd-helper enable tiercel-auto.service", reload, check, "deb-systemd-invoke start tiercel-auto.service")
	})
	t.Run("TIERCEL_DRIVER chooses", func(t *testing.T) {
		for driver, unit := range map[string]string{"kmod": "kmod", "bpf": "bpf", "modern_bpf": "modern-bpf", "modern-bpf": "modern-bpf", "auto": "auto"} {
			calls, says := newHost(t).runs("deb.postinst", []string{"TIERCEL_DRIVER=" + driver}, "configure", "")
			does(t, calls, says, "", "deb-systemd-helper enable tiercel-"+unit+".service")
		}
	})
	t.Run("a driver that is none is said, and auto taken", func(t *testing.T) {
		calls, says := newHost(t).runs("deb.postinst", []string{"TIERCEL_DRIVER=ebpf; rm -rf /"}, "configure", "")
		does(t, calls, says, "is none of auto, modern_bpf, kmod, bpf", "deb-systemd-helper enable tiercel-auto.service")
	})
	t.Run("interrupted and configured again it goes on where it was", func(t *testing.T) {
		h := newHost(t).withSystemd().enabled("tiercel-kmod.service")
		calls, says := h.runs("deb.postinst", nil, "configure", "")
		does(t, calls, says, "", reload, check, "deb-systemd-invoke start tiercel-kmod.service")
	})
	t.Run("a configuration left behind that is broken is no reason to fail", func(t *testing.T) {
		calls, says := newHost(t).withSystemd().enabled("tiercel-auto.service").brokenRules().runs("deb.postinst", nil, "configure", "")
		does(t, calls, says, "not started: the configuration or rules do not load. Error: my.yaml:3: there is no macro spawned.", reload, check)
	})
	t.Run("a service that cannot be enabled: the message says how, with the driver that was named", func(t *testing.T) {
		h := newHost(t)
		h.program("deb-systemd-helper", "exit 1")
		calls, says := h.runs("deb.postinst", []string{"TIERCEL_DRIVER=kmod"}, "configure", "")
		does(t, calls, says, "systemctl enable --now tiercel-kmod.service", "deb-systemd-helper enable tiercel-kmod.service")
	})
	t.Run("masked before, it is not started", func(t *testing.T) {
		h := newHost(t).withSystemd()
		if err := os.Symlink("/dev/null", h.root+"/etc/systemd/system/tiercel.service"); err != nil {
			t.Fatal(err)
		}
		calls, says := h.runs("deb.postinst", nil, "configure", "")
		does(t, calls, says, "", reload)
	})
	t.Run("a kernel without any driver neither", func(t *testing.T) {
		h := newHost(t).withSystemd().enabled("tiercel-auto.service")
		h.program("deb-systemd-invoke", "exit 1")
		calls, says := h.runs("deb.postinst", nil, "configure", "")
		does(t, calls, says, "tiercel driver doctor", reload, check, "deb-systemd-invoke start tiercel-auto.service")
	})
}

func TestDebUpgraded(t *testing.T) {
	t.Run("a service that does not run is left alone", func(t *testing.T) {
		calls, says := newHost(t).withSystemd().enabled("tiercel-auto.service").runs("deb.postinst", nil, "configure", "1.0-1")
		does(t, calls, says, "", reload)
	})
	t.Run("a running one is restarted once the new agent has accepted the rules", func(t *testing.T) {
		h := newHost(t).withSystemd().enabled("tiercel-kmod.service").running("tiercel-kmod.service")
		calls, says := h.runs("deb.postinst", nil, "configure", "1.0-1")
		does(t, calls, says, "", reload, check, "deb-systemd-invoke restart tiercel-kmod.service")
	})
	t.Run("else the old one goes on, and one message says why", func(t *testing.T) {
		h := newHost(t).withSystemd().enabled("tiercel-kmod.service").running("tiercel-kmod.service").brokenRules()
		calls, says := h.runs("deb.postinst", nil, "configure", "1.0-1")
		does(t, calls, says, "the running service stays as it was. Error: my.yaml:3", reload, check)
	})
	t.Run("one that failed is tried again: the upgrade may be the remedy", func(t *testing.T) {
		h := newHost(t).withSystemd().enabled("tiercel-kmod.service").failed("tiercel-kmod.service")
		calls, says := h.runs("deb.postinst", nil, "configure", "1.0-1")
		does(t, calls, says, "", reload, check, "deb-systemd-invoke restart tiercel-kmod.service")
		calls, says = h.brokenRules().runs("deb.postinst", nil, "configure", "1.0-1")
		does(t, calls, says, "the service that failed before is not started. Error: my.yaml:3", reload, check)
	})
	t.Run("one that failed and is not the chosen one is left alone", func(t *testing.T) {
		h := newHost(t).withSystemd().enabled("tiercel-auto.service").failed("tiercel-kmod.service")
		calls, says := h.runs("deb.postinst", nil, "configure", "1.0-1")
		does(t, calls, says, "", reload)
	})
	t.Run("a check that does not end is said", func(t *testing.T) {
		h := newHost(t).withSystemd().enabled("tiercel-kmod.service").running("tiercel-kmod.service")
		h.program("timeout", "exit 124")
		calls, says := h.runs("deb.postinst", nil, "configure", "1.0-1")
		does(t, calls, says, "stays as it was. tiercel --dry-run did not end within two minutes.", reload, "timeout 120 tiercel --dry-run")
	})
	t.Run("before it, nothing is stopped", func(t *testing.T) {
		calls, says := newHost(t).withSystemd().running("tiercel-kmod.service").runs("deb.prerm", nil, "upgrade", "2.0-1")
		does(t, calls, says, "")
		calls, says = newHost(t).withSystemd().runs("deb.postrm", nil, "upgrade", "2.0-1")
		does(t, calls, says, "")
	})
	t.Run("given up for lack of space, what runs goes on untouched", func(t *testing.T) {
		h := newHost(t).withSystemd().enabled("tiercel-kmod.service").running("tiercel-kmod.service")
		calls, says := h.runs("deb.postinst", nil, "abort-upgrade", "2.0-1")
		does(t, calls, says, "", reload)
	})
	t.Run("a removal that is given up starts again what it stopped", func(t *testing.T) {
		calls, says := newHost(t).withSystemd().enabled("tiercel-kmod.service").runs("deb.postinst", nil, "abort-remove")
		does(t, calls, says, "", reload, check, "deb-systemd-invoke start tiercel-kmod.service")
	})
	t.Run("a driver that was switched off stays off", func(t *testing.T) {
		calls, says := newHost(t).runs("deb.postinst", []string{"TIERCEL_DRIVER=kmod"}, "configure", "1.0-1")
		does(t, calls, says, "")
	})
}

func TestDebRemovedAndPurged(t *testing.T) {
	h := newHost(t).withSystemd().enabled("tiercel-auto.service").running("tiercel-auto.service")
	h.file("/etc/tiercel/rules.d/mine.yaml", "")
	h.dir("/sys/module/tiercel")
	calls, says := h.runs("deb.prerm", nil, "remove")
	does(t, calls, says, "", "deb-systemd-invoke stop tiercel-auto.service tiercel-modern-bpf.service tiercel-kmod.service tiercel-bpf.service",
		"tiercel driver unload kmod")
	calls, says = h.runs("deb.postrm", nil, "remove")
	does(t, calls, says, "", resetFailed, reload)
	if _, err := os.Stat(h.root + "/etc/tiercel/rules.d/mine.yaml"); err != nil {
		t.Errorf("removing took the administrator's rules: %v", err)
	}

	t.Run("installed again it starts again", func(t *testing.T) {
		calls, says := h.runs("deb.postinst", nil, "configure", "1.0-1")
		does(t, calls, says, "", reload, check, "deb-systemd-invoke start tiercel-auto.service")
	})
	h.runs("deb.postrm", nil, "remove")
	h.file("/var/lib/tiercel/6.1.0/tiercel.ko", "")
	h.file("/etc/systemd/system/multi-user.target.wants/tiercel-auto.service", "")
	for _, time := range []string{"once", "and twice"} {
		t.Run("purged nothing is left: "+time, func(t *testing.T) {
			calls, says := h.runs("deb.postrm", nil, "purge")
			does(t, calls, says, "", "deb-systemd-helper purge tiercel-auto.service tiercel-modern-bpf.service tiercel-kmod.service tiercel-bpf.service", resetFailed, reload)
			for _, p := range []string{"/etc/tiercel", "/var/lib/tiercel", "/etc/systemd/system/tiercel.service", "/etc/systemd/system/multi-user.target.wants/tiercel-auto.service"} {
				if _, err := os.Lstat(h.root + p); err == nil {
					t.Errorf("%s is left", p)
				}
			}
		})
	}
}

func TestRPMFollowsPresetsUnlessADriverIsNamed(t *testing.T) {
	disabled := `[ "$2" != is-enabled ]`
	h := newHost(t).withSystemd()
	h.program("systemctl", disabled)
	calls, says := h.runs("rpm.post", nil, "1")
	does(t, calls, says, "systemctl enable --now tiercel-auto.service", "systemctl --no-reload preset tiercel-auto.service", "systemctl daemon-reload")

	calls, says = newHost(t).withSystemd().runs("rpm.post", []string{"TIERCEL_DRIVER=kmod"}, "1")
	does(t, calls, says, "", "systemctl --no-reload enable tiercel-kmod.service", "systemctl daemon-reload", check, "systemctl start tiercel-kmod.service")

	t.Run("in an image nothing is started", func(t *testing.T) {
		calls, says := newHost(t).runs("rpm.post", nil, "1")
		does(t, calls, says, "", "systemctl --no-reload preset tiercel-auto.service")
	})
}

func TestRPMUpgradedAndErased(t *testing.T) {
	calls, says := newHost(t).withSystemd().running("tiercel-bpf.service").runs("rpm.post", nil, "2")
	does(t, calls, says, "", "systemctl daemon-reload", check, "systemctl restart tiercel-bpf.service")
	calls, says = newHost(t).withSystemd().running("tiercel-bpf.service").brokenRules().runs("rpm.post", nil, "2")
	does(t, calls, says, "the running service stays as it was", "systemctl daemon-reload", check)
	calls, says = newHost(t).withSystemd().enabled("tiercel-bpf.service").failed("tiercel-bpf.service").runs("rpm.post", nil, "2")
	does(t, calls, says, "", "systemctl daemon-reload", check, "systemctl restart tiercel-bpf.service")
	calls, says = newHost(t).withSystemd().enabled("tiercel-bpf.service").runs("rpm.post", nil, "2")
	does(t, calls, says, "", "systemctl daemon-reload")
	calls, says = newHost(t).withSystemd().running("tiercel-bpf.service").runs("rpm.preun", nil, "1")
	does(t, calls, says, "")

	h := newHost(t).withSystemd().enabled("tiercel-bpf.service").running("tiercel-bpf.service")
	h.file("/var/lib/tiercel/x", "")
	calls, _ = h.runs("rpm.preun", nil, "0")
	if got := strings.Join(calls, "; "); !strings.Contains(got, "systemctl --no-reload disable tiercel-bpf.service; systemctl stop tiercel-bpf.service") {
		t.Errorf("erasing does %s", got)
	}
	h.runs("rpm.postun", nil, "0")
	for _, p := range []string{"/var/lib/tiercel", "/etc/systemd/system/tiercel.service"} {
		if _, err := os.Lstat(h.root + p); err == nil {
			t.Errorf("%s is left", p)
		}
	}
	if _, err := os.Stat(h.root + "/etc/tiercel"); err != nil {
		t.Errorf("the configuration is gone: %v", err)
	}
}

func TestTheModulesPackageIsWholeWithoutAModule(t *testing.T) {
	t.Run("no headers", func(t *testing.T) {
		calls, says := newHost(t).runs("dkms.rpm.post", nil, "1")
		does(t, calls, says, "there are no kernel headers", "dkms add -m tiercel -v 1.2.3")
	})
	t.Run("a build that fails", func(t *testing.T) {
		h := newHost(t)
		h.file("/lib/modules/6.1.0/build/Makefile", "")
		h.program("dkms", `[ "$1" != install ]`)
		calls, says := h.runs("dkms.rpm.post", nil, "1")
		does(t, calls, says, "could not be built for kernel 6.1.0", "dkms add -m tiercel -v 1.2.3", "dkms install -m tiercel -v 1.2.3 -k 6.1.0")
	})
	t.Run("a build that fails in the steps of Debian's DKMS", func(t *testing.T) {
		h := newHost(t)
		h.file("/usr/lib/dkms/common.postinst", "#!/bin/sh\nexit 10\n")
		calls, says := h.runs("dkms.deb.postinst", nil, "configure", "")
		does(t, calls, says, "/var/lib/dkms/tiercel/1.2.3/build/make.log")
	})
	t.Run("a kernel that is too old for it is no failure", func(t *testing.T) {
		h := newHost(t)
		h.file("/lib/modules/4.19.0/build/Makefile", "")
		h.file("/lib/modules/6.1.0/build/Makefile", "")
		h.program("dkms", `case "$*" in *4.19.0) exit 77 ;; esac`)
		calls, says := h.runs("dkms.rpm.post", nil, "1")
		does(t, calls, says, "kernel 4.19.0 is older than 5.10", "dkms add -m tiercel -v 1.2.3",
			"dkms install -m tiercel -v 1.2.3 -k 4.19.0", "dkms install -m tiercel -v 1.2.3 -k 6.1.0")
	})
	t.Run("an upgrade that dpkg gives up brings back the module that it took away", func(t *testing.T) {
		for _, action := range []string{"abort-upgrade", "abort-remove", "abort-deconfigure"} {
			h := newHost(t)
			h.file("/lib/modules/6.1.0/build/Makefile", "")
			calls, says := h.runs("dkms.deb.postinst", nil, action, "2.0-1")
			does(t, calls, says, "", "dkms add -m tiercel -v 1.2.3", "dkms install -m tiercel -v 1.2.3 -k 6.1.0")
		}
	})
	t.Run("upgraded, the version before makes room", func(t *testing.T) {
		h := newHost(t)
		h.file("/var/lib/dkms/tiercel/1.2.2/source/dkms.conf", "")
		h.file("/var/lib/dkms/tiercel/1.2.3/source/dkms.conf", "")
		h.file("/lib/modules/6.1.0/build/Makefile", "")
		calls, says := h.runs("dkms.rpm.post", nil, "2")
		does(t, calls, says, "", "dkms remove -m tiercel -v 1.2.2 --all", "dkms add -m tiercel -v 1.2.3", "dkms install -m tiercel -v 1.2.3 -k 6.1.0")
		calls, says = h.runs("dkms.rpm.preun", nil, "1")
		does(t, calls, says, "")
	})
	t.Run("removed", func(t *testing.T) {
		for _, action := range []string{"remove", "upgrade"} {
			h := newHost(t)
			h.program("dkms", `echo "tiercel/1.2.3: added"`)
			calls, says := h.runs("dkms.deb.prerm", nil, action)
			does(t, calls, says, "", "dkms remove -m tiercel -v 1.2.3 --all")
		}
	})
}

func TestScriptsAreCleanForEveryShell(t *testing.T) {
	h := newHost(t)
	scripts, err := filepath.Glob(h.root + "/scripts/*.sh")
	if err != nil || len(scripts) < 10 {
		t.Fatal(scripts, err)
	}
	tools := [][]string{{"sh", "-n"}, {"bash", "-n"}, {"busybox", "sh", "-n"}, {"shellcheck", "-s", "sh"}}
	for _, tool := range tools {
		if _, err := exec.LookPath(tool[0]); err != nil {
			t.Logf("%s is not installed: scripts are not checked with it", tool[0])
			continue
		}
		for _, s := range append(scripts, "../openrc/tiercel.initd") {
			if tool[0] == "shellcheck" && strings.HasSuffix(s, ".initd") {
				continue // openrc-run gives it its variables
			}
			if out, err := exec.Command(tool[0], append(tool[1:], s)...).CombinedOutput(); err != nil {
				t.Errorf("%s: %v\n%s", fmt.Sprint(tool, filepath.Base(s)), err, out)
			}
		}
	}
}

// What is mounted below the package's folders may be somebody's evidence.
func TestWhatIsMountedIsLeftAndNamed(t *testing.T) {
	for script, arg := range map[string]string{"deb.postrm": "purge", "rpm.postun": "0"} {
		t.Run(script, func(t *testing.T) {
			h := newHost(t)
			captures := h.root + "/var/lib/tiercel/captures"
			h.dir("/var/lib/tiercel/captures")
			if err := syscall.Mount("tmpfs", captures, "tmpfs", 0, "size=64k"); err != nil {
				t.Skipf("needs to mount: %v", err)
			}
			t.Cleanup(func() { _ = syscall.Unmount(captures, syscall.MNT_DETACH) })
			h.file("/var/lib/tiercel/captures/evidence.scap", "")
			h.file("/var/lib/tiercel/6.1/probe.o", "")
			_, says := h.runs(script, nil, arg)
			if len(says) != 1 || !strings.Contains(says[0], captures) {
				t.Errorf("it says %q", says)
			}
			if !exists(captures+"/evidence.scap") || exists(h.root+"/var/lib/tiercel/6.1") {
				t.Error("it took what is mounted, or left what is not")
			}
		})
	}
}
