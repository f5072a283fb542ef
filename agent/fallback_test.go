// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"errors"
	"strings"
	"testing"

	"github.com/tiercel/tiercel/drivers"
	"github.com/tiercel/tiercel/scap"
)

// A driver that takes the place of the one that was asked for is never taken
// in silence.
func TestADriverInPlaceOfAnotherIsTold(t *testing.T) {
	w := newWorld(t, shadowRule, "-M", "1", "-o", "engine.kind=kmod", "-o", "engine.fallback[]=modern_ebpf", "-o", "log_stderr=true")
	w.sys.Open = func(kind string, o drivers.Options) (scap.Driver, error) {
		if kind != drivers.Kmod || len(o.Fallback) != 1 || o.Fallback[0] != drivers.ModernBPF {
			t.Errorf("opens %s, else %q", kind, o.Fallback)
		}
		o.PassedOver(kind, errors.New("it is not loaded; load it with tiercel driver load kmod"))
		return w.driver, nil
	}
	if s := w.run(); s != 0 {
		t.Fatalf("status %d: %s", s, &w.err)
	}
	for _, want := range []string{
		"The driver kmod cannot run here: it is not loaded; load it with tiercel driver load kmod",
		"Driver chosen: " + w.driver.Name() + ", in place of kmod (engine.fallback)",
	} {
		if !strings.Contains(w.err.String(), want) {
			t.Errorf("the log lacks %q: %s", want, &w.err)
		}
	}
}
