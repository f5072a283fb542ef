// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

const (
	dir      = "/srv/pkgtest/"
	oldDeb   = dir + "old.deb"
	newDeb   = dir + "new.deb"
	alias    = "tiercel.service"
	auto     = "tiercel-auto.service"
	modern   = "tiercel-modern-bpf.service"
	kmod     = "tiercel-kmod.service"
	legacy   = "tiercel-bpf.service"
	conffile = "/etc/tiercel/tiercel.yaml"
)

// life is that of a package on a host: from apt install to purge.
var life = []step{
	{"the system before", func(g *guest) (err error) {
		g.before, err = takeInventory()
		return err
	}},
	{"install: the service runs and raises the first alert", firstAlert},
	{"the unit is enabled, has a status, and tiercel.service is its name", func(*guest) error {
		status, _ := run("systemctl status --no-pager -n 0 " + alias)
		out, _ := run("tiercel driver status")
		return errors.Join(is(alias, map[string]string{"Id": auto, "ActiveState": "active", "SubState": "running", "UnitFileState": "enabled", "Type": "notify"}),
			want(status, "modern_bpf: ", " rules, ", " system calls; alerts: "), want(out, "Service: auto (tiercel-auto.service), starts with the system, is running"))
	}},
	{"the administrator's rules and drop-in configuration are read", customise},
	{"active means that events flow", func(g *guest) error {
		for range 3 { // at once, and for one event only
			if _, err := run("systemctl restart " + alias); err != nil {
				return err
			}
			if err := g.sings(); err != nil {
				return err
			}
		}
		return nil
	}},
	{"an idle host: ready although nobody opens anything", idleStart},
	{"in the sandbox: users, programs and folders of others are known", identity},
	{"in the sandbox: containers of docker and of a user's podman have names", containers},
	{"in the sandbox: all outputs, captures and the spool are written", outputs},
	{"what it weighs", weight},
	{"reload: new rules, the same process", reload},
	{"reload of rules that do not load: refused, said, nothing changes", badReload},
	{"a hung agent is killed by the watchdog and comes back", hang},
	{"a killed agent comes back", killed},
	{"a unit that is started twice goes on as it was", startedTwice},
	{"a second unit takes over from the first, and back", secondUnit},
	{"driver set: modern_bpf, bpf, kmod, auto", switchDrivers},
	{"the legacy driver in a unit that Debian's kernel gives no perf buffers: one try, and what to do", noPerfBuffers},
	{"driver set: what is stopped stays stopped, what is disabled stays disabled", keepState},
	{"upgrade over a changed configuration keeps it", upgrade},
	{"remove: stopped, the configuration stays", remove},
	{"installed again, it runs again", func(g *guest) error {
		if _, err := run("dpkg -i --force-confold " + newDeb); err != nil {
			return err
		}
		return errors.Join(is(alias, map[string]string{"ActiveState": "active"}), g.sings())
	}},
	{"purge: nothing is left", func(g *guest) error {
		if _, err := run("dpkg --purge tiercel"); err != nil {
			return err
		}
		now, err := takeInventory()
		if err != nil {
			return err
		}
		out, _ := run("dpkg --audit; dpkg -s tiercel")
		return errors.Join(g.before.differs(now), want(out, "not installed"))
	}},
}

// firstAlert measures what somebody waits who installs the package.
func firstAlert(g *guest) error {
	at := g.mark()
	began := time.Now()
	done := make(chan struct{})
	go func() {
		for { // somebody reads the passwords all the time
			select {
			case <-done:
				return
			default:
				_ = exec.Command("/bin/cat", "/etc/shadow").Run()
				time.Sleep(200 * time.Millisecond)
			}
		}
	}()
	defer close(done)
	out, err := run("dpkg -i " + dir + "packed.deb")
	installed := time.Since(began)
	if err != nil {
		return err
	}
	line, err := g.await(at, 30*time.Second, "/etc/shadow")
	if err != nil {
		return fmt.Errorf("%w; dpkg said: %s", err, out)
	}
	note("first alert %.1f s after dpkg -i began, which took %.1f s (in a machine that QEMU emulates)", time.Since(began).Seconds(), installed.Seconds())
	if n := strings.Count(out, "tiercel: "); n > 0 {
		return fmt.Errorf("the installation complains: %s", out)
	}
	return want(line, "tiercel[")
}

const config = `file_output: {enabled: true, filename: alerts.txt}
http_output: {enabled: true, url: "http://127.0.0.1:9411/"}
program_output: {enabled: true, keep_alive: true, program: "cat >> /var/log/tiercel/program.txt"}
outputs_spool: {dir: /var/lib/tiercel/spool}
capture: {enabled: true, mode: rules, default_duration: 300, path_prefix: /var/lib/tiercel/captures/tiercel, min_free_mb: 1}
`

