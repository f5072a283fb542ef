// SPDX-License-Identifier: Apache-2.0

package modernbpf

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestOptionsDefaults(t *testing.T) {
	o, err := Options{}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	if o.RingBytes != DefaultRingBytes || o.CPUsPerRing != 1 || o.SnapLen != DefaultSnapLen {
		t.Errorf("got %+v", o)
	}
	if o, _ := (Options{SnapLen: 1 << 20}).withDefaults(); o.SnapLen != MaxSnapLen {
		t.Errorf("snaplen is %d, want it cut to %d", o.SnapLen, MaxSnapLen)
	}
}

func TestOptionsErrorsNameTheValue(t *testing.T) {
	for _, c := range []struct {
		opts Options
		want string
	}{
		{Options{RingBytes: 3 << 20}, "3145728"},
		{Options{RingBytes: os.Getpagesize() / 2}, "power of two"},
		{Options{CPUsPerRing: -2}, "-2"},
		{Options{SnapLen: -1}, "-1"},
	} {
		_, err := Open(c.opts)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: error %v, want it to mention %q", c.opts, err, c.want)
		}
	}
}

func TestParseCPUList(t *testing.T) {
	for _, c := range []struct {
		in   string
		want []int
	}{
		{"0", []int{0}},
		{"0-3", []int{0, 1, 2, 3}},
		{"0-1,4,6-7", []int{0, 1, 4, 6, 7}},
	} {
		got, err := parseCPUList(c.in)
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%q: %v, %v", c.in, got, err)
		}
	}
	for _, bad := range []string{"", "a", "1-", "3-1", "-1", "0-99999999"} {
		if got, err := parseCPUList(bad); err == nil {
			t.Errorf("%q is taken for %v", bad, got)
		}
	}
}

func FuzzParseCPUList(f *testing.F) {
	for _, s := range []string{"0", "0-3", "0-1,4,6-7", "", "1-", ",", "0-65535"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		cpus, err := parseCPUList(s)
		if err == nil && len(cpus) == 0 {
			t.Errorf("%q: no CPU and no error", s)
		}
	})
}

func TestErrorsSayWhatIsMissing(t *testing.T) {
	err := explain(unix.EPERM, "make a BPF map", "maps", "5.8", "hint")
	var p *PermissionError
	if !errors.As(err, &p) || !errors.Is(err, os.ErrPermission) || !strings.Contains(err.Error(), "CAP_BPF") {
		t.Errorf("EPERM becomes %v", err)
	}
	err = explain(unix.EINVAL, "make a ring", "the BPF ring buffer", "5.8", "use kmod")
	var n *NotSupportedError
	if !errors.As(err, &n) || !errors.Is(err, errors.ErrUnsupported) || n.Since != "5.8" || !strings.Contains(err.Error(), "use kmod") {
		t.Errorf("EINVAL becomes %v", err)
	}
	if err := explain(unix.ENOMEM, "make a ring", "", "", ""); errors.Is(err, errors.ErrUnsupported) || !errors.Is(err, unix.ENOMEM) {
		t.Errorf("ENOMEM becomes %v", err)
	}
}
