// SPDX-License-Identifier: Apache-2.0

// Package live decides for the tests that watch the running kernel whether
// they can run here, so that all of them skip for the same reasons and none
// hides a failure: a machine that has what is needed never skips.
package live

import (
	"os"
	"testing"
)

// Require returns when this process can load eBPF programs. Elsewhere it skips
// the test and says what is missing, or fails it when TIERCEL_LIVE=require.
func Require(t testing.TB) {
	t.Helper()
	missing := func(what string) {
		t.Helper()
		if os.Getenv("TIERCEL_LIVE") == "require" {
			t.Fatalf("live test cannot run: %s", what)
		}
		t.Skipf("live test skipped: %s", what)
	}
	if testing.Short() {
		missing("-short was given")
	}
	if os.Geteuid() != 0 {
		missing("needs root (CAP_BPF and CAP_PERFMON)")
	}
	if _, err := os.Stat("/sys/kernel/btf/vmlinux"); err != nil {
		missing("the kernel offers no BTF at /sys/kernel/btf/vmlinux (CONFIG_DEBUG_INFO_BTF)")
	}
}
