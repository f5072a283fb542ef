// SPDX-License-Identifier: Apache-2.0

package drivers

import (
	"errors"
	"strings"
	"testing"

	"github.com/tiercel/tiercel/bpf"
	"github.com/tiercel/tiercel/kmod"
	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/scap/scaptest"
)

// Neither is there on a machine that nothing was built on.
func TestWhatIsNotThereSaysHowToGetIt(t *testing.T) {
	for kind, says := range map[string]string{Kmod: "tiercel driver load kmod", BPF: "tiercel driver build bpf"} {
		d, err := Open(kind, Options{})
		if err == nil {
			d.Close()
			continue
		}
		if d != nil || strings.Contains(err.Error(), "\n") || !strings.HasPrefix(err.Error(), "open "+kind+":") {
			t.Errorf("%s: %v, %v", kind, d, err)
		}
		if (errors.Is(err, kmod.ErrNotLoaded) || errors.Is(err, bpf.ErrNotBuilt)) && !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", kind, err)
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
	var passed []string
	over := func(kind string, err error) { passed = append(passed, kind+": "+err.Error()) }
	if d, err := openFirst([]string{"a", "b"}, Options{PassedOver: over}); d != scap.Driver(fake) || err != nil {
		t.Errorf("%v, %v", d, err)
	}
	if len(passed) != 1 || passed[0] != "a: refused here" {
		t.Errorf("told of %q", passed)
	}
	if d, err := openFirst([]string{"a"}, Options{PassedOver: over}); len(passed) != 1 || d != nil || !errors.Is(err, refused) {
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
