// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"math"
	"net/http"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/zap"
)

// help is the text of metrics that are not in the table, by name.
var help = map[string]string{
	"falco_version_info":                    "Version of the agent.",
	"falco_sha256_rules_files_info":         "SHA-256 of a rules file.",
	"falco_sha256_config_files_info":        "SHA-256 of a configuration file.",
	"falco_reload_timestamp_nanoseconds":    "When the configuration in force was loaded.",
	"falco_rules_matches_total":             "Matches of a rule.",
	"scap_engine_name_info":                 "Where events come from.",
	"falco_kernel_release_info":             "Release of the kernel.",
	"falco_start_timestamp_nanoseconds":     "When the agent was started.",
	"falco_duration_seconds_total":          "How long the agent has run.",
	"evt_hostname_info":                     "Name of the host.",
	"falco_host_boot_timestamp_nanoseconds": "When the host was booted.",
	"falco_host_num_cpus_total":             "CPUs of the host.",
	"scap_n_evts_cpu_total":                 "Events by CPU.",
	"scap_n_drops_cpu_total":                "Lost events by CPU.",
	"agent_build_info":                      "What the agent was built of.",
	"agent_rule_evaluations_total":          "How often a rule's condition was asked.",
	"agent_rule_seconds_total":              "Time in a rule's condition; sampled and scaled up.",
	"agent_rule_blind_info":                 "Rules that see all or part of what they need not collected.",
	"agent_syscall_events_total":            "Events by system call or tracepoint.",
	"agent_syscall_drops_total":             "Lost events by system call or tracepoint.",
	"agent_output_queue_length":             "Alerts that wait for an output.",
	"agent_output_queue_capacity":           "Alerts that may wait for an output.",
	"agent_output_alerts_written_total":     "Alerts that an output has written.",
	"agent_output_alerts_dropped_total":     "Alerts lost because the output's queue was full.",
	"agent_output_alerts_failed_total":      "Alerts that an output could not write.",
	"agent_output_up":                       "1 while the last write of an output went well.",
	"agent_output_spooled_alerts":           "Alerts that wait on disk for an output.",
	"agent_output_spooled_bytes":            "Bytes of these.",
	"agent_metrics_scrape_errors_total":     "Scrapes that lacked something.",
	"agent_metrics_age_seconds":             "How long ago the event loop published these numbers.",
}

// collector gives Prometheus what is on the board at the time of the scrape.
type collector struct {
	board *Board
	opts  Options

	mu      sync.Mutex // one scrape at a time
	reading reading
	res     *resourceReader
	errors  uint64
	ns      string // with the underscore
	out     chan<- prometheus.Metric
}

func newCollector(b *Board, o Options) *collector {
	ns := Name(o.Config.Namespace)
	switch {
	case ns == "":
		ns = "tiercel"
	case ns[0] >= '0' && ns[0] <= '9': // no name begins with a digit
		ns = "_" + ns
	}
	return &collector{board: b, opts: o, res: newResourceReader(&o), ns: ns + "_"}
}

// newHandler serves a scrape.
func newHandler(b *Board, o Options) http.Handler {
	reg := prometheus.NewPedanticRegistry()
	reg.MustRegister(newCollector(b, o))
	return promhttp.HandlerFor(reg, promhttp.HandlerOpts{
		ErrorLog: zap.NewStdLog(o.Log), ErrorHandling: promhttp.ContinueOnError, MaxRequestsInFlight: 4,
	})
}

// Describe implements prometheus.Collector. What there is depends on rules,
// CPUs and outputs: nothing is promised.
func (c *collector) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.out = out
	if !c.board.Read(&c.reading.now) || c.reading.now.Info == nil {
		return
	}
	if c.opts.Config.Resources {
		var err error
		if c.reading.res, err = c.res.read(); err != nil {
			c.errors++
		}
	}
	c.general()
	for i := range Table {
		c.metric(&Table[i])
	}
	c.rules()
	if c.reading.now.HasDriver {
		c.kernel()
	}
	c.outputs()
}

