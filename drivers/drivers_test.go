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

// A driver that is asked for by name is that one or an error, unless others are
// named to take its place.
func TestFallback(t *testing.T) {
	saved := byKind
	t.Cleanup(func() { byKind = saved })
	var opened []string
	refuse := func(kind string) opener {
		return func(Options) (scap.Driver, error) {
			opened = append(opened, kind)
			return nil, errors.New(kind + " is missing; load it")
		}
	}
	fake := scaptest.NewDriver()
	byKind = map[string]opener{
		Kmod: refuse(Kmod), BPF: refuse(BPF),
		ModernBPF: func(Options) (scap.Driver, error) { return fake, nil },
	}
	for _, c := range []struct {
		name, kind string
		fallback   []string
		opens      bool
		says       string // what is passed over, and the error
	}{
		{"none configured", Kmod, nil, false, "kmod is missing; load it"},
		{"the first that runs", Kmod, []string{BPF, ModernBPF}, true, "passed over: kmod is missing; load it\npassed over: bpf is missing; load it\n"},
		{"what runs needs none", ModernBPF, []string{Kmod}, true, ""},
		{"none of them runs", Kmod, []string{Kmod, BPF}, false, "passed over: kmod is missing; load it\nkmod is missing; load it\nbpf is missing; load it"},
		{"no such driver", Kmod, []string{"floppy"}, false, `open driver "floppy": there is no such driver; use auto, modern_bpf, bpf or kmod`},
	} {
		var says string
		d, err := Open(c.kind, Options{Fallback: c.fallback, PassedOver: func(_ string, err error) { says += "passed over: " + err.Error() + "\n" }})
		if err != nil {
			says += err.Error()
		}
		if (d != nil) != c.opens || says != c.says {
			t.Errorf("%s: %v, says %q, want %q", c.name, d, says, c.says)
		}
	}
	if got := strings.Join(opened, " "); got != "kmod kmod bpf kmod bpf" {
		t.Errorf("tried %s", got)
	}
}

func TestEveryDriverOfAutoExists(t *testing.T) {
	for _, k := range autoOrder {
		if byKind[k] == nil {
			t.Errorf("auto tries %q, which is not in the table", k)
		}
	}
}
