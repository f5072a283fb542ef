// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"cmp"
	"fmt"
	"math"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/tiercel/tiercel/agent/config"
	"github.com/tiercel/tiercel/sinsp/format"
)

// FalcoNamespace is the metrics.namespace that gives the reference's metrics
// and nothing else.
const FalcoNamespace = "falcosecurity"

// field is one entry of a snapshot, its value already JSON.
type field struct{ name, value string }

// fields are a snapshot that is being made.
type fields []field

func (f *fields) text(name, value string) {
	*f = append(*f, field{name, string(format.AppendString(nil, value))})
}

func (f *fields) count(name string, n uint64) {
	*f = append(*f, field{name, strconv.FormatUint(n, 10)})
}

// real writes a number that reads as a floating-point one, also when it is
// whole: 2.0.
func (f *fields) real(name string, v float64) {
	text := strconv.FormatFloat(v, 'f', -1, 64)
	if math.IsNaN(v) || math.IsInf(v, 0) {
		text = "0.0"
	} else if !strings.Contains(text, ".") {
		text += ".0"
	}
	*f = append(*f, field{name, text})
}

// source is what a snapshot is made of beside the sample.
type source struct {
	conf       *config.Metrics
	interfaces []net.Interface
	addrs      func(*net.Interface) ([]net.Addr, error)
	programs   func(yield func(name string, runs, ns uint64)) error
}

// snapshotFields returns the fields of a snapshot, sorted by name. The names
// are the reference's, so that dashboards work; those that it lacks begin with
// tiercel. and are left out when metrics.namespace is falcosecurity.
func snapshotFields(r *reading, src *source) fields {
	var f fields
	f.general(r)
	f.network(src)
	for i := range Table {
		f.metric(&Table[i], r, src.conf)
	}
	if src.conf.Rules {
		f.rules(r, src.conf.Empty)
	}
	if r.now.HasDriver && src.conf.KernelCPU {
		f.cpus(r, src.conf.Empty)
	}
	if r.now.HasDriver && src.conf.BPFStats && src.programs != nil {
		f.programs(src.programs, src.conf.Empty)
	}
	slices.SortStableFunc(f, func(a, b field) int { return cmp.Compare(a.name, b.name) })
	// Files in two folders can have one name: the last one counts.
	slices.Reverse(f)
	f = slices.CompactFunc(f, func(a, b field) bool { return a.name == b.name })
	slices.Reverse(f)
	return f
}

// general are the fields that are always there.
func (f *fields) general(r *reading) {
	s, in := &r.now, r.now.Info
	f.count("evt.time", uint64(s.Time.UnixNano()))
	f.text("evt.hostname", in.Hostname)
	f.text("evt.source", in.Source)
	f.text("falco.version", in.Version)
	f.count("falco.start_ts", nanos(in.Start))
	f.count("falco.duration_sec", uint64(max(0, int64(s.Time.Sub(in.Start).Seconds()))))
	f.count("falco.reload_ts", nanos(in.Reload))
	f.text("falco.kernel_release", in.KernelRelease)
	f.count("falco.host_boot_ts", nanos(in.Boot))
	f.count("falco.host_num_cpus", uint64(in.NumCPUs))
	if in.Engine != "" {
		f.text("scap.engine_name", in.Engine)
	}
	if r.seconds > 0 {
		f.real("falco.evts_rate_sec", r.rate(s.Events, r.events))
	}
	for _, sum := range in.RulesFiles {
		f.text("falco.sha256_rules_file."+Name(sum.Name), sum.SHA256)
	}
	for _, sum := range in.ConfigFiles {
		f.text("falco.sha256_config_file."+Name(sum.Name), sum.SHA256)
	}
}

