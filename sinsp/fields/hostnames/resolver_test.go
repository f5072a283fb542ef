// SPDX-License-Identifier: Apache-2.0

package hostnames

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/tiercel/tiercel/sinsp/filter"
)

var (
	one = netip.MustParseAddr("192.0.2.1")
	two = netip.MustParseAddr("2001:db8::2")
)

func names(r *Resolver, a netip.Addr) []string { return r.NamesOf(string(a.AsSlice())) }

func TestMentioned(t *testing.T) {
	n, err := filter.Parse(`evt.type = connect and (fd.sip.name in (a.example, "b.example") or not fd.cip.name = c.example) and proc.name = d.example`)
	if err != nil {
		t.Fatal(err)
	}
	if got := Mentioned(n); !slices.Equal(got, []string{"a.example", "b.example", "c.example"}) {
		t.Errorf("mentioned are %q", got)
	}
}

func TestRunLooksUpWhatIsWatchedAndStops(t *testing.T) {
	asked := make(chan string, 10)
	r := New(func(_ context.Context, name string) ([]netip.Addr, error) {
		asked <- name
		if name == "gone.example" {
			return nil, errors.New("no such host")
		}
		return []netip.Addr{one, netip.AddrFrom16(one.As16())}, nil
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { r.Run(ctx); close(done) }()
	r.Watch("gone.example", "a.example", "a.example")
	for seen := map[string]bool{}; len(seen) < 2; {
		seen[<-asked] = true
	}
	for deadline := time.Now().Add(time.Minute); len(names(r, one)) == 0 && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	cancel()
	<-done
	if got := names(r, one); !slices.Equal(got, []string{"a.example"}) {
		t.Errorf("names are %q", got)
	}
	if failed, _ := r.Stats(); failed == 0 {
		t.Error("the failed lookup was not counted")
	}
}

func TestAddressesOfANameAddUpAndAge(t *testing.T) {
	r := New(nil)
	if names(r, one) != nil {
		t.Error("an empty resolver knows a name")
	}
	start := time.Now()
	r.Watch("a.example", "b.example")
	r.learn("a.example", []netip.Addr{one}, nil, start)
	r.learn("b.example", []netip.Addr{one}, nil, start)
	r.learn("a.example", []netip.Addr{two}, nil, start.Add(Keep/2))
	r.learn("other.example", []netip.Addr{two}, nil, start)
	if got := names(r, one); !slices.Equal(got, []string{"a.example", "b.example"}) {
		t.Errorf("names of one are %q", got)
	}
	if got := names(r, two); !slices.Equal(got, []string{"a.example"}) {
		t.Errorf("names of two are %q", got)
	}
	r.learn("a.example", nil, nil, start.Add(Keep+1))
	if got := names(r, one); !slices.Equal(got, []string{"b.example"}) {
		t.Errorf("names of one are %q when it was not given for a.example for long", got)
	}
	r.Watch("a.example")
	if names(r, one) != nil || names(r, two) == nil {
		t.Error("what is no longer watched is forgotten, the rest kept")
	}
}

func TestBounds(t *testing.T) {
	r := New(nil)
	var many []string
	for i := range MaxNames + 5 {
		many = append(many, fmt.Sprint("n", i))
	}
	r.Watch(many...)
	if _, refused := r.Stats(); refused != 5 {
		t.Errorf("%d names refused", refused)
	}
	var addrs []netip.Addr
	for i := range MaxAddrs + 5 {
		addrs = append(addrs, netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}))
	}
	r.learn("n0", addrs, nil, time.Now())
	if n := len(r.names["n0"]); n != MaxAddrs {
		t.Errorf("%d addresses kept", n)
	}
}

func TestNamesOfDoesNotAllocate(t *testing.T) {
	r := New(nil)
	r.Watch("a.example")
	r.learn("a.example", []netip.Addr{one}, nil, time.Now())
	addr := string(one.AsSlice())
	if n := testing.AllocsPerRun(100, func() { r.NamesOf(addr) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
