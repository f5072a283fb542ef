// SPDX-License-Identifier: Apache-2.0

package kmod

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// kernelBuild returns a kernel build directory: that of the running kernel, or
// of any kernel whose headers Debian's packages have put into /usr/src.
func kernelBuild(t *testing.T) string {
	t.Helper()
	var candidates []string
	if b, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		candidates = append(candidates, "/lib/modules/"+strings.TrimSpace(string(b))+"/build")
	}
	more, _ := filepath.Glob("/usr/src/linux-headers-*-amd64")
	for _, dir := range append(candidates, more...) {
		if _, err := os.Stat(filepath.Join(dir, "include/generated/autoconf.h")); err == nil {
			return dir
		}
	}
	t.Skip("no kernel headers here (Debian: apt-get install linux-headers-cloud-amd64)")
	return ""
}

// The sources that modern_bpf runs are the sources of the module: they compile
// as plain C against a kernel's headers, and neither the compiler nor sparse,
// which knows of byte orders and address spaces, has anything to say.
func TestPortabilityModuleBuilds(t *testing.T) {
	for _, tool := range []string{"make", "gcc"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed", tool)
		}
	}
	_, noSparse := exec.LookPath("sparse")
	build := kernelBuild(t)
	dir := t.TempDir()
	if err := WriteSources(dir, "test"); err != nil {
		t.Fatal(err)
	}
	args := []string{"-j2", "-C", build, "M=" + dir, "W=1", "modules"}
	if noSparse == nil {
		args = append(args, "C=2", "CF=-fmax-warnings=unlimited")
	}
	cmd := exec.Command("make", args...)
	cmd.Env = makeEnviron(os.Environ())
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("build against %s: %v\n%s", build, err, out)
	}
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "warning:") {
			t.Error(line)
		}
	}
	ko := filepath.Join(dir, "tiercel.ko")
	file, err := ReadFile(ko)
	if err != nil {
		t.Fatal(err)
	}
	if err := file.Check("tiercel.ko", file.Release); err != nil || file.Version != "test" || file.Release == "" {
		t.Errorf("%+v: %v", file, err)
	}
	t.Run("sparse", func(t *testing.T) {
		if noSparse != nil {
			t.Skip("sparse is not installed (Debian: apt-get install sparse)")
		}
		// The kernel's makefiles go on without it when they do not like it.
		if n := strings.Count(string(out), "CHECK "); n != 4 {
			t.Errorf("sparse looked at %d of 4 files:\n%s", n, out)
		}
	})
}
