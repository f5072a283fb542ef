// SPDX-License-Identifier: Apache-2.0

package drivers

import (
	"errors"
	"strings"
	"testing"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/scap/scaptest"
)

func TestDriversThatCannotRunYetSaySoAndWhatToUse(t *testing.T) {
	for _, kind := range []string{Kmod, BPF} {
		d, err := Open(kind, Options{})
		if d != nil || !errors.Is(err, ErrNotBuilt) || !strings.Contains(err.Error(), "use --driver modern_bpf") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, %v", kind, d, err)
		}
	}
}

func TestUnknownDriver(t *testing.T) {
	if _, err := Open("floppy", Options{}); err == nil || !strings.Contains(err.Error(), "use auto, modern_bpf, bpf or kmod") {
		t.Error(err)
	}
}

func TestAutoTakesTheFirstThatOpens(t *testing.T) {
	saved := byKind
	t.Cleanup(func() { byKind = saved })
	fake := scaptest.NewDriver()
	refused := errors.New("refused here")
	byKind = map[string]opener{
		"a": func(Options) (scap.Driver, error) { return nil, refused },
		"b": func(Options) (scap.Driver, error) { return fake, nil },
	}
	if d, err := openFirst([]string{"a", "b"}, Options{}); d != scap.Driver(fake) || err != nil {
		t.Errorf("%v, %v", d, err)
	}
	if d, err := openFirst([]string{"a"}, Options{}); d != nil || !errors.Is(err, refused) {
		t.Errorf("%v, %v", d, err)
	}
}

func TestEveryDriverOfAutoExists(t *testing.T) {
	for _, k := range autoOrder {
		if byKind[k] == nil {
			t.Errorf("auto tries %q, which is not in the table", k)
		}
	}
}
