// SPDX-License-Identifier: Apache-2.0

package program_test

import (
	"encoding/hex"
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/sinsp/fields"
	"github.com/tiercel/tiercel/sinsp/state"
)

// catalog is a small table of fields whose values a test sets. The types are
// those of the real fields of that name.
type catalog struct {
	fields map[string]*fields.Field
	values map[string]*slot // by field
	asked  int              // how many times a field was extracted
}

// slot holds the values of a field, by argument.
type slot struct {
	byArg map[string]*fields.Value
}

func newCatalog() *catalog {
	c := &catalog{fields: map[string]*fields.Field{}, values: map[string]*slot{}}
	for _, f := range []*fields.Field{
		{Name: "evt.type", Type: scap.PTCharbuf},
		{Name: "evt.num", Type: scap.PTUint64},
		{Name: "evt.rawres", Type: scap.PTInt64},
		{Name: "evt.buffer", Type: scap.PTBytebuf},
		{Name: "evt.latency", Type: scap.PTReltime},
		{Name: "evt.outputtime", Type: scap.PTCharbuf, OutputOnly: true},
		{Name: "evt.cpu", Type: scap.PTInt16},
		{Name: "evt.around", Type: scap.PTUint64, Within: true, NoRHS: true, NoTransform: true},
		{Name: "proc.name", Type: scap.PTCharbuf},
		{Name: "proc.pname", Type: scap.PTCharbuf},
		{Name: "proc.exepath", Type: scap.PTCharbuf},
		{Name: "proc.cmdline", Type: scap.PTCharbuf},
		{Name: "proc.pid", Type: scap.PTInt64},
		{Name: "proc.ppid", Type: scap.PTInt64},
		{Name: "proc.is_exe_writable", Type: scap.PTBool},
		{Name: "proc.aname", Type: scap.PTCharbuf, Arg: fields.ArgOptional, ArgIndex: true, NoRHS: true, NoTransform: true},
		{Name: "user.uid", Type: scap.PTUint32},
		{Name: "user.loginname", Type: scap.PTUID},
		{Name: "thread.cpu", Type: scap.PTDouble},
		{Name: "fd.name", Type: scap.PTCharbuf},
		{Name: "fd.sport", Type: scap.PTPort},
		{Name: "fd.cip", Type: scap.PTIPAddr},
		{Name: "fd.sip", Type: scap.PTIPAddr},
		{Name: "fd.cnet", Type: scap.PTIPNet, NoRHS: true, NoTransform: true},
		{Name: "fd.ip", Type: scap.PTIPAddr, NoRHS: true, NoTransform: true, NEAll: true},
		{Name: "fd.types", Type: scap.PTCharbuf, List: true, NoRHS: true},
		{Name: "list.text", Type: scap.PTCharbuf, List: true},
		{Name: "list.more", Type: scap.PTCharbuf, List: true},
		{Name: "list.num", Type: scap.PTUint64, List: true},
		{Name: "list.ip", Type: scap.PTIPAddr, List: true},
		{Name: "list.net", Type: scap.PTIPNet, List: true},
		{Name: "list.pid", Type: scap.PTPID, List: true},
	} {
		s := &slot{byArg: map[string]*fields.Value{}}
		f.Extract = func(_ *state.Event, arg *fields.Arg, out *fields.Value) bool {
			c.asked++
			v := s.byArg[arg.Text]
			if v == nil {
				return false
			}
			*out = *v
			return true
		}
		if f.NEAll || f.Name == "proc.aname" {
			f.Each = func(_ *state.Event, arg *fields.Arg, i int, out *fields.Value) bool {
				v := s.byArg[arg.Text]
				if v == nil || i >= len(v.Strs) {
					return false
				}
				*out = fields.Value{S: v.Strs[i]}
				return true
			}
		}
		c.fields[f.Name], c.values[f.Name] = f, s
	}
	return c
}

// Lookup implements fields.Catalog.
func (c *catalog) Lookup(name string) *fields.Field { return c.fields[name] }

// Suggest makes the catalog one that can tell what was meant.
func (c *catalog) Suggest(name string) string {
	if name == "proc.nme" {
		return "proc.name"
	}
	return ""
}

func (c *catalog) clear() {
	for _, s := range c.values {
		clear(s.byArg)
	}
}

// set gives a field (with an argument in brackets) a value written as text;
// lists are in brackets, bytes after "hex:".
func (c *catalog) set(t testing.TB, name, text string) {
	t.Helper()
	arg := ""
	if i := strings.IndexByte(name, '['); i > 0 {
		name, arg = name[:i], strings.TrimSuffix(name[i+1:], "]")
	}
	f := c.fields[name]
	if f == nil {
		t.Fatalf("no field %s", name)
	}
	v, err := valueOf(f.Type, text)
	if err != nil {
		t.Fatalf("%s=%s: %v", name, text, err)
	}
	c.values[name].byArg[arg] = v
}

func valueOf(typ scap.ParamType, text string) (*fields.Value, error) {
	v := &fields.Value{}
	if list, ok := strings.CutPrefix(text, "("); ok {
		v.Strs, v.Nums = []string{}, []uint64{}
		for _, e := range strings.Split(strings.TrimSuffix(list, ")"), ",") {
			if e == "" {
				continue
			}
			one, err := valueOf(typ, e)
			if err != nil {
				return nil, err
			}
			v.Strs, v.Nums = append(v.Strs, one.S), append(v.Nums, one.N)
		}
		return v, nil
	}
	var err error
	switch typ {
	case scap.PTCharbuf, scap.PTBytebuf:
		v.S = text
		if h, ok := strings.CutPrefix(text, "hex:"); ok {
			var b []byte
			b, err = hex.DecodeString(h)
			v.S = string(b)
		}
	case scap.PTIPAddr, scap.PTIPNet:
		var a netip.Addr
		a, err = netip.ParseAddr(text)
		v.S = string(a.AsSlice())
	case scap.PTBool:
		if text == "true" {
			v.N = 1
		}
	case scap.PTDouble:
		var d float64
		d, err = strconv.ParseFloat(text, 64)
		v.N = math.Float64bits(d)
	case scap.PTInt16, scap.PTInt64:
		var n int64
		n, err = strconv.ParseInt(text, 10, 64)
		v.N = uint64(n)
	case scap.PTUint32, scap.PTUint64, scap.PTPort, scap.PTReltime, scap.PTPID, scap.PTUID:
		v.N, err = strconv.ParseUint(text, 10, 64)
	default:
		err = fmt.Errorf("type %d", typ)
	}
	return v, err
}

// eventOf returns an event of a type, without parameters.
func eventOf(t testing.TB, typ scap.EventType) *state.Event {
	t.Helper()
	raw := make([]byte, scap.HeaderSize)
	raw[16] = scap.HeaderSize
	raw[20], raw[21] = byte(typ), byte(typ>>8)
	ev := &scap.Event{}
	if err := ev.Decode(raw); err != nil {
		t.Fatal(err)
	}
	return &state.Event{Event: ev}
}
