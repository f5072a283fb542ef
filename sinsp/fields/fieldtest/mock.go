// SPDX-License-Identifier: Apache-2.0

// Package fieldtest makes catalogs whose fields have given values, so that
// conditions and formats can be tested without an event.
package fieldtest

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/sinsp/fields"
	"github.com/tiercel/tiercel/sinsp/state"
)

// Mock returns the catalog of all fields in which just the given ones have a
// value, whatever the event (nil is fine). A key is a field as a condition
// names it (proc.name, proc.aname[2], evt.arg.flags); a value is what
// encoding/json makes of a string, number, bool or array, or
// {"hex": "..."} for bytes. Addresses and networks are text. An array on a
// field that is not a list but stands for several values (fd.ip) is all of
// them. A key whose argument the field refuses is ignored, because no
// condition can ask for it.
func Mock(values map[string]any) (fields.Catalog, error) {
	m := &mock{base: fields.Default(), fields: make(map[string]*mocked)}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		ref, n, err := resolve(m.base, key)
		var bad *fields.ArgumentError
		switch {
		case errors.As(err, &bad):
			continue
		case err != nil:
			return nil, err
		case n < len(key):
			if _, _, hasArg := splitKey(key); hasArg {
				continue
			}
			return nil, &fields.UnknownFieldError{Text: key, Name: key}
		}
		v, err := convert(ref.Type, values[key])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
		f := m.fields[ref.Field.Name]
		if f == nil {
			f = newMocked(ref.Field)
			m.fields[ref.Field.Name] = f
		}
		f.values[ref.Arg.Text] = v
	}
	return m, nil
}

// resolve takes an argument with blanks, too, which conditions write in quotes.
func resolve(cat fields.Catalog, key string) (fields.Ref, int, error) {
	name, arg, hasArg := splitKey(key)
	if hasArg && strings.HasSuffix(arg, "]") && strings.ContainsAny(arg, " \t") {
		ref, err := fields.Resolve(cat, name, arg[1:len(arg)-1], true)
		return ref, len(key), err
	}
	return fields.ResolvePrefix(cat, key)
}

func splitKey(key string) (name, arg string, hasArg bool) {
	for i := range key {
		if key[i] == '[' {
			return key[:i], key[i:], true
		}
	}
	return key, "", false
}

type mock struct {
	base   *fields.Table
	fields map[string]*mocked
}

// Lookup implements fields.Catalog.
func (m *mock) Lookup(name string) *fields.Field {
	if f := m.fields[name]; f != nil {
		return &f.field
	}
	base := m.base.Lookup(name)
	if base == nil {
		return nil
	}
	f := newMocked(base)
	m.fields[name] = f
	return &f.field
}

// mocked is a field of the table with its extractor replaced.
type mocked struct {
	field  fields.Field
	values map[string]fields.Value // by argument
}

func newMocked(base *fields.Field) *mocked {
	f := &mocked{field: *base, values: make(map[string]fields.Value)}
	f.field.Extract = f.extract
	if base.Each != nil {
		f.field.Each = f.each
	}
	return f
}

func (f *mocked) extract(_ *state.Event, arg *fields.Arg, out *fields.Value) bool {
	v, ok := f.values[arg.Text]
	if ok {
		*out = v
	}
	return ok
}

func (f *mocked) each(_ *state.Event, arg *fields.Arg, i int, out *fields.Value) bool {
	v, ok := f.values[arg.Text]
	if !ok {
		return false
	}
	switch {
	case v.Strs != nil:
		if i < len(v.Strs) {
			*out = fields.Value{S: v.Strs[i]}
		}
		return i < len(v.Strs)
	case v.Nums != nil:
		if i < len(v.Nums) {
			*out = fields.Value{N: v.Nums[i]}
		}
		return i < len(v.Nums)
	}
	*out = v
	return i == 0
}

// convert makes a Value of type t out of a JSON value.
func convert(t scap.ParamType, in any) (fields.Value, error) {
	var v fields.Value
	list, ok := in.([]any)
	if !ok {
		return scalar(t, in)
	}
	if isText(t) {
		v.Strs = []string{}
	} else {
		v.Nums = []uint64{}
	}
	for _, e := range list {
		one, err := scalar(t, e)
		if err != nil {
			return v, err
		}
		if isText(t) {
			v.Strs = append(v.Strs, one.S)
		} else {
			v.Nums = append(v.Nums, one.N)
		}
	}
	return v, nil
}

func isText(t scap.ParamType) bool {
	switch t {
	case scap.PTCharbuf, scap.PTBytebuf, scap.PTFSPath, scap.PTFSRelpath, scap.PTIPAddr, scap.PTIPNet,
		scap.PTIPv4Addr, scap.PTIPv6Addr, scap.PTCharbufArray, scap.PTCharbufPairArray:
		return true
	}
	return false
}

func scalar(t scap.ParamType, in any) (fields.Value, error) {
	switch x := in.(type) {
	case string:
		return text(t, x)
	case bool:
		if x {
			return fields.Value{N: 1}, nil
		}
		return fields.Value{}, nil
	case float64:
		return number(t, x), nil
	case int:
		return number(t, float64(x)), nil
	case json.Number:
		if n, err := x.Int64(); err == nil && t != scap.PTDouble {
			return fields.Value{N: uint64(n)}, nil
		}
		if n, err := strconv.ParseUint(x.String(), 10, 64); err == nil && t != scap.PTDouble {
			return fields.Value{N: n}, nil
		}
		n, err := x.Float64()
		return number(t, n), err
	case map[string]any:
		h, _ := x["hex"].(string)
		b, err := hex.DecodeString(h)
		return fields.Value{S: string(b)}, err
	}
	return fields.Value{}, fmt.Errorf("cannot make a value of %T", in)
}

func number(t scap.ParamType, x float64) fields.Value {
	if t == scap.PTDouble {
		return fields.Value{N: math.Float64bits(x)}
	}
	if x < 0 {
		return fields.Value{N: uint64(int64(x))}
	}
	return fields.Value{N: uint64(x)}
}

func text(t scap.ParamType, s string) (fields.Value, error) {
	switch t {
	case scap.PTIPAddr, scap.PTIPNet, scap.PTIPv4Addr, scap.PTIPv6Addr:
		a, err := netip.ParseAddr(s)
		return fields.Value{S: string(a.AsSlice())}, err
	}
	if !isText(t) && t != scap.PTDyn {
		return fields.Value{}, fmt.Errorf("text for a field of numbers")
	}
	return fields.Value{S: s}, nil
}
