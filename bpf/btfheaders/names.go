// SPDX-License-Identifier: Apache-2.0

package btfheaders

import (
	"fmt"
	"strconv"
	"strings"
)

// names gives every name out once for each of C's name spaces.
type names struct {
	tags     map[string]string // tag to its kind ("struct", ...)
	defined  map[string]bool   // tags that belong to a definition
	tried    map[tagKey]int    // how many of a tag's variants are taken for sure
	ordinary taken             // type names and enumerators
	reserved map[string]bool   // of those, what the reader has already
}

type tagKey struct {
	kind, name string
	definition bool
}

// taken holds names that are given out, with how many variants of each are.
type taken map[string]int

func newNames(reserved []string) names {
	n := names{
		tags: make(map[string]string), defined: make(map[string]bool), tried: make(map[tagKey]int),
		ordinary: make(taken), reserved: make(map[string]bool),
	}
	for _, name := range reserved {
		n.ordinary[name] = 1
		n.reserved[name] = true
	}
	return n
}

// tag returns a tag for a type of that kind and name. Declarations without a
// definition share one with the definition of the same name.
func (n *names) tag(kind, name string, definition bool) string {
	base := identifier(name)
	key := tagKey{kind, base, definition}
	for i := max(1, n.tried[key]); ; i++ {
		n.tried[key] = i
		tag := variant(base, i)
		have := n.tags[tag]
		if have == "" || have == kind && !(definition && n.defined[tag]) {
			n.tags[tag] = kind
			if definition {
				n.defined[tag] = true
			}
			return tag
		}
	}
}

// other returns a name for a type or an enumerator.
func (n *names) other(name string) string {
	return unused(n.ordinary, identifier(name))
}

// unused returns the name, or one like it, and notes that it is taken.
func unused(t taken, base string) string {
	for i := t[base] + 1; ; i++ {
		name := variant(base, i)
		if i > 1 && t[name] > 0 {
			continue
		}
		t[base] = i
		if i > 1 {
			t[name] = 1
		}
		return name
	}
}

func variant(base string, i int) string {
	if i == 1 {
		return base
	}
	return base + "___" + strconv.Itoa(i)
}

// keywords cannot be names in the C that clang reads, or are macros of every
// compiler.
var keywords = func() map[string]bool {
	m := make(map[string]bool)
	for w := range strings.FieldsSeq(`auto break case char const continue default do double else enum extern float for goto if
		inline int long register restrict return short signed sizeof static struct switch typedef union unsigned void
		volatile while asm typeof typeof_unqual nullptr constexpr thread_local bool true false static_assert alignas
		alignof linux unix i386 vector pixel half`) {
		m[w] = true
	}
	return m
}()

func isIdentifier(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c != '_' && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}

// identifier makes a C identifier of a name.
func identifier(s string) string {
	if isIdentifier(s) && !keywords[s] && !compilers(s) {
		return s
	}
	var b strings.Builder
	b.WriteString("tcl_")
	for i := range len(s) {
		if isIdentifier("_" + s[i:i+1]) {
			b.WriteByte(s[i])
		} else {
			fmt.Fprintf(&b, "_%02x", s[i])
		}
	}
	return b.String()
}

// compilers says whether a name belongs to compilers. The kernel's types have
// names with two underscores in front as well; those may stay.
func compilers(s string) bool {
	switch {
	case len(s) < 2 || s[0] != '_':
		return false
	case s[1] != '_':
		return s[1] >= 'A' && s[1] <= 'Z'
	}
	return strings.HasSuffix(s, "__") || strings.HasPrefix(s, "__builtin_") || strings.ToUpper(s) == s || compilerWords[s]
}

// compilerWords are keywords with two underscores in front only.
var compilerWords = func() map[string]bool {
	m := make(map[string]bool)
	for w := range strings.FieldsSeq(`alignof asm attribute auto_type bf16 complex const float128 fp16 ibm128 imag inline int128
		int128_t null nonnull nullable private_extern real restrict signed thread typeof typeof_unqual uint128_t va_list_tag volatile`) {
		m["__"+w] = true
	}
	return m
}()