// network lists the addresses of the host's interfaces.
func (f *fields) network(src *source) {
	for i := range src.interfaces {
		iface := &src.interfaces[i]
		if iface.Flags&net.FlagLoopback != 0 {
			continue
		}
		addrs, err := src.addrs(iface)
		if err != nil {
			continue // gone meanwhile
		}
		var v4, v6 []string
		for _, a := range addrs {
			n, ok := a.(*net.IPNet)
			switch {
			case !ok:
			case n.IP.To4() != nil:
				v4 = append(v4, n.IP.String())
			default:
				v6 = append(v6, n.IP.String())
			}
		}
		base := "falco.host_netinfo.interfaces." + iface.Name + ".protocols."
		if v4 != nil {
			f.text(base+"ipv4.addresses", strings.Join(v4, ","))
		}
		if v6 != nil {
			f.text(base+"ipv6.addresses", strings.Join(v6, ","))
		}
	}
}

// metric adds one metric of the table, if it is wanted here.
func (f *fields) metric(m *Metric, r *reading, conf *config.Metrics) {
	if m.Field == "" || !m.Group.on(conf) || m.Driver && !r.now.HasDriver ||
		m.Group == State && !r.now.HasState || m.Ours() && strings.HasPrefix(m.Field, "tiercel.") && conf.Namespace == FalcoNamespace {
		return
	}
	keep := m.Zero || conf.Empty
	if m.value != nil {
		if v := m.value(r); v != 0 || keep {
			f.real(m.Field, v)
		}
		return
	}
	n := m.count(r)
	if n == 0 && !keep {
		return
	}
	switch {
	case (m.Unit == Memory || m.Unit == Bytes) && conf.MemoryMB:
		f.real(m.Field+"_mb", oneDecimal(float64(n)/(1<<20)))
	case m.Unit == Memory:
		f.count(m.Field+"_kb", n>>10)
	case m.Unit == Bytes:
		f.count(m.Field+"_bytes", n)
	default:
		f.count(m.Field, n)
	}
}

// rules counts matches. Rules whose names become the same are added up.
func (f *fields) rules(r *reading, empty bool) {
	var total uint64
	at := map[string]int{}
	var sums fields
	counts := []uint64{}
	for i, c := range r.now.Rules {
		total += c.Matches
		if i >= len(r.now.Info.Rules) || c.Matches == 0 && !empty {
			continue
		}
		name := "falco.rules." + Name(r.now.Info.Rules[i].Name)
		if name == "falco.rules.matches_total" {
			continue // would hide the sum
		}
		j, ok := at[name]
		if !ok {
			j = len(sums)
			at[name] = j
			sums, counts = append(sums, field{name: name}), append(counts, 0)
		}
		counts[j] += c.Matches
	}
	f.count("falco.rules.matches_total", total)
	for j := range sums {
		f.count(sums[j].name, counts[j])
	}
}

func (f *fields) cpus(r *reading, empty bool) {
	for i := range r.now.Driver.PerCPU {
		c := &r.now.Driver.PerCPU[i]
		if c.Seen > 0 || empty {
			f.count(fmt.Sprintf("scap.n_evts_cpu_%d", i), c.Seen)
		}
		if n := c.Drops(); n > 0 || empty {
			f.count(fmt.Sprintf("scap.n_drops_cpu_%d", i), n)
		}
	}
}

func (f *fields) programs(programs func(yield func(name string, runs, ns uint64)) error, empty bool) {
	_ = programs(func(name string, runs, ns uint64) { // an error means fewer numbers
		if runs == 0 && !empty {
			return
		}
		base := "scap." + name + "."
		f.count(base+"run_cnt", runs)
		f.count(base+"run_time_ns", ns)
		f.count(base+"avg_time_ns", ns/max(runs, 1))
	})
}

// appendJSON appends the object of the fields.
func (f fields) appendJSON(dst []byte) []byte {
	dst = append(dst, '{')
	for i, e := range f {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(format.AppendString(dst, e.name), ':')
		dst = append(dst, e.value...)
	}
	return append(dst, '}')
}

// appendText appends the fields as name=value; values are JSON.
func (f fields) appendText(dst []byte) []byte {
	for i, e := range f {
		if i > 0 {
			dst = append(dst, ' ')
		}
		dst = append(append(append(dst, e.name...), '='), e.value...)
	}
	return dst
}
