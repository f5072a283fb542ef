// SPDX-License-Identifier: Apache-2.0

package dkms

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tiercel/tiercel/kmod"
)

// A release, and one between releases, as the Makefile and Debian write it.
const version = "0.1.0~dev+abc1234"

func TestAVersionThatAShellOrAPathWouldMisreadIsRefused(t *testing.T) {
	for _, v := range []string{"", "-1", "../1.0", "1.0 ", "1.0\n", `1"; reboot; "`, "1$x", strings.Repeat("1", 64)} {
		dir := filepath.Join(t.TempDir(), "src")
		if err := Write(dir, v); err == nil {
			t.Errorf("%q is taken", v)
		}
		if _, err := os.Stat(dir); err == nil {
			t.Errorf("%q: something was written", v)
		}
	}
}

func TestTheFolderIsWhatTheAgentWouldBuildFrom(t *testing.T) {
	dir, own := t.TempDir(), t.TempDir()
	if err := Write(dir, version); err != nil {
		t.Fatal(err)
	}
	if err := kmod.WriteSources(own, version); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("diff", "-r", own, dir).CombinedOutput()
	if err == nil {
		t.Error("dkms.conf and Makefile are not there")
	}
	for line := range strings.Lines(string(out)) {
		if !strings.Contains(line, "Only in "+dir+": Makefile") && !strings.Contains(line, "Only in "+dir+": dkms.conf") {
			t.Errorf("differs from the agent's own sources: %s", line)
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, "dkms.conf"))
	if err != nil || !strings.Contains(string(text), `PACKAGE_VERSION="`+version+`"`) {
		t.Errorf("%s, %v", text, err)
	}
}

// host is a DKMS with trees of its own, so that this machine's stay as they are.
type host struct {
	dir, release string
}

func newHost(t *testing.T) *host {
	t.Helper()
	for _, tool := range []string{"dkms", "make", "gcc"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed (Debian: apt-get install dkms)", tool)
		}
	}
	if os.Geteuid() != 0 {
		t.Skip("dkms works as root only")
	}
	built, _ := filepath.Glob("/lib/modules/*/build/include/generated/autoconf.h")
	if len(built) == 0 {
		t.Skip("no kernel headers here (Debian: apt-get install linux-headers-cloud-amd64)")
	}
	h := &host{dir: t.TempDir(), release: strings.Split(built[0], "/")[3]}
	for _, d := range []string{"src", "var/lib/dkms", "lib/modules/" + h.release} {
		if err := os.MkdirAll(filepath.Join(h.dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	// DKMS 3.2 looks for headers below the tree that it installs to.
	build := "lib/modules/" + h.release + "/build"
	if err := os.Symlink("/"+build, filepath.Join(h.dir, build)); err != nil {
		t.Fatal(err)
	}
	if err := Write(filepath.Join(h.dir, "src", "tiercel-"+version), version); err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *host) dkms(t *testing.T, args ...string) (string, error) {
	t.Helper()
	at := func(name string) string { return filepath.Join(h.dir, name) }
	args = append(args, "-m", "tiercel", "-v", version, "--no-depmod",
		"--dkmstree", at("var/lib/dkms"), "--sourcetree", at("src"), "--installtree", at("lib/modules"))
	cmd := exec.Command("dkms", args...)
	// The key that DKMS makes for itself is not to lie in this machine's own folder.
	cmd.Env = append(os.Environ(), "LC_ALL=C", "mok_signing_key="+at("mok.key"), "mok_certificate="+at("mok.pub"))
	out, err := cmd.CombinedOutput()
	if err != nil {
		logs, _ := filepath.Glob(at("var/lib/dkms/tiercel/*/build/make.log"))
		for _, l := range logs {
			b, _ := os.ReadFile(l)
			out = append(out, b...)
		}
	}
	return string(out), err
}

func (h *host) does(t *testing.T, args ...string) {
	t.Helper()
	if out, err := h.dkms(t, args...); err != nil {
		t.Fatalf("dkms %s: %v\n%s", args[0], err, out)
	}
}

// is checks what the agent would say of it.
func (h *host) is(t *testing.T, want kmod.DKMSState) {
	t.Helper()
	all := kmod.DKMSStates(h.dir, h.release)
	if len(all) != 1 || all[0].Version != version || all[0].State != want {
		t.Errorf("DKMS's state is read as %+v, want %s", all, want)
	}
}

// From the sources, by way of a build that fails, to a signed module which the agent takes for its own, and
// back to nothing.
func TestDKMSBuildsInstallsAndRemovesTheModule(t *testing.T) {
	h := newHost(t)
	h.does(t, "add")
	h.is(t, kmod.DKMSAdded)
	broken := filepath.Join(h.dir, "src", "tiercel-"+version, "version.h")
	good, err := os.ReadFile(broken)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(broken, []byte("#error broken\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := h.dkms(t, "build", "-k", h.release); err == nil || !strings.Contains(out, "#error broken") {
		t.Errorf("%v: %s", err, out)
	}
	h.is(t, kmod.DKMSFailed)
	if err := os.WriteFile(broken, good, 0o644); err != nil {
		t.Fatal(err)
	}
	h.does(t, "build", "-k", h.release)
	h.is(t, kmod.DKMSBuilt)
	h.does(t, "install", "-k", h.release)
	h.is(t, kmod.DKMSInstalled)
	if path, err := kmod.Find(h.dir, h.release); err != nil || !strings.Contains(path, "/updates/dkms/tiercel.ko") {
		t.Errorf("the agent finds %q, %v", path, err)
	}
	files, _ := filepath.Glob(filepath.Join(h.dir, "lib/modules", h.release, "updates/dkms/tiercel.ko*"))
	if len(files) != 1 {
		t.Fatalf("installed %q", files)
	}
	if strings.HasSuffix(files[0], ".ko") { // DKMS compresses it as the kernel's own are
		f, err := kmod.ReadFile(files[0])
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Check(files[0], h.release); err != nil || f.Version != version {
			t.Errorf("the agent would refuse it: %+v, %v", f, err)
		}
		b, err := os.ReadFile(files[0])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(filepath.Join(h.dir, "mok.pub")); err == nil && !bytes.HasSuffix(b, []byte("~Module signature appended~\n")) {
			t.Error("DKMS has a key, but the module is not signed")
		}
	}
	h.does(t, "remove", "--all")
	if _, err := os.Stat(files[0]); err == nil {
		t.Error("the module is still there after remove")
	}
}

func TestKernelsThatAreTooOldAreLeftAlone(t *testing.T) {
	_, expr, _ := strings.Cut(conf, "BUILD_EXCLUSIVE_KERNEL=\"")
	expr, _, _ = strings.Cut(expr, "\"")
	for release, want := range map[string]bool{
		"4.19.0-27-amd64": false, "5.4.0-1-generic": false, "5.9.0": false, "5.10.0-46-cloud-amd64": true, "5.15.0-100-generic": true,
		"6.1.0-56-cloud-amd64": true, "6.12.117+deb12-amd64": true, "7.3.4+deb13-amd64": true, "10.0.1": true,
	} {
		// As DKMS does it.
		err := exec.Command("bash", "-c", `[[ $1 =~ $2 ]]`, "bash", release, expr).Run()
		if (err == nil) != want {
			t.Errorf("%s: built is %v", release, err == nil)
		}
	}
}
