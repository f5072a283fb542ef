// SPDX-License-Identifier: Apache-2.0

package modernbpf

import (
	"strings"
	"testing"

	"github.com/cilium/ebpf"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/scap/ring"
)

// What the legacy probe has of its own, as far as a kernel can show it that the
// probe is not compiled for; the rest is tested in virtual machines.
func TestLivePerfBuffersAreMadeForEachCPU(t *testing.T) {
	needLive(t)
	online, err := onlineCPUs()
	if err != nil {
		t.Fatal(err)
	}
	ncpu, err := ebpf.PossibleCPU()
	if err != nil {
		t.Fatal(err)
	}
	s, err := newPerfSet(Options{RingBytes: 8192}, ncpu)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	specs := s.specs()
	if len(specs) != len(online) || s.cpus() != ncpu {
		t.Fatalf("%d rings for %d CPUs of %d", len(specs), len(online), s.cpus())
	}
	for i, sp := range specs {
		if !sp.Perf || int(sp.CPU) != online[i] || sp.Size != 8192 {
			t.Errorf("%+v", sp)
		}
	}
	rd, err := ring.Open(specs, ring.Config{Clock: ring.BootClock(0)})
	if err != nil {
		t.Fatal(err)
	}
	defer rd.Close()
	var b scap.Batch
	if err := rd.Next(&b, 0); err != nil || len(b.Events) != 0 {
		t.Errorf("%d events, %v", len(b.Events), err)
	}
	m, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.PerfEventArray, MaxEntries: uint32(ncpu), KeySize: 4, ValueSize: 4})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if err := s.connect(map[string]*ebpf.Map{mapPerf: m}); err != nil {
		t.Error(err)
	}
	if err := s.quiesce(nil); err != nil {
		t.Error(err)
	}
}

func TestALegacyObjectThatIsNoneIsRefused(t *testing.T) {
	if _, err := OpenLegacy(Options{}, strings.NewReader("no object")); err == nil || !strings.HasPrefix(err.Error(), "open bpf: read the object") {
		t.Error(err)
	}
	d, err := Open(Options{legacy: &ebpf.CollectionSpec{}})
	if d != nil || err == nil || !strings.HasPrefix(err.Error(), "open bpf: ") {
		t.Error(err)
	}
}
