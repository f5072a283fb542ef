// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"encoding/json"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tiercel/tiercel/agent/config"
)

var update = flag.Bool("update", false, "write the golden files")

// golden compares with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := "testdata/" + name
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); d != "" {
		t.Errorf("%s (-want +got)\n%s", file, d)
	}
}

func snapshotOf(conf config.Metrics, change func(*reading)) fields {
	r := reading{now: sampleOf(), res: resourcesOf}
	if change != nil {
		change(&r)
	}
	src := source{conf: &conf, programs: programsOf}
	interfacesOf(&src)
	return snapshotFields(&r, &src)
}

func (f fields) lines() string {
	var b strings.Builder
	for _, e := range f {
		b.WriteString(e.name + " " + e.value + "\n")
	}
	return b.String()
}

func (f fields) value(name string) string {
	for _, e := range f {
		if e.name == name {
			return e.value
		}
	}
	return "absent"
}

func TestSnapshotOfABusyAgent(t *testing.T) {
	golden(t, "snapshot.txt", snapshotOf(allOn(), nil).lines())
}

func TestTheReferencesNamespaceHasOnlyItsFields(t *testing.T) {
	conf := allOn()
	conf.Namespace = FalcoNamespace
	for _, e := range snapshotOf(conf, nil) {
		if strings.HasPrefix(e.name, "tiercel.") {
			t.Errorf("%s is there", e.name)
		}
	}
}

func TestSnapshotIsAnObjectInOrderOfNames(t *testing.T) {
	conf := allOn()
	conf.Empty = true
	f := snapshotOf(conf, nil)
	var object map[string]any
	if err := json.Unmarshal(f.appendJSON(nil), &object); err != nil {
		t.Fatal(err)
	}
	if len(object) != len(f) {
		t.Errorf("%d names, %d of them different", len(f), len(object))
	}
	if !slices.IsSortedFunc(f, func(a, b field) int { return strings.Compare(a.name, b.name) }) {
		t.Error("not sorted")
	}
	text := string(f.appendText(nil))
	if !strings.Contains(text, ` evt.hostname="box" evt.source="syscall" `) && !strings.HasPrefix(text, `evt.hostname="box" evt.source="syscall" `) {
		t.Errorf("as text: %.100s", text)
	}
}

func TestFirstAndSecondSnapshot(t *testing.T) {
	first := snapshotOf(allOn(), nil)
	second := snapshotOf(allOn(), func(r *reading) {
		r.events, r.seen, r.drops, r.seconds = 450, 600, 10, 4
	})
	for _, c := range []struct{ name, first, second string }{
		{"falco.num_evts", "950", "950"},
		{"falco.num_evts_prev", "0", "450"},
		{"falco.evts_rate_sec", "absent", "125.0"},
		{"scap.n_evts", "1000", "1000"},
		{"scap.n_evts_prev", "0", "600"},
		{"scap.evts_rate_sec", "0.0", "100.0"},
		{"scap.n_drops", "40", "40"},
		{"scap.n_drops_prev", "0", "10"},
		{"scap.evts_drop_rate_sec", "0.0", "7.5"},
		{"scap.n_drops_perc", "4.0", "7.5"},
	} {
		if got := first.value(c.name); got != c.first {
			t.Errorf("first: %s is %s, want %s", c.name, got, c.first)
		}
		if got := second.value(c.name); got != c.second {
			t.Errorf("second: %s is %s, want %s", c.name, got, c.second)
		}
	}
}

