// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"math"

	"go.yaml.in/yaml/v4"
)

// readConversions reads how kernel numbers become portable ones. It runs after
// the flag tables, whose names it uses.
func (s *Schema) readConversions(top node) error {
	m, err := top.fields("hand generated", "")
	if err != nil {
		return err
	}
	hand, err := m["hand"].texts()
	if err != nil {
		return err
	}
	for _, name := range hand {
		s.conversions[name] = true
	}
	es, err := m["generated"].entries()
	if err != nil {
		return err
	}
	for _, e := range es {
		c, err := s.readConversion(e)
		if err != nil {
			return err
		}
		if s.conversions[c.Name] {
			return c.Errorf("conversion %s is there twice", c.Name)
		}
		s.conversions[c.Name] = true
		s.Conversions = append(s.Conversions, c)
	}
	return nil
}

func (s *Schema) readConversion(e entry) (*Conversion, error) {
	m, err := e.value.fields("table values", "enum")
	if err != nil {
		return nil, err
	}
	c := &Conversion{Pos: e.value.pos(), Name: e.key}
	table, err := m["table"].text()
	if err != nil {
		return nil, err
	}
	if c.Table = s.tables[table]; c.Table == nil {
		return nil, c.Errorf("conversion %s: no flag table %q", c.Name, table)
	}
	_, c.Enum = m["enum"]
	c.Enum = c.Enum || c.Table.Enum
	values, err := m["values"].entries()
	if err != nil {
		return nil, err
	}
	seen := map[KernelValue]bool{}
	for _, v := range values {
		portable, ok := c.Table.value(v.key)
		if !ok {
			return nil, v.value.errorf("conversion %s: table %s has no %s", c.Name, table, v.key)
		}
		kvs, err := readKernelValues(v.value, portable)
		if err != nil {
			return nil, err
		}
		for _, kv := range kvs {
			if !c.Enum && (!oneBit(kv.Kernel) || !oneBit(kv.Portable)) {
				return nil, v.value.errorf("conversion %s: %s is not a single bit on both sides", c.Name, v.key)
			}
			key := KernelValue{Arch: kv.Arch, Kernel: kv.Kernel}
			if seen[key] {
				return nil, v.value.errorf("conversion %s: kernel value %d has two meanings", c.Name, kv.Kernel)
			}
			seen[key] = true
		}
		c.Values = append(c.Values, kvs...)
	}
	return c, nil
}

func oneBit(v uint32) bool { return v != 0 && v&(v-1) == 0 }

func (t *Table) value(name string) (uint32, bool) {
	for _, v := range t.Values {
		if v.Name == name {
			return v.Value, true
		}
	}
	return 0, false
}

// readKernelValues reads a number, a list of numbers, or one by architecture.
func readKernelValues(n node, portable uint32) ([]KernelValue, error) {
	if n.Kind == yaml.MappingNode {
		m, err := n.fields("", keys(AMD64+" "+ARM64))
		if err != nil {
			return nil, err
		}
		var out []KernelValue
		for _, a := range Archs {
			if v, ok := m[string(a)]; ok {
				k, err := v.number(0, math.MaxUint32)
				if err != nil {
					return nil, err
				}
				out = append(out, KernelValue{a, uint32(k), portable})
			}
		}
		return out, nil
	}
	ks, err := n.numbers(0, math.MaxUint32)
	if err != nil {
		return nil, err
	}
	var out []KernelValue
	for _, k := range ks {
		out = append(out, KernelValue{"", uint32(k), portable})
	}
	return out, nil
}
