// SPDX-License-Identifier: Apache-2.0

package live

import (
	"os"
	"testing"

	"github.com/tiercel/tiercel/bpf"
	"github.com/tiercel/tiercel/kmod"
	modernbpf "github.com/tiercel/tiercel/modern_bpf"
	"github.com/tiercel/tiercel/scap"
)

// Options are what the tests want of a driver.
type Options struct {
	ReportSelf bool // also the test's own calls
	RingBytes  int
	SnapLen    int
	DropFailed bool
}

// Driver opens the driver that the environment's TIERCEL_DRIVER names,
// modern_bpf without it, and closes it with the test. The kernel module must
// have been loaded, the legacy probe built; TIERCEL_PROBE names its file when it
// is not at the usual place.
func Driver(t testing.TB, o Options) scap.Driver {
	t.Helper()
	return Open(t, os.Getenv("TIERCEL_DRIVER"), o)
}

// Open opens the driver of a kind, as Driver does.
func Open(t testing.TB, kind string, o Options) scap.Driver {
	t.Helper()
	var d scap.Driver
	var err error
	switch kind {
	case "", "modern_bpf":
		d, err = modernbpf.Open(modernbpf.Options{ReportSelf: o.ReportSelf, RingBytes: o.RingBytes, SnapLen: o.SnapLen, DropFailed: o.DropFailed})
	case "kmod":
		d, err = kmod.Open(kmod.Options{ReportSelf: o.ReportSelf, RingBytes: o.RingBytes, SnapLen: o.SnapLen, DropFailed: o.DropFailed})
	case "bpf":
		d, err = openLegacy(modernbpf.Options{ReportSelf: o.ReportSelf, RingBytes: o.RingBytes, SnapLen: o.SnapLen, DropFailed: o.DropFailed})
	default:
		t.Fatalf("TIERCEL_DRIVER=%s: there is no such driver", kind)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

func openLegacy(o modernbpf.Options) (scap.Driver, error) {
	if path := os.Getenv("TIERCEL_PROBE"); path != "" {
		return bpf.OpenFile(path, o)
	}
	return bpf.Open(o)
}
