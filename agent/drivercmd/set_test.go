// SPDX-License-Identifier: Apache-2.0

package drivercmd

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tiercel/tiercel/agent/cmdline"
	"github.com/tiercel/tiercel/drivers"
	"github.com/tiercel/tiercel/kmod"
)

// manager is a systemd with the units of Tiercel.
type manager struct {
	t      *testing.T
	root   string
	state  map[string]string // of units: active, failed
	broken map[string]bool   // units that cannot be started
	did    []string
}

func newManager(t *testing.T, enabled, running string) *manager {
	m := &manager{t: t, root: t.TempDir(), state: map[string]string{}, broken: map[string]bool{}}
	for _, d := range serviceDrivers {
		path := filepath.Join(m.root, "usr/lib/systemd/system", UnitOf(d))
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		must(t, os.WriteFile(path, []byte("[Service]\nExecStart=/usr/bin/tiercel\n[Install]\nWantedBy=multi-user.target\nAlias=tiercel.service\n"), 0o644))
	}
	if enabled != "" {
		m.link(UnitOf(enabled))
	}
	if running != "" {
		m.state[UnitOf(running)] = "active"
	}
	return m
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (m *manager) paths(unit string) (name, want string) {
	dir := filepath.Join(m.root, "etc/systemd/system")
	return filepath.Join(dir, alias), filepath.Join(dir, "multi-user.target.wants", unit)
}

func (m *manager) link(unit string) {
	name, want := m.paths(unit)
	must(m.t, os.MkdirAll(filepath.Dir(want), 0o755))
	must(m.t, os.Symlink("/usr/lib/systemd/system/"+unit, name))
	must(m.t, os.Symlink("/usr/lib/systemd/system/"+unit, want))
}

// systemctl does what systemctl does, as far as it is asked for.
func (m *manager) systemctl(args ...string) (string, error) {
	unit := args[len(args)-1]
	if args[0] != "is-active" && args[0] != "show" {
		m.did = append(m.did, strings.Join(args, " "))
	}
	name, want := m.paths(unit)
	switch args[0] {
	case "is-active":
		if st := m.state[unit]; st != "" {
			return st + "\n", nil
		}
		return "inactive\n", errors.New("exit status 3")
	case "enable":
		if target, err := os.Readlink(name); err == nil && filepath.Base(target) != unit {
			return "", errors.New("tiercel.service already exists and is a symlink to " + target)
		}
		m.link(unit)
	case "disable":
		if target, _ := os.Readlink(name); filepath.Base(target) == unit {
			must(m.t, os.Remove(name))
		}
		_ = os.Remove(want)
	case "start", "restart":
		for other, st := range m.state {
			if st == "active" {
				m.state[other] = ""
			}
		}
		if m.broken[unit] {
			m.state[unit] = "failed"
			return "", errors.New("Job for " + unit + " failed")
		}
		m.state[unit] = "active"
	case "reset-failed":
		delete(m.state, unit)
	case "show":
		return "Error: open kmod: no device\n", nil
	default:
		m.t.Errorf("systemctl %v", args)
	}
	return "", nil
}

func (m *manager) run(refused map[string]string, args ...string) (string, error) {
	o, err := cmdline.Parse(append([]string{"driver"}, args...))
	must(m.t, err)
	var out bytes.Buffer
	diagnosis := &drivers.Diagnosis{Chosen: drivers.ModernBPF}
	for _, d := range serviceDrivers[1:] {
		v := drivers.Verdict{Driver: d, Status: drivers.OK}
		if why := refused[d]; why != "" {
			v.Status, v.Reason, v.Advice = drivers.Missing, why, "use another"
		}
		diagnosis.Drivers = append(diagnosis.Drivers, v)
	}
	if refused[drivers.ModernBPF] != "" {
		diagnosis.Chosen = ""
	}
	s := System{
		Stdout: &out, Version: "1.0", host: m.root,
		module:    &fake{is: true, says: kmod.Info{API: api, Schema: schema(m.t), Version: "1.0"}},
		release:   func() (string, error) { return "6.1", nil },
		obstacles: func() ([]drivers.Finding, []drivers.Finding) { return nil, nil },
		doctor:    func() *drivers.Diagnosis { return diagnosis },
		systemctl: m.systemctl, booted: func() bool { return true },
	}
	err = Run(s, o)
	return out.String(), err
}

// state tells which unit is enabled, and which run or have failed.
func (m *manager) describe() string {
	name, _ := m.paths("")
	target, _ := os.Readlink(name)
	text := "alias " + strings.TrimPrefix(filepath.Base(target), "tiercel-")
	wants, _ := filepath.Glob(filepath.Join(filepath.Dir(name), "*.wants", "*"))
	for _, w := range wants {
		text += ", wanted " + strings.TrimPrefix(filepath.Base(w), "tiercel-")
	}
	var states []string
	for unit, st := range m.state {
		if st != "" {
			states = append(states, fmt.Sprintf(", %s %s", st, strings.TrimPrefix(unit, "tiercel-")))
		}
	}
	slices.Sort(states)
	return strings.ReplaceAll(text+strings.Join(states, ""), ".service", "")
}

func TestSetChoosesTheUnit(t *testing.T) {
	for _, c := range []struct {
		name, enabled, running string
		args                   string
		refused                map[string]string
		broken                 string
		want                   string // how it is then
		says                   string
		fails                  bool
	}{
		{"a service that runs goes on with it", "auto", "auto", "kmod", nil, "",
			"alias kmod, wanted kmod, active kmod", "tiercel.service is tiercel-kmod.service now, was tiercel-auto.service; restarted", false},
		{"one that is stopped stays stopped", "auto", "", "modern_bpf", nil, "",
			"alias modern-bpf, wanted modern-bpf", "it is not running, as before", false},
		{"one that is disabled stays disabled", "", "", "modern-bpf", nil, "",
			"alias .", "the service is disabled and stays so; start it with modern_bpf by: systemctl enable --now tiercel-modern-bpf.service", false},
		{"one that is disabled but runs goes on", "", "auto", "modern_bpf", nil, "",
			"alias ., active modern-bpf", "tiercel-modern-bpf.service runs now; restarted", false},
		{"the same again", "kmod", "kmod", "kmod", nil, "",
			"alias kmod, wanted kmod, active kmod", "tiercel.service is tiercel-kmod.service already", false},
		{"a driver that cannot run is refused", "auto", "auto", "kmod", map[string]string{"kmod": "no modules here"}, "",
			"alias auto, wanted auto, active auto", "kmod cannot run here: no modules here; use another\nnothing has been changed", true},
		{"unless it is forced", "auto", "", "kmod --force", map[string]string{"kmod": "no modules here"}, "",
			"alias kmod, wanted kmod", "tiercel.service is tiercel-kmod.service now", false},
		{"auto without any driver", "kmod", "kmod", "auto", map[string]string{"modern_bpf": "no BTF", "bpf": "no compiler", "kmod": "locked"}, "",
			"alias kmod, wanted kmod, active kmod", "no driver can run here\nmodern_bpf cannot run here: no BTF; use another\nkmod cannot run here: locked", true},
		{"a start that fails brings the old one back", "auto", "auto", "kmod", nil, "kmod",
			"alias auto, wanted auto, active auto", "tiercel-kmod.service cannot be started: Error: open kmod: no device\ntiercel-auto.service runs again", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newManager(t, c.enabled, c.running)
			if c.broken != "" {
				m.broken[UnitOf(c.broken)] = true
			}
			out, err := m.run(c.refused, append([]string{"set"}, strings.Fields(c.args)...)...)
			if (err != nil) != c.fails {
				t.Fatalf("%v\n%s", err, out)
			}
			if said := fmt.Sprint(out, err); !strings.Contains(said, c.says) {
				t.Errorf("does not say %q:\n%s", c.says, said)
			}
			if got := m.describe(); got != c.want {
				t.Errorf("is  %s\nwant %s\ndid  %v", got, c.want, m.did)
			}
		})
	}
}