type labels = prometheus.Labels

// send sends one sample. Name is without the namespace.
func (c *collector) send(name, help string, kind Kind, value float64, l labels) {
	t := prometheus.CounterValue
	if kind == Gauge {
		t = prometheus.GaugeValue
	}
	m, err := prometheus.NewConstMetric(prometheus.NewDesc(c.ns+name, help, nil, l), t, value)
	if err != nil { // a label that is no UTF-8
		c.errors++
		return
	}
	c.out <- m
}

// put sends a sample whose help is in the list above.
func (c *collector) put(name string, kind Kind, value float64, l labels) {
	c.send(name, help[name], kind, value, l)
}

func (c *collector) metric(m *Metric) {
	if m.Prom == "" || !m.Group.on(&c.opts.Config) || m.Driver && !c.reading.now.HasDriver ||
		m.Group == State && !c.reading.now.HasState {
		return
	}
	var v float64
	if m.value != nil {
		v = m.value(&c.reading)
	} else {
		v = float64(m.count(&c.reading))
	}
	if m.Unit == Percent {
		v = math.Round(v*1e4) / 1e6 // six decimals, as the reference prints them
	}
	var l labels
	if m.Labels != nil {
		l = labels{}
		for _, pair := range m.Labels {
			l[pair[0]] = pair[1]
		}
	}
	c.send(m.Prom, m.Help, m.Kind, v, l)
}

// general are facts about the agent and the host.
func (c *collector) general() {
	in := c.reading.now.Info
	c.put("falco_version_info", Gauge, 1, labels{"version": in.Version})
	c.put("agent_build_info", Gauge, 1, buildLabels(in.Version))
	for _, f := range uniqueFiles(in.RulesFiles) {
		c.put("falco_sha256_rules_files_info", Gauge, 1, labels{"file_name": f.Name, "sha256": f.SHA256})
	}
	for _, f := range uniqueFiles(in.ConfigFiles) {
		c.put("falco_sha256_config_files_info", Gauge, 1, labels{"file_name": f.Name, "sha256": f.SHA256})
	}
	if in.Engine != "" {
		c.put("scap_engine_name_info", Gauge, 1, labels{"engine_name": in.Engine, "evt_source": in.Source})
	}
	c.put("falco_kernel_release_info", Gauge, 1, labels{"kernel_release": in.KernelRelease})
	c.put("evt_hostname_info", Gauge, 1, labels{"hostname": in.Hostname})
	c.put("falco_start_timestamp_nanoseconds", Gauge, float64(nanos(in.Start)), nil)
	c.put("falco_reload_timestamp_nanoseconds", Gauge, float64(nanos(in.Reload)), nil)
	c.put("falco_host_boot_timestamp_nanoseconds", Gauge, float64(nanos(in.Boot)), nil)
	c.put("falco_host_num_cpus_total", Gauge, float64(in.NumCPUs), nil)
	c.put("falco_duration_seconds_total", Counter, float64(max(0, int64(c.reading.now.Time.Sub(in.Start).Seconds()))), nil)
	c.put("agent_metrics_age_seconds", Gauge, max(0, time.Since(c.reading.now.Time).Seconds()), nil)
	c.put("agent_metrics_scrape_errors_total", Counter, float64(c.errors), nil)
}

// buildLabels tells what the program was built of.
func buildLabels(version string) labels {
	l := labels{"version": version, "goversion": runtime.Version(), "goarch": runtime.GOARCH, "revision": "unknown"}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				l["revision"] = s.Value
			}
		}
	}
	return l
}

// uniqueFiles leaves out files that look like one before: the same sample
// twice would spoil the scrape.
func uniqueFiles(files []FileSum) []FileSum {
	var out []FileSum
	seen := map[FileSum]bool{}
	for _, f := range files {
		f.Name = strings.ToValidUTF8(f.Name, "\uFFFD")
		if !seen[f] {
			seen[f] = true
			out = append(out, f)
		}
	}
	return out
}

