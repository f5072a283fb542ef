// SPDX-License-Identifier: Apache-2.0

package rulework

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"go.yaml.in/yaml/v4"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/scap/scaptest"
)

// encode turns what a script says into the wire form of a parameter.
func encode(p *scap.ParamInfo, n *yaml.Node) ([]byte, error) {
	if n.Kind == yaml.SequenceNode {
		list, err := textList(n)
		if err != nil {
			return nil, err
		}
		return scaptest.Encode(p.Type, list)
	}
	if n.Kind != yaml.ScalarNode {
		return nil, fmt.Errorf("line %d: %s is a single value or a list", n.Line, p.Name)
	}
	v, err := scalar(p, n.Value)
	if err != nil {
		return nil, fmt.Errorf("line %d: %s: %w", n.Line, p.Name, err)
	}
	b, err := scaptest.Encode(p.Type, v)
	if err != nil {
		return nil, fmt.Errorf("line %d: %s: %w", n.Line, p.Name, err)
	}
	return b, nil
}

func textList(n *yaml.Node) ([]string, error) {
	list := make([]string, len(n.Content))
	for i, c := range n.Content {
		if c.Kind != yaml.ScalarNode {
			return nil, fmt.Errorf("line %d: a member of a list is a text", c.Line)
		}
		list[i] = c.Value
	}
	return list, nil
}

// scalar returns the value that a text stands for in a parameter.
func scalar(p *scap.ParamInfo, text string) (any, error) {
	switch p.Type {
	case scap.PTCharbuf, scap.PTFSPath, scap.PTFSRelpath:
		return text, nil
	case scap.PTBytebuf:
		return []byte(text), nil
	case scap.PTSockaddr:
		return address(text)
	case scap.PTSocktuple:
		return connection(text)
	case scap.PTErrno:
		return errno(text)
	case scap.PTSigtype:
		if s := unix.SignalNum(text); s != 0 {
			return int64(s), nil
		}
	case scap.PTBool:
		return strconv.ParseBool(text)
	case scap.PTDyn:
		return dynamic(p, text)
	case scap.PTDouble:
		return strconv.ParseFloat(text, 64)
	}
	if p.Flags != nil {
		return flags(p.Flags, text)
	}
	return integer(text)
}

func integer(text string) (any, error) {
	if strings.HasPrefix(text, "-") {
		return strconv.ParseInt(text, 0, 64)
	}
	return strconv.ParseUint(text, 0, 64)
}

// flags reads names joined by |, or a number.
func flags(t *scap.FlagTable, text string) (any, error) {
	if v, err := integer(text); err == nil {
		return v, nil
	}
	var bits uint64
	for name := range strings.SplitSeq(text, "|") {
		name = strings.TrimSpace(name)
		found := false
		for _, f := range t.Values {
			if f.Name == name {
				bits, found = bits|uint64(f.Value), true
				break
			}
		}
		if !found {
			return nil, fmt.Errorf("%q is none of %s", name, flagNames(t))
		}
	}
	return bits, nil
}

func flagNames(t *scap.FlagTable) string {
	var names []string
	for _, f := range t.Values {
		if len(names) == 40 {
			names = append(names, "...")
			break
		}
		names = append(names, f.Name)
	}
	return strings.Join(names, ", ")
}

// errno reads a result: a number, or the name of an error with or without a
// minus.
func errno(text string) (any, error) {
	if v, err := integer(text); err == nil {
		return v, nil
	}
	name := strings.TrimPrefix(text, "-")
	for e := unix.Errno(1); e < 200; e++ {
		if unix.ErrnoName(e) == name {
			return -int64(e), nil
		}
	}
	return nil, fmt.Errorf("%q is neither a number nor the name of an error such as ENOENT", text)
}

// address reads host:port or the path of a Unix socket.
func address(text string) ([]byte, error) {
	if strings.HasPrefix(text, "/") || strings.HasPrefix(text, "@") {
		return scap.AppendSockaddrUnix(nil, text), nil
	}
	a, err := netip.ParseAddrPort(text)
	if err != nil {
		return nil, fmt.Errorf("%q is neither an address such as 10.0.0.1:80 or [::1]:80 nor a path", text)
	}
	return scap.AppendSockaddr(nil, a), nil
}

// connection reads two addresses with -> between them, or the path of a Unix
// socket.
func connection(text string) ([]byte, error) {
	if strings.HasPrefix(text, "/") || strings.HasPrefix(text, "@") {
		return scap.AppendSocktupleUnix(nil, 1, 2, text), nil
	}
	from, to, ok := strings.Cut(text, "->")
	src, err1 := netip.ParseAddrPort(strings.TrimSpace(from))
	dst, err2 := netip.ParseAddrPort(strings.TrimSpace(to))
	if !ok || err1 != nil || err2 != nil || src.Addr().Is4() != dst.Addr().Is4() {
		return nil, fmt.Errorf("%q is no connection such as 10.0.0.1:4711->10.0.0.2:80", text)
	}
	return scap.AppendSocktuple(nil, src, dst), nil
}

// dynamic reads variant=value for a parameter that has several shapes; the
// names of the shapes are those of the event's table.
func dynamic(p *scap.ParamInfo, text string) ([]byte, error) {
	name, value, ok := strings.Cut(text, "=")
	var names []string
	for i, d := range p.Dyn {
		if ok && d.Name == name {
			v, err := scalar(&scap.ParamInfo{Name: p.Name, Type: d.Type}, value)
			if err != nil {
				return nil, err
			}
			b, err := scaptest.Encode(d.Type, v)
			return append([]byte{byte(i)}, b...), err
		}
		names = append(names, d.Name)
	}
	return nil, fmt.Errorf("%q is not of the form shape=value with one of the shapes %s", text, strings.Join(names, ", "))
}