func customise(g *guest) error {
	if err := errors.Join(setRules("one"), write(configFile, config)); err != nil {
		return err
	}
	if err := all("systemctl restart " + alias); err != nil {
		return err
	}
	line, err := g.sing("cat %s")
	if err != nil {
		return err
	}
	return want(line, "mark=one", "user=root", "exe=/usr/bin/cat")
}

// idleStart takes everything out of the selection but what is always in it, and
// holds what else goes on.
func idleStart(g *guest) error {
	at := g.mark()
	err := all("mkdir -p /run/systemd/system/"+auto+".d",
		"printf '[Service]\\nExecStart=\\nExecStart=/usr/bin/tiercel -o base_syscalls.custom_set[]=mlockall -o base_syscalls.custom_set[]=swapoff "+
			"-o rules[].disable.rule=*\\n' >/run/systemd/system/"+auto+".d/idle.conf",
		"systemctl daemon-reload", "systemctl restart "+alias)
	g.flushed()
	watching := find(g.since(at), "Watching: ")
	back := all("rm /run/systemd/system/"+auto+".d/idle.conf", "systemctl daemon-reload", "systemctl restart "+alias)
	return errors.Join(err, want(watching, "0 rules"), back)
}

func identity(g *guest) error {
	line, err := g.sing("runuser -u alice -- cat %s")
	if err != nil {
		return err
	}
	if err := want(line, "user=alice"); err != nil {
		return err
	}
	// A process that was there before the agent, in a folder that only its user
	// may enter.
	path, trigger := newCanary(), "/tmp/trigger"
	if err := all("install -d -o alice -g alice -m 700 /home/alice/private", "install -o alice -m 700 "+dir+"guest /home/alice/private/sleeper"); err != nil {
		return err
	}
	cmd := exec.Command("runuser", "-u", "alice", "--", "/bin/sh", "-c", "cd /home/alice/private && exec ./sleeper "+trigger+" "+path)
	if err := cmd.Start(); err != nil {
		return err
	}
	if err := until(10*time.Second, "the process of alice waits", func() bool { _, err := run("pgrep -x sleeper"); return err == nil }); err != nil {
		return err
	}
	if err := all("systemctl restart " + alias); err != nil {
		return err
	}
	at := g.mark()
	if err := write(trigger, ""); err != nil {
		return err
	}
	line, err = g.await(at, alertTime, "canary file="+path)
	_ = cmd.Wait()
	return errors.Join(err, want(line, "user=alice", "exe=/home/alice/private/sleeper", "cwd=/home/alice/private"))
}

func containers(g *guest) error {
	if err := errors.Join(serveRuntime("/run/docker.sock", dockerID, "sharp", 0),
		serveRuntime("/run/user/1234/podman/podman.sock", podmanID, "blunt", 1234),
		os.Chown("/run/user/1234", 1234, 1234), all("systemctl restart "+alias)); err != nil {
		return err
	}
	var errs []error
	for _, c := range []struct {
		group, name, id string
		uid             int
	}{
		{"/system.slice/docker-" + dockerID + ".scope", "sharp", dockerID, 0},
		{"/user.slice/user-1234.slice/user@1234.service/user.slice/libpod-" + podmanID + ".scope", "blunt", podmanID, 1234},
	} {
		path, at := newCanary(), g.mark()
		if err := inContainer(c.group, c.uid, "/bin/cat", path); err != nil {
			errs = append(errs, err)
			continue
		}
		line, err := g.await(at, alertTime, "canary file="+path)
		errs = append(errs, err, want(line, "container="+c.id[:12], "name="+c.name, "image=registry.example/"+c.name))
	}
	return errors.Join(errs...)
}

func outputs(g *guest) error {
	path := newCanary()
	got, err := collect("127.0.0.1:9411")
	if err != nil {
		return err
	}
	if _, err := run("cat " + path); err != nil {
		return err
	}
	var errs []error
	for _, file := range []string{"/var/log/tiercel/alerts.txt", "/var/log/tiercel/program.txt"} {
		errs = append(errs, until(alertTime, file+" has the alert", func() bool {
			b, _ := os.ReadFile(file)
			return strings.Contains(string(b), path)
		}))
	}
	// Before, nobody listened: those alerts waited in the spool.
	errs = append(errs, until(alertTime, "http_output has sent the alert, and those that had to wait", func() bool {
		return strings.Contains(got(), path) && strings.Contains(got(), canaries+"1 ")
	}), until(alertTime, "a capture is there", func() bool {
		out, _ := run("tiercel capture info $(ls /var/lib/tiercel/captures/*.scap | head -n 1)")
		return strings.Contains(strings.ToLower(out), "events: ")
	}))
	return errors.Join(errs...)
}