func TestZeroes(t *testing.T) {
	quiet := func(r *reading) {
		info := r.now.Info
		r.now = Sample{Time: at, Info: info, HasDriver: true, HasState: true, Rules: make([]RuleCount, 3)}
		r.res = Resources{}
	}
	left := snapshotOf(allOn(), quiet)
	for _, name := range []string{"falco.n_fds", "falco.cpu_usage_perc", "falco.memory_rss_mb", "scap.n_drops_buffer_total",
		"scap.n_drops_buffer_open_exit", "falco.rules.Read_sensitive_file", "scap.n_evts_cpu_0"} {
		if got := left.value(name); got != "absent" {
			t.Errorf("%s is %s, want it left out", name, got)
		}
	}
	for name, want := range map[string]string{
		"falco.outputs_queue_num_drops": "0", "falco.num_evts": "0", "falco.rules.matches_total": "0", "scap.n_evts": "0",
		"scap.n_drops": "0", "scap.n_drops_perc": "0.0", "scap.evts_rate_sec": "0.0", "scap.n_evts_prev": "0",
	} {
		if got := left.value(name); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	conf := allOn()
	conf.Empty = true
	all := snapshotOf(conf, quiet)
	for name, want := range map[string]string{
		"falco.n_fds": "0", "falco.memory_rss_mb": "0.0", "scap.n_drops_buffer_open_exit": "0", "falco.rules.Read_sensitive_file": "0",
	} {
		if got := all.value(name); got != want {
			t.Errorf("with include_empty_values %s is %s, want %s", name, got, want)
		}
	}
}

func TestMemoryIsInMBOrInItsOwnUnit(t *testing.T) {
	mb, conf := snapshotOf(allOn(), nil), allOn()
	conf.MemoryMB = false
	own := snapshotOf(conf, nil)
	for _, c := range []struct{ mb, inMB, own, inOwn string }{
		{"falco.memory_rss_mb", "30.0", "falco.memory_rss_kb", "30720"},
		{"falco.memory_pss_mb", "29.1", "falco.memory_pss_kb", "29796"},
		{"falco.container_memory_used_mb", "31.0", "falco.container_memory_used_bytes", "32505856"},
		{"falco.host_memory_used_mb", "2048.0", "falco.host_memory_used_kb", "2097152"},
	} {
		if got := mb.value(c.mb); got != c.inMB {
			t.Errorf("%s is %s, want %s", c.mb, got, c.inMB)
		}
		if got := own.value(c.own); got != c.inOwn {
			t.Errorf("%s is %s, want %s", c.own, got, c.inOwn)
		}
		if got := own.value(c.mb); got != "absent" {
			t.Errorf("%s is there too: %s", c.mb, got)
		}
	}
}

func TestEachSwitchTakesItsFields(t *testing.T) {
	for _, c := range []struct {
		name string
		off  func(*config.Metrics)
		gone string
	}{
		{"rules", func(c *config.Metrics) { c.Rules = false }, "falco.rules."},
		{"resources", func(c *config.Metrics) { c.Resources = false }, "falco.memory_"},
		{"state", func(c *config.Metrics) { c.State = false }, "falco.n_"},
		{"kernel", func(c *config.Metrics) { c.Kernel = false }, "scap.n_drops"},
		{"by CPU", func(c *config.Metrics) { c.KernelCPU = false }, "scap.n_evts_cpu_"},
		{"programs", func(c *config.Metrics) { c.BPFStats = false }, "scap.sys_exit."},
	} {
		t.Run(c.name, func(t *testing.T) {
			has := func(conf config.Metrics) bool {
				return slices.ContainsFunc(snapshotOf(conf, nil), func(e field) bool {
					return strings.HasPrefix(e.name, c.gone) && !(c.name == "kernel" && strings.Contains(e.name, "_cpu_"))
				})
			}
			conf := allOn()
			if !has(conf) {
				t.Fatalf("no %s with the switch on", c.gone)
			}
			if c.off(&conf); has(conf) {
				t.Errorf("%s is there with the switch off", c.gone)
			}
		})
	}
}

func TestReplayHasNoKernel(t *testing.T) {
	f := snapshotOf(allOn(), func(r *reading) {
		info := *r.now.Info
		info.Engine = ""
		r.now.Info, r.now.HasDriver = &info, false
	})
	for _, e := range f {
		if strings.HasPrefix(e.name, "scap.") {
			t.Errorf("%s is there", e.name)
		}
	}
}

// The law that holds in the driver holds in what is told of it.
func TestSeenIsDeliveredAndDroppedInASnapshot(t *testing.T) {
	var n map[string]float64
	conf := allOn()
	conf.Empty = true
	f := snapshotOf(conf, nil)
	object := map[string]any{}
	if err := json.Unmarshal(f.appendJSON(nil), &object); err != nil {
		t.Fatal(err)
	}
	n = map[string]float64{}
	for k, v := range object {
		if x, ok := v.(float64); ok {
			n[k] = x
		}
	}
	if n["scap.n_evts"] != n["tiercel.n_delivered"]+n["scap.n_drops"] {
		t.Errorf("seen %v, delivered %v, dropped %v", n["scap.n_evts"], n["tiercel.n_delivered"], n["scap.n_drops"])
	}
	causes := n["scap.n_drops_buffer_total"] + n["scap.n_drops_scratch_map"] + n["scap.n_drops_page_faults"] + n["scap.n_drops_bug"]
	if n["scap.n_drops"] != causes {
		t.Errorf("dropped %v, by cause %v", n["scap.n_drops"], causes)
	}
}

func TestRateOfACounterThatWentBackIsZero(t *testing.T) {
	r := reading{seconds: 2}
	if got := r.rate(3, 5); got != 0 {
		t.Errorf("got %v", got)
	}
	r.seconds = float64(time.Second) * 0
	if got := r.rate(5, 3); got != 0 {
		t.Errorf("without time: %v", got)
	}
}

func TestTableHasEachNameOnce(t *testing.T) {
	fieldNames, promNames := map[string]bool{}, map[string]*Metric{}
	for i := range Table {
		m := &Table[i]
		if m.Field != "" && fieldNames[m.Field] {
			t.Errorf("field %s twice", m.Field)
		}
		fieldNames[m.Field] = true
		if m.Prom == "" {
			continue
		}
		if o := promNames[m.Prom]; o != nil && (o.Help != m.Help || o.Kind != m.Kind || len(m.Labels) == 0) {
			t.Errorf("%s twice, and not alike", m.Prom)
		}
		promNames[m.Prom] = m
		if help[m.Prom] != "" {
			t.Errorf("%s is in the table and beside it", m.Prom)
		}
		if (m.value == nil) == (m.count == nil) || m.Help == "" {
			t.Errorf("%s %s: needs one way to its value, and a help", m.Field, m.Prom)
		}
		if m.Kind == Counter && !strings.HasSuffix(m.Prom, "_total") {
			t.Errorf("counter %s does not end in _total", m.Prom)
		}
	}
}
