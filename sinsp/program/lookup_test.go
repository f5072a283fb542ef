// SPDX-License-Identifier: Apache-2.0

package program

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// finder runs a lookup and returns what it found, each once and sorted.
func finder(n int, find func(s string, r *Run, p *probe)) func(s string) []int32 {
	p := &probe{postings: make([]posting, n+1)}
	for i := range n {
		p.postings[i+1].rules = []entry{{int32(i), always}}
	}
	return func(s string) []int32 {
		r := &Run{cand: make([]uint64, n/64+1), words: make([]uint64, n/4096+1), root: make([]ref, n)}
		find(s, r, p)
		var ids []int32
		for i := range int32(n) {
			if r.cand[i/64]&(1<<(i%64)) != 0 {
				ids = append(ids, i)
			}
		}
		return ids
	}
}

// FuzzTextLookups compares the lookups of texts with looking for one text after
// the other.
func FuzzTextLookups(f *testing.F) {
	f.Add("/etc/passwd", "/etc\n/etc/\n/etc/passwd\n/\npasswd\nwd\nd\nassw\nPASSWD")
	f.Add("aaaa", "a\naa\naaa\naaaa\naaaaa\nAAAA")
	f.Add("", "x")
	f.Add("xx\xff\xfe", "\xff\n\xff\xfe\nx\xff")
	f.Fuzz(func(t *testing.T, value, lines string) {
		texts := slices.DeleteFunc(slices.Compact(slices.Sorted(slices.Values(strings.Split(lines, "\n")))),
			func(s string) bool { return s == "" })
		finds := map[string]int32{}
		for i, s := range texts {
			finds[s] = int32(i) + 1
		}
		for name, c := range map[string]struct {
			find  func(s string, r *Run, p *probe)
			holds func(s, text string) bool
		}{
			"prefix": {newAffixTree(finds, false).find, strings.HasPrefix},
			"suffix": {newAffixTree(finds, true).find, strings.HasSuffix},
			"inside": {newGramTable(finds, false).find, strings.Contains},
			"fold":   {newGramTable(finds, true).find, containsFold},
		} {
			got := finder(len(texts), c.find)(value)
			var want []int32
			for i, s := range texts {
				if c.holds(value, s) {
					want = append(want, int32(i))
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s of %q among %q: %v, want %v", name, value, texts, got, want)
			}
		}
		table := newTextTable(texts)
		for i, s := range append(slices.Clone(texts), value) {
			want := noText
			if j := slices.Index(texts, s); j >= 0 {
				want = int32(j)
			}
			if got := table.find(s); got != want {
				t.Errorf("text %d %q has number %d, want %d", i, s, got, want)
			}
		}
	})
}

func TestNumbersFindWhatTheyWereGiven(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	table, want := newNumTable(5000), map[uint64]int32{}
	for i := range int32(5000) {
		key := rng.Uint64() >> rng.IntN(64)
		table.set(key, i+1)
		want[key] = i + 1
	}
	for key, val := range want {
		if got := table.get(key); got != val {
			t.Fatalf("%d finds %d, want %d", key, got, val)
		}
	}
	for range 5000 {
		if key := rng.Uint64(); table.get(key) != want[key] {
			t.Fatalf("%d finds %d", key, table.get(key))
		}
	}
}

// Two networks of IPv6 may be taken for each other, never missed.
func TestAddressesFindTheirNetworks(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	address := func() netip.Addr {
		if rng.IntN(2) == 0 {
			return netip.AddrFrom4([4]byte{10, byte(rng.IntN(3)), byte(rng.IntN(3)), byte(rng.IntN(256))})
		}
		return netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, byte(rng.IntN(3)), 7: byte(rng.IntN(3)), 8: byte(rng.IntN(2)), 15: byte(rng.IntN(256))})
	}
	nets := map[netip.Prefix]int32{}
	var atoms []*atom
	for range 200 {
		a := address()
		n := netip.PrefixFrom(a, rng.IntN(a.BitLen()+1)).Masked()
		if nets[n] == 0 {
			nets[n] = int32(len(atoms)) + 1
			atoms = append(atoms, &atom{how: atomNet, text: string(n.Addr().AsSlice()), lo: uint64(n.Bits())})
		}
	}
	table := newNetTable(atoms)
	for i, a := range atoms {
		key := netKey([]byte(a.text), int(a.lo))
		if table.nets.get(key) != 0 {
			t.Skip("two networks of this test share a key")
		}
		table.nets.set(key, int32(i)+1)
	}
	find := finder(len(atoms), table.find)
	for range 2000 {
		a := address()
		got := find(string(a.AsSlice()))
		for n, i := range nets {
			if n.Contains(a) && !slices.Contains(got, i-1) {
				t.Fatalf("%s does not find %s", a, n)
			}
		}
	}
}

func TestSetsOfNumbersOfTexts(t *testing.T) {
	for _, ids := range [][]int32{{0}, {63}, {64}, {5, 130}, {1000, 70, 71, 500}} {
		s := newIDSet(ids)
		for id := int32(noText); id < 1200; id++ {
			if got := s.has(id); got != slices.Contains(ids, id) {
				t.Errorf("%v has %d: %v", ids, id, got)
			}
		}
	}
}

func TestGlobsAreFoundByTheirPlainPieces(t *testing.T) {
	for pattern, want := range map[string]string{
		"/etc/*":        "prefix /etc/",
		"*.conf":        "suffix .conf",
		"/a*b?c":        "prefix /a, substring b, suffix c",
		"plain":         "text plain",
		"*":             "",
		"a[bc]d":        "prefix a",
		`a\*b`:          "prefix a, suffix b",
		`a\`:            "prefix a",
		"[!x]*.key":     "",
		"/var/*/x/*.so": "prefix /var/, substring /x/, suffix .so",
	} {
		var got []string
		for _, a := range globAtoms(0, pattern, false) {
			got = append(got, fmt.Sprintf("%s %s", a.how, a.text))
		}
		if s := strings.Join(got, ", "); s != want {
			t.Errorf("%s: %q, want %q", pattern, s, want)
		}
	}
}

func TestRegexesAreFoundByTextsThatTheyNeed(t *testing.T) {
	for pattern, want := range map[string]string{
		".*/secret[.](pem|key)":  "/secret.",
		"(nginx|httpd)-[0-9]+":   "nginx httpd",
		"[a-z]*":                 "",
		"(abc)?def":              "def",
		"(abc)+":                 "abc",
		"a|.*":                   "",
		"x{2,3}yz":               "yz",
		"^/usr/bin/[a-z]+$":      "/usr/bin/",
		"(foo.*bar|bazbaz.*)qux": "qux",
	} {
		var got []string
		for _, a := range regexAtoms(0, pattern) {
			got = append(got, a.text)
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("%s: %q, want %q", pattern, s, want)
		}
	}
}
