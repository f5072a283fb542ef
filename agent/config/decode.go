// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/tiercel/tiercel/sinsp/container"
)

// errConversion is how the reference reports a malformed structured entry.
var errConversion = errors.New("bad conversion")

// decode fills c from its tree by the table of keys. A plain value that does
// not convert takes the default: the schema check reports it.
func (c *Config) decode() error {
	c.Containers = container.DefaultConfig()
	for i := range Keys {
		k := &Keys[i]
		n, err := c.tree.Lookup(k.Path)
		if err != nil && c.otherEngine(k.Path) {
			n, err = nil, nil
		}
		if err != nil {
			return err
		}
		switch {
		case k.decode != nil:
			if n == nil || n.Kind == Null {
				continue
			}
			if err := k.decode(c, n); err != nil {
				return err
			}
		case k.dst != nil:
			dst := k.dst(c)
			if list, ok := dst.(*[]string); ok {
				for _, item := range n.entries() {
					if item.Kind == List || item.Kind == Map {
						return badEntry(k.Path, item, "an entry is a text")
					}
				}
				*list = stringList(n)
				continue
			}
			text, isText := dst.(*string)
			switch {
			case k.Ours && n != nil:
				if err := c.setOurs(k, dst, n); err != nil {
					return err
				}
			case isText && n != nil && n.written:
				*text = "null" // this is what a null is as a text
			case n == nil || n.Kind != Scalar || !setScalar(dst, n.Text) || tooWide(dst, k):
				c.warnUnfit(k, n)
				setScalar(dst, k.Default)
			}
		}
	}
	return c.finishContainers()
}

// warnUnfit tells of a value that the default stands for and that the schema
// check says nothing about: a number too large, or anything wrong in an option.
func (c *Config) warnUnfit(k *Key, n *Node) {
	if n == nil || n.Kind == Null || n.Origin.Line > 0 && k.leaf().check(n, "") != "" {
		return
	}
	c.Warnings = append(c.Warnings, fmt.Sprintf("%s takes %s: the value%s does not fit, the default %q counts", k.Path, k.leaf().typ, c.at(k.Path), k.Default))
}

// tooWide reports whether a number does not fit where the reference has less
// room for it than we have: it counts as no number then.
func tooWide(dst any, k *Key) bool {
	switch d := dst.(type) {
	case *int64: // the presets
		return *d != int64(int16(*d))
	case *uint32:
		return k.Wide != 0 && float64(*d) > k.Wide
	}
	return false
}

// otherEngine reports whether a key is one of an engine that is not chosen:
// nobody looks at it then. The kind of engine is decoded first.
func (c *Config) otherEngine(key string) bool {
	name, ok := strings.CutPrefix(key, "engine.")
	name, _, sub := strings.Cut(name, ".")
	return ok && sub && name != c.Engine.Kind
}

// entries returns the members of a list, or a single text as the only one; a
// map or nothing has none.
func (n *Node) entries() []*Node {
	switch {
	case n == nil:
		return nil
	case n.Kind == List:
		return n.Items
	case n.Kind == Scalar:
		return []*Node{n}
	}
	return nil
}

// setScalar converts text by the reader's rules: YAML 1.1 booleans, decimal,
// octal (0) and hexadecimal (0x) numbers that fit, decimal fractions. It
// reports whether the text converts.
func setScalar(dst any, text string) bool {
	switch d := dst.(type) {
	case *string:
		*d = text
		return true
	case *bool:
		v, ok := ParseBool(text)
		*d = v
		return ok
	case *int64:
		digits, base := numeral(text)
		v, err := strconv.ParseInt(digits, base, 64)
		*d = v
		return err == nil
	case *uint32:
		digits, base := numeral(text)
		v, err := strconv.ParseUint(digits, base, 32)
		*d = uint32(v)
		return err == nil
	case *uint64:
		digits, base := numeral(text)
		v, err := strconv.ParseUint(digits, base, 64)
		*d = v
		return err == nil
	case *float64:
		v, ok := parseFloat(text)
		*d = v
		return ok
	}
	return false
}

// numeral splits a number into its digits, with the sign if it is a minus, and
// their base.
func numeral(text string) (digits string, base int) {
	digits = strings.TrimRight(text, " \t\n\v\f\r")
	sign := ""
	if strings.HasPrefix(digits, "-") {
		sign = "-"
	}
	if len(digits) > 0 && strings.IndexByte("+-", digits[0]) >= 0 {
		digits = digits[1:]
	}
	switch low := strings.ToLower(digits); {
	case len(digits) > 0 && strings.IndexByte("+-", digits[0]) >= 0:
		return "", 10
	case strings.HasPrefix(low, "0x"):
		return sign + digits[2:], 16
	case len(digits) > 1 && digits[0] == '0':
		return sign + digits[1:], 8
	}
	return sign + digits, 10
}

func parseFloat(text string) (float64, bool) {
	switch text {
	case ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF":
		return math.Inf(1), true
	case "-.inf", "-.Inf", "-.INF":
		return math.Inf(-1), true
	case ".nan", ".NaN", ".NAN":
		return math.NaN(), true
	}
	text = strings.TrimRight(text, " \t\n\v\f\r")
	if strings.Trim(text, "+-.eE0123456789") != "" {
		return 0, false
	}
	v, err := strconv.ParseFloat(text, 64)
	return v, err == nil
}

