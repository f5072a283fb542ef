// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/tiercel/tiercel/kmod"
)

func modulePlace() string { return "/lib/modules/" + release() + "/extra/tiercel.ko" }

// moduleCommands loads the module as a user does, after going through what can
// be in the way. At its end the module is loaded.
func moduleCommands() error {
	for _, f := range []func() error{unbuildable, notOurFiles, readOnly, inPod, otherVersions, loadAndUnload} {
		if err := f(); err != nil {
			return err
		}
	}
	return nil
}

// unbuildable is a host without headers and compilers, as this machine is one.
func unbuildable() error {
	build := "/lib/modules/" + release() + "/build"
	err := steps(
		step{"driver status", false, "built, not loaded (tiercel driver load kmod)"},
		step{"driver build kmod", true, "kernel headers: no /lib/modules/"},
		step{"driver build kmod --force", true, "no kernel headers in " + build},
		step{"driver build bpf", true, "clang 14 or newer is not installed"},
		step{"driver load kmod --build --file /tmp/none.ko", true, "no such file"},
	)
	if err != nil {
		return err
	}
	if _, err := os.Stat(kmod.StateDir); !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("a build that failed leaves %s behind", kmod.StateDir)
	}
	if err := os.MkdirAll(build, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(build+"/Makefile", nil, 0o644); err != nil {
		return err
	}
	err = steps(
		step{"driver build kmod", true, "module compiler: no make, no gcc"},
		step{"driver build kmod --force", true, "make is not installed; install make and gcc"},
	)
	return errors.Join(err, os.RemoveAll(build))
}

// notOurFiles are what a user may take for the module.
func notOurFiles() error {
	ours, err := kmod.ReadFile(modulePlace())
	if err != nil {
		return err
	}
	schema := ours.Schema
	b, err := os.ReadFile(modulePlace())
	if err != nil {
		return err
	}
	module := string(b)
	for name, text := range map[string]string{
		"text":    "no module",
		"stale":   strings.Replace(module, "schema="+schema, "schema=-"+schema[1:], 1),
		"foreign": strings.Replace(module, "vermagic="+release()[:4], "vermagic=9.99"[:9+4], 1),
	} {
		if text == module {
			return fmt.Errorf("%s is the module itself", name)
		}
		if err := os.WriteFile("/tmp/"+name+".ko", []byte(text), 0o644); err != nil {
			return err
		}
	}
	return steps(
		step{"driver load kmod --file /tmp/none.ko", true, "no such file"},
		step{"driver load kmod --file /tmp/text.ko", true, "is no kernel module"},
		step{"driver load kmod --file /tmp/stale.ko", true, "is of another version"},
		step{"driver load kmod --file /tmp/foreign.ko", true, "was built for the kernel 9.99"},
		step{"driver load kmod --file /modules/other-api.ko", true, "is of another version (vmtest: interface 9" + ours.API + ","},
		step{"driver load kmod --file /modules/other-schema.ko", true, "is of another version (vmtest: interface " + ours.API + ", events -"},
		step{"driver load kmod --file /modules/foreign.ko", true, "is of another version"},
	)
}

// readOnly is an image-based host: a module that is there is used, a new one
// goes where the user says.
func readOnly() error {
	if err := os.MkdirAll(filepath.Dir(kmod.StateDir), 0o755); err != nil {
		return err
	}
	for _, dir := range []string{"/lib/modules", "/var/lib"} {
		if err := unix.Mount(dir, dir, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("mount %s: %w", dir, err)
		}
		defer func() { _ = unix.Unmount(dir, 0) }()
		if err := unix.Mount("", dir, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
			return fmt.Errorf("make %s read-only: %w", dir, err)
		}
	}
	return steps(
		step{"driver build kmod --force", true, "mkdir /var/lib/tiercel: read-only file system; choose another with --output"},
		step{"driver build bpf", true, "read-only file system; choose another with --output"},
		step{"driver build kmod --force -o /lib/modules/tiercel.ko", true, "/lib/modules cannot be written"},
		step{"driver load kmod", false, "loaded " + modulePlace()},
		step{"--driver kmod -M 1 -o log_syslog=false", false, ""},
		step{"driver unload kmod", false, "unloaded the module"},
	)
}