// rules tells what each rule did.
func (c *collector) rules() {
	in := c.reading.now.Info
	if c.opts.Config.Rules {
		for i, n := range c.reading.now.Rules {
			if i < len(in.Rules) {
				c.rule(&in.Rules[i], n)
			}
		}
	}
	for _, name := range in.NeverFire {
		c.put("agent_rule_blind_info", Gauge, 1, labels{"rule_name": name, "extent": "all"})
	}
	for _, name := range in.PartBlind {
		c.put("agent_rule_blind_info", Gauge, 1, labels{"rule_name": name, "extent": "part"})
	}
}

func (c *collector) rule(r *RuleInfo, n RuleCount) {
	name := strings.ToValidUTF8(r.Name, "\uFFFD")
	if n.Matches > 0 {
		l := labels{"rule_name": name, "priority": strconv.Itoa(r.Priority), "source": r.Source}
		for _, tag := range r.Tags {
			l["tag_"+strings.TrimPrefix(labelName("x"+tag), "x")] = "true"
		}
		c.put("falco_rules_matches_total", Counter, float64(n.Matches), l)
	}
	if n.Evaluations > 0 {
		c.put("agent_rule_evaluations_total", Counter, float64(n.Evaluations), labels{"rule_name": name})
		c.put("agent_rule_seconds_total", Counter, float64(n.Nanoseconds)/1e9, labels{"rule_name": name})
	}
}

// labelName is Name for labels, which have no colons.
func labelName(text string) string { return Name(strings.ReplaceAll(text, ":", "_")) }

// kernel tells what the driver did: by CPU, by program, by call.
func (c *collector) kernel() {
	conf, s := &c.opts.Config, &c.reading.now
	if conf.KernelCPU {
		for i := range s.Driver.PerCPU {
			l := labels{"cpu": strconv.Itoa(i)}
			c.put("scap_n_evts_cpu_total", Counter, float64(s.Driver.PerCPU[i].Seen), l)
			c.put("scap_n_drops_cpu_total", Counter, float64(s.Driver.PerCPU[i].Drops()), l)
		}
	}
	if conf.BPFStats && c.opts.Programs != nil && c.res.programStats() {
		err := c.opts.Programs(func(name string, runs, ns uint64) {
			base := "scap_" + labelName(name)
			const text = "Runs of a program in the kernel (kernel.bpf_stats_enabled)."
			c.send(base+"_run_cnt_total", text, Counter, float64(runs), nil)
			c.send(base+"_run_time_nanoseconds_total", text, Counter, float64(ns), nil)
			c.send(base+"_avg_time_nanoseconds", text, Gauge, float64(ns/max(runs, 1)), nil)
		})
		if err != nil {
			c.errors++
		}
	}
	if conf.Kernel {
		for name, n := range s.EventCounts.Names {
			c.put("agent_syscall_events_total", Counter, float64(n), labels{"syscall": name})
		}
		for name, n := range callNames(s.Driver.DropsBySyscall) {
			c.put("agent_syscall_drops_total", Counter, float64(n), labels{"syscall": name})
		}
	}
}

// outputs tells how the outputs' queues are.
func (c *collector) outputs() {
	for _, o := range c.reading.now.Outputs {
		l := labels{"output": o.Name}
		c.put("agent_output_queue_length", Gauge, float64(o.Queued), l)
		c.put("agent_output_queue_capacity", Gauge, float64(o.Capacity), l)
		c.put("agent_output_alerts_written_total", Counter, float64(o.Written), l)
		c.put("agent_output_alerts_dropped_total", Counter, float64(o.Dropped), l)
		c.put("agent_output_alerts_failed_total", Counter, float64(o.Failed), l)
		up := 1.0
		if o.Down {
			up = 0
		}
		c.put("agent_output_up", Gauge, up, l)
		c.put("agent_output_spooled_alerts", Gauge, float64(o.Spooled), l)
		c.put("agent_output_spooled_bytes", Gauge, float64(o.SpoolBytes), l)
	}
}