func weight(*guest) error {
	pid := show(alias, "MainPID")
	current, err := strconv.Atoi(show(alias, "MemoryCurrent"))
	if err != nil {
		return err
	}
	from, err1 := strconv.Atoi(show(alias, "InactiveExitTimestampMonotonic"))
	to, err2 := strconv.Atoi(show(alias, "ActiveEnterTimestampMonotonic"))
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	note("the service takes %d MiB of memory (its control group), of which %s are resident; from start to active %d ms", current>>20, resident(pid), (to-from)/1000)
	out, err := run("systemd-analyze security --no-pager " + auto + " | tail -n 1")
	note("%s", out)
	return err
}

func reload(g *guest) error {
	pid := show(alias, "MainPID")
	at := g.mark()
	if err := errors.Join(setRules("two"), all("systemctl reload "+alias)); err != nil {
		return err
	}
	if _, err := g.await(at, alertTime, "Reloaded: "); err != nil {
		return err
	}
	line, err := g.sing("cat %s")
	return errors.Join(err, want(line, "mark=two"), active(pid))
}

func badReload(g *guest) error {
	pid := show(alias, "MainPID")
	if err := write(rulesFile, "- rule: Canary opened\n  desc: d\n  condition: evt.type = opne\n  output: x\n  priority: INFO\n"); err != nil {
		return err
	}
	out, err := run("systemctl reload " + alias)
	if err == nil {
		return fmt.Errorf("systemctl reload does not fail: %s", out)
	}
	err = until(alertTime, "the status tells of it", func() bool { return strings.Contains(show(alias, "StatusText"), "the last reload failed") })
	err = errors.Join(err, active(pid), g.sings())
	return errors.Join(err, setRules("two"), all("systemctl reload "+alias),
		until(alertTime, "the status is well again", func() bool { return !strings.Contains(show(alias, "StatusText"), "failed") }))
}

// active waits until the service is at rest again: a file that changed is
// noticed without being told of, too. It is the same process as before.
func active(pid string) error {
	err := until(alertTime, "the service is active", func() bool { return show(alias, "ActiveState") == "active" })
	return errors.Join(err, is(alias, map[string]string{"MainPID": pid}))
}

func hang(g *guest) error {
	unit := show(alias, "Id")
	at := g.mark()
	if err := all("mkdir -p /run/systemd/system/"+unit+".d", "printf '[Service]\\nWatchdogSec=5s\\nRestartSec=1s\\n' >/run/systemd/system/"+unit+".d/fast.conf",
		"systemctl daemon-reload", "systemctl restart "+alias); err != nil {
		return err
	}
	pid := show(alias, "MainPID")
	// One that does its work is left alone.
	time.Sleep(8 * time.Second)
	if now := show(alias, "MainPID"); now != pid {
		return fmt.Errorf("the watchdog bit an agent that did its work: %s, then %s", pid, now)
	}
	if err := all("kill -STOP " + pid); err != nil {
		return err
	}
	_, err := g.await(at, 30*time.Second, "Watchdog timeout")
	return errors.Join(err, g.comesBack(pid))
}

// comesBack waits for another process than this one to do its work.
func (g *guest) comesBack(pid string) error {
	return errors.Join(until(90*time.Second, "another process is active", func() bool {
		return show(alias, "MainPID") != pid && show(alias, "ActiveState") == "active"
	}), g.sings())
}

func killed(g *guest) error {
	pid := show(alias, "MainPID")
	if err := all("kill -KILL " + pid); err != nil {
		return err
	}
	return g.comesBack(pid)
}

// running are the units that are active.
func running() string {
	out, _ := run("systemctl list-units --no-legend --plain --state=active 'tiercel-*' | cut -d' ' -f1")
	return out
}

func startedTwice(g *guest) error {
	pid, at := show(alias, "MainPID"), g.mark()
	err := all("systemctl start "+alias, "systemctl start "+auto)
	g.flushed()
	if line := find(g.since(at), "tiercel[", "]: Error: "); line != "" {
		err = errors.Join(err, fmt.Errorf("the journal says: %s", line))
	}
	if n := len(tiercelProcesses()); n != 1 {
		err = errors.Join(err, fmt.Errorf("%d agents run", n))
	}
	return errors.Join(err, active(pid), g.sings())
}

func secondUnit(g *guest) error {
	var errs []error
	for _, unit := range []string{modern, auto} {
		errs = append(errs, all("systemctl start "+unit))
		if got := running(); got != unit {
			errs = append(errs, fmt.Errorf("after the start of %s there are: %s", unit, got))
		}
		errs = append(errs, g.sings())
		if n := len(tiercelProcesses()); n != 1 {
			errs = append(errs, fmt.Errorf("%d agents run", n))
		}
	}
	return errors.Join(errs...)
}

