// SPDX-License-Identifier: Apache-2.0

package output

import (
	"strings"
	"testing"
	"time"
)

// say is one alert of a script: at, rule, message or key.
type say struct {
	ms   uint64
	rule string
	text string
}

// play offers the alerts of a script to a hub that suppresses, and returns what
// came out.
func play(t *testing.T, o Suppression, script []say) []string {
	t.Helper()
	c := newCollector("c")
	h := NewHub(HubOptions{Suppress: o, Form: Form{JSON: true, Output: true, Fields: true}}, c)
	for _, s := range script {
		h.Offer(&Alert{TimeNS: 1e18 + s.ms*1e6, Priority: "Error", Rule: s.rule, Message: []byte(s.text), Fields: []byte(`{"a":1}`)})
	}
	h.Close(nil, 5*time.Second)
	out := make([]string, len(c.got))
	for i, text := range c.got {
		_, text, _ = strings.Cut(text, ": Error ")
		message, rest, _ := strings.Cut(text, `"`)
		_, fields, _ := strings.Cut(rest, `"output_fields":`)
		fields, _, _ = strings.Cut(fields, `,"priority"`)
		if fields != `{"a":1}` {
			message += " " + fields
		}
		out[i] = message
	}
	return out
}

func TestDuplicatesBecomeOneAlertAndOneSummary(t *testing.T) {
	second := Suppression{Window: time.Second}
	for _, c := range []struct {
		name   string
		o      Suppression
		script []say
		want   []string
	}{
		{"the same within the window", second, []say{{0, "r", "m"}, {10, "r", "m"}, {999, "r", "m"}},
			[]string{"m", `m (suppressed 2 times) {"alert.suppressed":2,"a":1}`}},
		{"the window ends: the next one is shown again", second, []say{{0, "r", "m"}, {10, "r", "m"}, {1000, "r", "m"}},
			[]string{"m", `m (suppressed 1 times) {"alert.suppressed":1,"a":1}`, "m"}},
		{"nothing came again: no summary", second, []say{{0, "r", "m"}, {2000, "r", "m"}}, []string{"m", "m"}},
		{"another message", second, []say{{0, "r", "m"}, {1, "r", "n"}}, []string{"m", "n"}},
		{"another rule", second, []say{{0, "r", "m"}, {1, "s", "m"}}, []string{"m", "m"}},
		{"rule and message cannot be mistaken for another pair", second, []say{{0, "rm", ""}, {1, "r", "m"}}, []string{"", "m"}},
		{"windows end in order", second, []say{{0, "r", "a"}, {1, "r", "b"}, {2, "r", "b"}, {3, "r", "a"}, {1001, "r", "c"}},
			[]string{"a", "b", `a (suppressed 1 times) {"alert.suppressed":1,"a":1}`, `b (suppressed 1 times) {"alert.suppressed":1,"a":1}`, "c"}},
		{"more keys than are kept: the oldest is told of early, nothing is hidden", Suppression{Window: time.Second, MaxKeys: 2},
			[]say{{0, "r", "a"}, {1, "r", "a"}, {2, "r", "b"}, {3, "r", "c"}, {4, "r", "a"}},
			[]string{"a", "b", `a (suppressed 1 times) {"alert.suppressed":1,"a":1}`, "c", "a"}},
		{"off", Suppression{}, []say{{0, "r", "m"}, {0, "r", "m"}}, []string{"m", "m"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := play(t, c.o, c.script); strings.Join(got, "|") != strings.Join(c.want, "|") {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

func TestAKeyDecidesInsteadOfTheMessage(t *testing.T) {
	c := newCollector("c")
	h := NewHub(HubOptions{Suppress: Suppression{Window: time.Second}}, c)
	for i, key := range []string{"x", "x", "y"} {
		a := alert("message %d", i)
		a.Key = []byte(key)
		h.Offer(a)
	}
	h.Close(nil, time.Second)
	if got := messages(c.got); strings.Join(got, "|") != "message 0|message 2|message 1 (suppressed 1 times)" {
		t.Errorf("got %q", got)
	}
	if h.Suppressed() != 1 {
		t.Errorf("%d suppressed", h.Suppressed())
	}
}

func TestAWindowEndsWithoutFurtherAlerts(t *testing.T) {
	c := newCollector("c")
	h := NewHub(HubOptions{Suppress: Suppression{Window: time.Second}}, c)
	defer h.Close(nil, time.Second)
	start := time.Unix(1e9, 0)
	for range 3 {
		h.Offer(alert("m"))
	}
	_ = h.Check(start.Add(time.Second))
	_ = h.Check(start.Add(2 * time.Second))
	c.until(t, "the summary", func() bool { return len(c.got) == 2 })
	if got := message(c.got[1]); got != "m (suppressed 2 times)" {
		t.Errorf("got %q", got)
	}
}

func TestTheAgentsOwnMessagesAreNeverSuppressed(t *testing.T) {
	c := newCollector("c")
	h := NewHub(HubOptions{Suppress: Suppression{Window: time.Hour}}, c)
	for range 3 {
		h.Offer(&Alert{Internal: true, Priority: "Debug", Rule: "r", Message: []byte("m")})
	}
	h.Close(nil, time.Second)
	if len(c.got) != 3 {
		t.Errorf("got %q", c.got)
	}
}

func TestAnAlertThatAnOutputDidNotGetIsNotHiddenWhenItComesAgain(t *testing.T) {
	c := newCollector("c")
	c.gate = make(chan struct{})
	h := NewHub(HubOptions{Capacity: 1, Suppress: Suppression{Window: time.Hour}}, c)
	for i := 0; h.Offer(alert("filler %d", i)); i++ {
	}
	if h.Offer(alert("m")) {
		t.Fatal("there was room")
	}
	close(c.gate)
	for !h.OfferWithin(alert("m"), time.Second) {
	}
	h.Close(nil, 5*time.Second)
	if got := messages(c.got); got[len(got)-1] != "m" || h.Suppressed() != 0 {
		t.Errorf("got %q, %d suppressed", got, h.Suppressed())
	}
}

func TestOpenWindowsTakeBoundedMemory(t *testing.T) {
	s := newSuppressor(Suppression{Window: time.Hour, MaxKeys: 1 << 16})
	large := strings.Repeat("x", 100<<10)
	for i := range 1000 {
		a := alert("%d %s", i, large)
		if s.hides(a) {
			t.Fatal("the first of its kind is hidden")
		}
		for s.crowded() {
			s.pop()
		}
		s.remember(a)
		s.hides(a)
	}
	if s.bytes > maxKeysBytes+1<<20 || s.len() == 0 || len(s.byHash) != s.len() {
		t.Errorf("%d bytes in %d windows, %d hashes", s.bytes, s.len(), len(s.byHash))
	}
	for s.len() > 0 {
		s.pop()
	}
	if s.bytes != 0 || len(s.byHash) != 0 {
		t.Errorf("%d bytes, %d hashes are left", s.bytes, len(s.byHash))
	}
}

func TestAFloodOfDuplicatesAllocatesNothing(t *testing.T) {
	h := NewHub(HubOptions{Suppress: Suppression{Window: time.Hour}}, &counter{})
	defer h.Close(nil, time.Second)
	h.Offer(&sample)
	h.Offer(&sample)
	if n := testing.AllocsPerRun(500, func() { h.Offer(&sample) }); n > 0 {
		t.Errorf("%v allocations a duplicate", n)
	}
}

func BenchmarkDuplicate(b *testing.B) {
	h := NewHub(HubOptions{Suppress: Suppression{Window: time.Hour}}, &counter{})
	defer h.Close(nil, time.Second)
	b.ReportAllocs()
	for b.Loop() {
		h.Offer(&sample)
	}
}