// ParseBool reads a boolean as YAML 1.1 writes them: y, yes, true, on and
// their opposites in lower, Title or UPPER case.
func ParseBool(text string) (value, ok bool) {
	lower := strings.ToLower(text)
	if text != lower && text != strings.ToUpper(text) && text[1:] != lower[1:] {
		return false, false
	}
	switch lower {
	case "y", "yes", "true", "on":
		return true, true
	case "n", "no", "false", "off":
		return false, true
	}
	return false, false
}

// stringList reads a list of texts; a single text is a list of one.
func stringList(n *Node) []string {
	if n == nil {
		return nil
	}
	switch n.Kind {
	case Scalar:
		return []string{n.Text}
	case List:
		list := make([]string, 0, len(n.Items))
		for _, item := range n.Items {
			switch {
			case item.Kind == Scalar:
				list = append(list, item.Text)
			case item.Kind == Null:
				list = append(list, "null")
			}
		}
		return list
	}
	return nil
}

func badEntry(key string, n *Node, why string) error {
	return fmt.Errorf("%s: %s: %s: %w", n.Origin, key, why, errConversion)
}

// text returns the text under key, "" when it is absent; a null that is
// written there is the text null.
func (n *Node) text(key string) string {
	switch v := n.Get(key); {
	case v == nil:
		return ""
	case v.written:
		return "null"
	case v.Kind == Scalar:
		return v.Text
	}
	return ""
}

// onlyTexts refuses a list or a map under one of the keys of n, which is an
// entry of the key.
func (n *Node) onlyTexts(key string, names ...string) error {
	for _, name := range names {
		if v := n.Get(name); v != nil && (v.Kind == List || v.Kind == Map) {
			return badEntry(key, v, name+" is a text")
		}
	}
	return nil
}

func decodeRules(c *Config, n *Node) error {
	// A map is what -o rules.x=y makes of a list: no entries.
	for _, item := range n.entries() {
		sel, enable := item.Get("enable"), true
		if sel == nil {
			sel, enable = item.Get("disable"), false
		}
		if err := sel.onlyTexts("rules", "rule", "tag"); err != nil {
			return err
		}
		s := RuleSwitch{Enable: enable, Rule: sel.text("rule"), Tag: sel.text("tag")}
		if s.Rule == "" && s.Tag == "" {
			return badEntry("rules", item, "an entry must enable or disable a rule or a tag")
		}
		c.Rules = append(c.Rules, s)
	}
	return nil
}

// decodeStatic reads a map of texts.
func decodeStatic(c *Config, n *Node) error {
	if err := n.onlyTexts("static_fields", n.Keys...); err != nil {
		return err
	}
	var fields []StaticField
	for _, key := range n.Keys {
		fields = append(fields, StaticField{key, n.text(key)})
	}
	c.StaticFields = fields
	return nil
}

func decodeAppendOutput(c *Config, n *Node) error {
	for _, item := range n.entries() {
		if item.Kind != Map {
			return badEntry("append_output", item, "an entry must be a map")
		}
		match := item.Get("match")
		if match != nil && match.Kind == Scalar {
			return badEntry("append_output", match, "match is a map")
		}
		if err := errors.Join(match.onlyTexts("append_output", "source", "rule"), item.onlyTexts("append_output", "extra_output")); err != nil {
			return err
		}
		a := AppendOutput{
			Source: match.text("source"), Rule: match.text("rule"),
			ExtraOutput: item.text("extra_output"), Origin: item.Origin,
		}
		if tags := match.Get("tags"); tags != nil && tags.Kind == List {
			for _, tag := range tags.Items {
				if tag.Kind != Scalar {
					return badEntry("append_output", tag, "a tag is a text")
				}
			}
			a.Tags = stringList(tags)
		}
		if v := item.Get("suggested_output"); v != nil && !setScalar(&a.Suggested, v.Text) {
			return badEntry("append_output", v, "suggested_output is true or false")
		}
		if err := a.decodeFields(item.Get("extra_fields")); err != nil {
			return err
		}
		if a.Rule != "" && len(a.Tags) > 0 {
			c.Warnings = append(c.Warnings, fmt.Sprintf("append_output entry at %s matches by rule and by tags: both must hold", item.Origin))
		}
		c.AppendOutput = append(c.AppendOutput, a)
	}
	return nil
}

func (a *AppendOutput) decodeFields(n *Node) error {
	if n == nil {
		return nil
	}
	if n.Kind != List {
		return badEntry("append_output", n, "extra_fields must be a list")
	}
	for _, item := range n.Items {
		f := ExtraField{}
		switch {
		case item.Kind == Scalar:
			f = ExtraField{Name: item.Text, Raw: true}
		case item.Kind == Map && len(item.Keys) == 1 && item.onlyTexts("append_output", item.Keys...) == nil:
			f = ExtraField{Name: item.Keys[0], Format: item.text(item.Keys[0])}
		default:
			return badEntry("append_output", item, "an extra field is a name or {name: format}")
		}
		for _, other := range a.ExtraFields {
			if other.Name == f.Name && !(other.Raw && f.Raw) {
				return badEntry("append_output", item, fmt.Sprintf("the extra field %q is there twice", f.Name))
			}
		}
		a.ExtraFields = append(a.ExtraFields, f)
	}
	return nil
}