func switchDrivers(g *guest) error {
	// As DKMS and `driver build bpf` would have put them there.
	if err := all("cp -r " + dir + "drivers/. /"); err != nil {
		return err
	}
	var errs []error
	for _, d := range []struct{ name, unit, driver string }{
		{"modern_bpf", modern, "modern_bpf"}, {"bpf", legacy, "bpf"}, {"kmod", kmod, "kmod"}, {"auto", auto, "modern_bpf"},
	} {
		out, err := run("tiercel driver set " + d.name)
		errs = append(errs, err)
		if err != nil {
			continue
		}
		errs = append(errs, want(out, "tiercel.service is "+d.unit+" now", "restarted"),
			is(alias, map[string]string{"Id": d.unit, "ActiveState": "active", "UnitFileState": "enabled"}), want(show(alias, "StatusText"), d.driver+": "), g.sings())
		if got := running(); got != d.unit {
			errs = append(errs, fmt.Errorf("%s is set, and there are: %s", d.name, got))
		}
		score, _ := run("systemd-analyze security --no-pager " + d.unit + " | tail -n 1")
		note("%s", score)
	}
	if out, _ := run("grep ^tiercel /proc/modules"); out != "" {
		errs = append(errs, fmt.Errorf("the module outlives its service: %s", out))
	}
	return errors.Join(errs...)
}

// noPerfBuffers has tiercel-auto take the driver for which only tiercel-bpf has
// the capability that kernel.perf_event_paranoid=3 asks for.
func noPerfBuffers(*guest) error {
	const file = "/etc/tiercel/config.d/pkgtest-driver.yaml"
	level, _ := run("cat /proc/sys/kernel/perf_event_paranoid")
	if err := errors.Join(want(level, "3"), write(file, "engine: {kind: bpf}\n")); err != nil {
		return err
	}
	if out, err := run("systemctl restart " + auto); err == nil {
		return fmt.Errorf("it starts: %s", out)
	}
	return errors.Join(want(show(auto, "StatusText"), "kernel.perf_event_paranoid is 3", "tiercel driver set bpf"),
		is(auto, map[string]string{"ActiveState": "failed", "ExecMainStatus": "69", "NRestarts": "0"}),
		all("sysctl -w kernel.perf_event_paranoid=2", "systemctl restart "+auto), want(show(auto, "StatusText"), "bpf: "),
		os.Remove(file), all("sysctl -w kernel.perf_event_paranoid=3", "systemctl restart "+auto), is(auto, map[string]string{"ActiveState": "active"}))
}

func keepState(*guest) error {
	if err := all("systemctl stop "+alias, "tiercel driver set modern_bpf"); err != nil {
		return err
	}
	err := is(alias, map[string]string{"Id": modern, "ActiveState": "inactive", "UnitFileState": "enabled"})
	if err := errors.Join(err, all("systemctl disable "+modern, "tiercel driver set auto")); err != nil {
		return err
	}
	err = is(auto, map[string]string{"ActiveState": "inactive", "UnitFileState": "disabled"})
	return errors.Join(err, is(modern, map[string]string{"UnitFileState": "disabled"}), all("systemctl enable --now "+auto))
}

func upgrade(g *guest) error {
	b, err := os.ReadFile(conffile)
	if err != nil {
		return err
	}
	changed := string(b) + "# a line of the administrator\n"
	if err := write(conffile, changed); err != nil {
		return err
	}
	pid := show(alias, "MainPID")
	if _, err := run("dpkg -i --force-confdef --force-confold " + newDeb); err != nil {
		return err
	}
	b, err = os.ReadFile(conffile)
	if err == nil && string(b) != changed {
		err = fmt.Errorf("%s is not what the administrator had written", conffile)
	}
	version, _ := run("tiercel --version")
	fresh, _ := os.ReadFile(conffile + ".dpkg-dist")
	if now := show(alias, "MainPID"); now == pid {
		err = errors.Join(err, fmt.Errorf("the old process still runs: %s", now))
	}
	line, alert := g.sing("cat %s")
	return errors.Join(err, want(version, "0.2.0"), want(string(fresh), "a line of the new release"), alert, want(line, "mark=two"),
		is(alias, map[string]string{"Id": auto, "ActiveState": "active", "UnitFileState": "enabled"}))
}

func remove(*guest) error {
	if _, err := run("dpkg -r tiercel"); err != nil {
		return err
	}
	var errs []error
	for _, path := range []string{conffile, rulesFile, configFile} {
		if !exists(path) {
			errs = append(errs, fmt.Errorf("%s is gone", path))
		}
	}
	if p := tiercelProcesses(); len(p) > 0 {
		errs = append(errs, fmt.Errorf("processes: %v", p))
	}
	return errors.Join(errs...)
}