func TestAServiceThatFailedIsTriedWithTheNewDriver(t *testing.T) {
	m := newManager(t, "kmod", "")
	m.state[UnitOf("kmod")] = "failed"
	if out, err := m.run(nil, "set", "modern_bpf"); err != nil || !strings.Contains(out, "restarted") || m.state[UnitOf("modern_bpf")] != "active" {
		t.Errorf("%v: %s %s", err, out, m.describe())
	}
}

func TestAUnitThatFailedOnceAndIsNotChosenStartsNothing(t *testing.T) {
	m := newManager(t, "auto", "")
	m.state[UnitOf("bpf")] = "failed"
	if out, err := m.run(nil, "set", "modern_bpf"); err != nil || m.state[UnitOf("modern_bpf")] != "" {
		t.Errorf("%v: %s %s", err, out, m.describe())
	}
}

func TestStatusNamesTheServicesDriver(t *testing.T) {
	m := newManager(t, "modern_bpf", "modern_bpf")
	if out, err := m.run(nil, "status"); err != nil || !strings.Contains(out, "Service: modern_bpf (tiercel-modern-bpf.service), starts with the system, is running\n") {
		t.Errorf("%v: %s", err, out)
	}
	if out, err := m.run(nil, "status", "--json"); err != nil || !strings.Contains(out, `"unit": "tiercel-modern-bpf.service"`) {
		t.Errorf("%v: %s", err, out)
	}
	m = newManager(t, "", "")
	if out, err := m.run(nil, "status"); err != nil || !strings.Contains(out, "Service: no driver is chosen") {
		t.Errorf("%v: %s", err, out)
	}
}

func TestWithoutThePackageThereIsNothingToSet(t *testing.T) {
	m := newManager(t, "", "")
	must(t, os.RemoveAll(filepath.Join(m.root, "usr")))
	if out, err := m.run(nil, "set", "auto"); err == nil || !strings.Contains(err.Error(), "there is no tiercel-auto.service; install the package") {
		t.Errorf("%v: %s", err, out)
	}
	if out, err := m.run(nil, "status"); err != nil || strings.Contains(out, "Service:") {
		t.Errorf("%v: %s", err, out)
	}
}

// In a folder, as an installer or a builder of images has it, with the systemctl
// that there is.
func TestSetInAnotherRoot(t *testing.T) {
	if _, err := exec.LookPath("systemctl"); err != nil {
		t.Skip("systemctl is not installed (apt-get install systemd)")
	}
	m := newManager(t, "", "")
	if _, err := systemctl("--root="+m.root, "enable", UnitOf("auto")); err != nil {
		t.Fatal(err)
	}
	o, err := cmdline.Parse([]string{"driver", "set", "kmod", "--root", m.root})
	must(t, err)
	var out bytes.Buffer
	if err := Run(System{Stdout: &out}, o); err != nil {
		t.Fatal(err)
	}
	if got := m.describe(); got != "alias kmod, wanted kmod" {
		t.Errorf("%s: %s", got, &out)
	}
	if !strings.Contains(out.String(), "systemd is not running there: neither looked at nor started") {
		t.Error(out.String())
	}
}

func TestWithoutSystemctlAnotherWayIsNamed(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if _, err := systemctl("enable", "x"); err == nil || !strings.Contains(err.Error(), "engine.kind") {
		t.Error(err)
	}
}
