// SPDX-License-Identifier: Apache-2.0

package config

import (
	"math/bits"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// setOurs sets a key that is not Falco's. Nobody relies on such a key taking
// its default when its value makes no sense, so that is an error.
func (c *Config) setOurs(k *Key, dst any, n *Node) error {
	if n.Kind == Null {
		setScalar(dst, k.Default)
		return nil
	}
	s := k.leaf()
	if n.Kind == List || n.Kind == Map {
		return c.fail(k.Path, "%s must be %s, but is %s", k.Path, s.phrase(), n.Kind)
	}
	if !setScalar(dst, n.Text) {
		return c.fail(k.Path, "%s must be %s, but is %q", k.Path, s.phrase(), n.Text)
	}
	if !s.limited {
		return nil
	}
	if v, ok := number(dst); ok && (v < s.min || v > s.max) {
		return c.fail(k.Path, "%s must lie between %s and %s, but is %s", k.Path, plain(s.min), plain(s.max), n.Text)
	}
	return nil
}

// phrase says what a value must be.
func (s *Shape) phrase() string {
	switch {
	case s.enum != nil:
		return "one of " + strings.Join(s.enum, ", ")
	case s.typ == "boolean":
		return "true or false"
	case s.limited:
		return "a number from " + plain(s.min) + " to " + plain(s.max)
	case s.typ == "integer", s.typ == "number":
		return "a number"
	}
	return "a text"
}

// plain prints a limit without an exponent.
func plain(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

func number(dst any) (float64, bool) {
	switch d := dst.(type) {
	case *int64:
		return float64(*d), true
	case *uint32:
		return float64(*d), true
	case *uint64:
		return float64(*d), true
	case *float64:
		return *d, true
	}
	return 0, false
}

// metricPrefix is what the name of a metric may begin with.
var metricPrefix = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)

// checkOurs validates keys that are not Falco's beyond type and range.
func (c *Config) checkOurs() error {
	for i := range Keys {
		k := &Keys[i]
		if !k.Ours || k.shape == nil || k.shape.enum == nil {
			continue
		}
		if text := *k.dst(c).(*string); !contains(k.shape.enum, text) {
			return c.fail(k.Path, "%s must be %s, but is %q", k.Path, k.shape.phrase(), text)
		}
	}
	switch {
	case bits.OnesCount32(c.Engine.SamplingRatio) != 1:
		return c.fail("engine.modern_ebpf.sampling_ratio", "engine.modern_ebpf.sampling_ratio must be a power of two from 1 to 128, but is %d", c.Engine.SamplingRatio)
	case c.Unix.Enabled && c.Unix.Path == "":
		return c.fail("unix_output", "unix output enabled but no path in configuration block")
	case !octalMode(c.File.Permissions):
		return c.fail("file_output.permissions", "file_output.permissions must be an octal mode such as 0640, but is %q", c.File.Permissions)
	case c.Spool.Dir != "" && !filepath.IsAbs(c.Spool.Dir):
		return c.fail("outputs_spool.dir", "outputs_spool.dir must be an absolute path, but is %q", c.Spool.Dir)
	case !metricPrefix.MatchString(c.Metrics.Namespace):
		return c.fail("metrics.namespace", "metrics.namespace must consist of letters, digits and _, but is %q", c.Metrics.Namespace)
	}
	if c.Engine.fullCapture != "" {
		ports, ok := parsePorts(c.Engine.fullCapture)
		if !ok {
			return c.fail("engine.modern_ebpf.full_capture_ports",
				"engine.modern_ebpf.full_capture_ports must be a port or a range such as 8000-8080, but is %q", c.Engine.fullCapture)
		}
		c.Engine.FullCapture = ports
	}
	return nil
}

func octalMode(text string) bool {
	mode, err := strconv.ParseUint(text, 8, 32)
	return err == nil && mode <= 0o777
}

// parsePorts reads a port, or the first and the last of a range.
func parsePorts(text string) (ports [2]uint16, ok bool) {
	first, last, isRange := strings.Cut(text, "-")
	if !isRange {
		last = first
	}
	for i, s := range []string{first, last} {
		v, err := strconv.ParseUint(strings.TrimSpace(s), 10, 16)
		if err != nil {
			return ports, false
		}
		ports[i] = uint16(v)
	}
	return ports, ports[0] <= ports[1] && ports[1] > 0
}