// inPod is the init container of a pod: it may load modules, and its /dev is its
// own. The agent, whose /dev has the device, takes the module then.
func inPod() error {
	if err := unix.Mount("own", "/dev", "tmpfs", 0, ""); err != nil {
		return err
	}
	null := unix.Mknod("/dev/null", unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3))) // standard input of commands
	err := errors.Join(null, steps(
		step{"driver load kmod", false, "loaded " + modulePlace() + "; its device is not in this container's /dev"},
		step{"driver load kmod", false, "is loaded already; its device is not in this container's /dev"},
		step{"--driver kmod -M 1 -o log_syslog=false", true, "its device is not in this /dev"},
	))
	if err := errors.Join(err, unix.Unmount("/dev", unix.MNT_DETACH)); err != nil {
		return err
	}
	return steps(
		step{"--driver kmod -M 1 -o log_syslog=false", false, ""},
		step{"driver unload kmod", false, "unloaded the module"},
	)
}

// otherVersions are modules that are loaded already, and not for this agent: it
// says so, does not touch them, and goes on with another driver where it is told to.
func otherVersions() error {
	const fallback = "--driver kmod -M 1 -o log_syslog=false -o log_stderr=true -o engine.fallback[]=modern_bpf"
	ours, err := kmod.ReadFile(modulePlace())
	if err != nil {
		return err
	}
	for name, says := range map[string]string{
		"other-api":    "the loaded module is of another version (vmtest: interface 9" + ours.API + ",",
		"other-schema": "the loaded module is of another version (vmtest: interface " + ours.API + ", events -",
		"foreign":      "it is somebody else's",
	} {
		if err := kmod.Load("/modules/" + name + ".ko"); err != nil {
			return err
		}
		if err := steps(
			step{"driver status", false, says},
			step{"driver load kmod", true, says},
			step{"--driver kmod -M 1", true, says},
			step{fallback, false, "Driver chosen: modern_bpf, in place of kmod (engine.fallback)"},
			step{fallback, false, says},
			step{"driver doctor", false, "auto would take modern_bpf"},
			step{"driver unload kmod", false, "unloaded the module"},
		); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return steps(
		step{"--driver kmod -M 1", true, "the kernel module is not loaded; load it with tiercel driver load kmod"},
		step{fallback, false, "The driver kmod cannot run here: open kmod: /dev/tiercel: the kernel module is not loaded; load it with tiercel driver load kmod"},
	)
}

func loadAndUnload() error {
	return steps(
		step{"driver unload kmod", false, "is not loaded"},
		step{"driver load kmod", false, "loaded " + modulePlace()},
		step{"driver load kmod", false, "loaded already"},
		step{"driver status", false, "loaded, version"},
		step{"driver doctor", false, "auto would take modern_bpf"},
		step{"driver unload kmod", false, "unloaded the module"},
		step{"driver load kmod --build", false, "loaded " + modulePlace()},
	)
}

// moduleRefused is a kernel that takes no unsigned module any more, and then no
// module at all: neither can be taken back before the next boot.
func moduleRefused() error {
	const fallback = "--driver kmod -M 1 -o log_syslog=false -o log_stderr=true -o engine.fallback[]=modern_bpf"
	for _, c := range []struct{ file, finding, why string }{
		{"/sys/module/module/parameters/sig_enforce", "module signatures: required (sig_enforce)", "takes signed modules only"},
		{"/proc/sys/kernel/modules_disabled", "loadable modules: switched off until the next boot (kernel.modules_disabled)", "needs CAP_SYS_MODULE"},
	} {
		if err := os.WriteFile(c.file, []byte("1"), 0o644); err != nil {
			return err
		}
		if err := steps(
			step{"driver build kmod", true, c.finding},
			step{"driver load kmod", true, c.finding},
			step{"driver load kmod", true, c.why},
			step{"driver doctor", false, "auto would take modern_bpf"},
			step{"--driver kmod -M 1", true, "the kernel module is not loaded"},
			step{fallback, false, "in place of kmod (engine.fallback)"},
		); err != nil {
			return err
		}
	}
	return nil
}
