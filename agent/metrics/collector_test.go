// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tiercel/tiercel/agent/config"
	"github.com/tiercel/tiercel/scap"
)

// scrape asks a service for its metrics.
func scrape(t testing.TB, svc *Service) (status int, kind, body string) {
	t.Helper()
	w := httptest.NewRecorder()
	svc.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	return w.Code, w.Header().Get("Content-Type"), w.Body.String()
}

func publish(svc *Service, s *Sample) {
	to := svc.Board().Begin()
	s.copyTo(to)
	svc.Board().Commit()
}

func serviceOf(t testing.TB, conf config.Metrics, s *Sample) *Service {
	t.Helper()
	conf.Interval = "1h"
	svc := New(Options{Config: conf, Prometheus: true, Programs: programsOf, statsOn: true})
	t.Cleanup(svc.Close)
	if s != nil {
		publish(svc, s)
	}
	return svc
}

// unsteady are samples whose values differ from run to run.
var unsteady = regexp.MustCompile(`(?m)^\w+_(build_info|age_seconds|cpu_usage_ratio|memory_\w+|container_memory_\w+|host_cpu_\w+|host_memory_\w+|host_procs_\w+|host_open_\w+)(\{.*\})? .*\n`)

func TestScrapeOfABusyAgent(t *testing.T) {
	s := sampleOf()
	status, kind, body := scrape(t, serviceOf(t, allOn(), &s))
	if status != 200 || !strings.HasPrefix(kind, "text/plain; version=0.0.4") {
		t.Errorf("%d %s", status, kind)
	}
	golden(t, "prometheus.txt", unsteady.ReplaceAllString(body, ""))
}

// What dashboards of the reference ask for: names and types as they were.
func TestTheReferencesNamesAndTypes(t *testing.T) {
	conf := allOn()
	conf.Namespace = FalcoNamespace
	s := sampleOf()
	_, _, body := scrape(t, serviceOf(t, conf, &s))
	for name, kind := range map[string]string{
		"falco_version_info": "gauge", "falco_sha256_rules_files_info": "gauge", "falco_sha256_config_files_info": "gauge",
		"falco_outputs_queue_num_drops_total": "counter", "falco_reload_timestamp_nanoseconds": "gauge",
		"falco_rules_matches_total": "counter", "scap_engine_name_info": "gauge", "falco_kernel_release_info": "gauge",
		"falco_start_timestamp_nanoseconds": "gauge", "falco_duration_seconds_total": "counter", "evt_hostname_info": "gauge",
		"falco_host_boot_timestamp_nanoseconds": "gauge", "falco_host_num_cpus_total": "gauge", "falco_cpu_usage_ratio": "gauge",
		"falco_host_cpu_usage_ratio": "gauge", "falco_memory_rss_bytes": "gauge", "falco_memory_vsz_bytes": "gauge",
		"falco_memory_pss_bytes": "gauge", "falco_container_memory_used_bytes": "gauge", "falco_host_memory_used_bytes": "gauge",
		"falco_host_procs_running_total": "gauge", "falco_host_open_fds_total": "gauge", "scap_n_threads_total": "gauge",
		"scap_n_fds_total": "gauge", "scap_n_noncached_fd_lookups_total": "counter", "scap_n_cached_fd_lookups_total": "counter",
		"scap_n_failed_fd_lookups_total": "counter", "scap_n_added_fds_total": "counter", "scap_n_removed_fds_total": "counter",
		"scap_n_stored_evts_total": "counter", "scap_n_store_evts_drops_total": "counter", "scap_n_retrieved_evts_total": "counter",
		"scap_n_retrieve_evts_drops_total": "counter", "scap_n_noncached_thread_lookups_total": "counter",
		"scap_n_cached_thread_lookups_total": "counter", "scap_n_failed_thread_lookups_total": "counter",
		"scap_n_added_threads_total": "counter", "scap_n_removed_threads_total": "counter",
		"scap_n_drops_full_threadtable_total": "counter", "scap_n_evts_total": "counter", "scap_n_drops_total": "counter",
		"scap_n_evts_cpu_total": "counter", "scap_n_drops_cpu_total": "counter", "scap_n_drops_buffer_total": "counter",
		"scap_n_drops_scratch_map_total": "counter", "scap_sys_exit_run_cnt_total": "counter",
		"scap_sys_exit_run_time_nanoseconds_total": "counter", "scap_sys_exit_avg_time_nanoseconds": "gauge",
	} {
		if want := "# TYPE falcosecurity_" + name + " " + kind + "\n"; !strings.Contains(body, want) {
			t.Errorf("no %q", want)
		}
	}
	for _, want := range []string{
		`falcosecurity_falco_rules_matches_total{priority="4",rule_name="Read sensitive file",source="syscall",tag_T1555="true",tag_container="true",tag_fs_read="true"} 4`,
		`falcosecurity_scap_n_drops_buffer_total{dir="exit",drop="open"} 20`,
		`falcosecurity_scap_n_drops_buffer_total{dir="exit",drop="close"} 0`,
		`falcosecurity_scap_n_drops_buffer_total{dir="enter",drop="open"} 0`,
		`falcosecurity_scap_n_evts_cpu_total{cpu="1"} 0`,
		`falcosecurity_scap_engine_name_info{engine_name="modern_bpf",evt_source="syscall"} 1`,
	} {
		if !strings.Contains(body, want+"\n") {
			t.Errorf("no %s", want)
		}
	}
	for _, not := range []string{`dir="enter",drop="close"`, `dir="enter",drop="proc"`, `rule_name="Never`, "\ntiercel_"} {
		if strings.Contains(body, not) && not != `rule_name="Never` {
			t.Errorf("%s is there", not)
		}
	}
	if strings.Contains(body, `falcosecurity_falco_rules_matches_total{priority="5"`) {
		t.Error("a rule without matches is there")
	}
}

func TestSeenIsDeliveredAndDroppedInAScrape(t *testing.T) {
	s := sampleOf()
	_, _, body := scrape(t, serviceOf(t, allOn(), &s))
	number := func(name string) float64 {
		var sum float64
		for _, m := range regexp.MustCompile(`(?m)^tiercel_`+name+`(?:\{[^}]*\})? (\S+)$`).FindAllStringSubmatch(body, -1) {
			v, err := strconv.ParseFloat(m[1], 64)
			if err != nil {
				t.Fatal(err)
			}
			sum += v
		}
		return sum
	}
	seen, delivered, drops := number("scap_n_evts_total"), number("agent_events_delivered_total"), number("scap_n_drops_total")
	if seen == 0 || seen != delivered+drops {
		t.Errorf("seen %v, delivered %v, dropped %v", seen, delivered, drops)
	}
	if causes := number("agent_drops_total"); causes != drops {
		t.Errorf("dropped %v, by cause %v", drops, causes)
	}
}

func TestNothingIsServedUnlessAskedFor(t *testing.T) {
	s := sampleOf()
	for _, c := range []struct {
		name                string
		metrics, prometheus bool
		want                int
	}{
		{"metrics off", false, true, 404},
		{"prometheus off", true, false, 404},
		{"both on", true, true, 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			conf := allOn()
			conf.Enabled = c.metrics
			svc := New(Options{Config: conf, Prometheus: c.prometheus})
			defer svc.Close()
			publish(svc, &s)
			if status, _, body := scrape(t, svc); status != c.want {
				t.Errorf("%d %s", status, body)
			}
		})
	}
}

func TestReconfigureTurnsMetricsOnAndOffAndKeepsTheBoard(t *testing.T) {
	svc := New(Options{})
	defer svc.Close()
	s := sampleOf()
	publish(svc, &s)
	svc.Reconfigure(Options{Config: allOn(), Prometheus: true})
	if status, _, body := scrape(t, svc); status != 200 || !strings.Contains(body, "\ntiercel_scap_n_evts_total 1000\n") {
		t.Errorf("%d %s", status, body)
	}
	svc.Reconfigure(Options{})
	if status, _, _ := scrape(t, svc); status != 404 {
		t.Errorf("%d", status)
	}
}

func TestBeforeTheFirstSampleThereIsNothing(t *testing.T) {
	if status, _, body := scrape(t, serviceOf(t, allOn(), nil)); status != 404 {
		t.Errorf("%d %q", status, body)
	}
}

// Names come from rules, files and the kernel; none may spoil a scrape.
func TestOddNamesDoNotSpoilAScrape(t *testing.T) {
	s := sampleOf()
	info := *s.Info
	info.Rules = []RuleInfo{{Name: "a\xff\"\\\n", Source: "sys\xffcall", Tags: []string{"", "é", "-", "__", ":", "a b", "a-b", "9"}}, {Name: ""}, {Name: "dup"}}
	info.RulesFiles = []FileSum{{"\xff", "x"}, {"\xfe", "x"}, {"", ""}}
	info.NeverFire, info.PartBlind = []string{"\xff", "twice", "twice"}, []string{"twice"}
	info.Hostname, info.KernelRelease = "\xffhost", "a\"b"
	s.Info = &info
	s.Rules = []RuleCount{{Matches: 1, Evaluations: 1}, {Matches: 1, Evaluations: 1}, {Matches: 1}}
	s.Outputs = append(s.Outputs, s.Outputs[0])
	conf := allOn()
	svc := New(Options{Config: conf, Prometheus: true, statsOn: true, Programs: func(yield func(string, uint64, uint64)) error {
		yield("a b:c", 1, 1)
		yield("a_b_c", 1, 1)
		return errors.New("no more")
	}})
	defer svc.Close()
	publish(svc, &s)
	status, _, body := scrape(t, svc)
	if status != 200 || !strings.Contains(body, "tiercel_scap_n_evts_total 1000\n") {
		t.Errorf("%d %.300s", status, body)
	}
}

func TestProgramsAreToldOnlyWhileTheKernelCounts(t *testing.T) {
	s := sampleOf()
	for text, want := range map[string]bool{"0\n": false, "1\n": true, "": false} {
		conf := allOn()
		svc := New(Options{Config: conf, Prometheus: true, Programs: programsOf})
		publish(svc, &s)
		c := newCollector(svc.Board(), Options{Config: conf, Programs: programsOf})
		c.res = fakeRoot(t, map[string]string{"proc/sys/kernel/bpf_stats_enabled": text})
		out := make(chan prometheus.Metric, 1000)
		c.Collect(out)
		close(out)
		got := false
		for m := range out {
			got = got || strings.Contains(m.Desc().String(), "scap_sys_exit_run_cnt_total")
		}
		if got != want {
			t.Errorf("bpf_stats_enabled %q: %v, want %v", text, got, want)
		}
		svc.Close()
	}
}

// The alert about drops and the metrics are made of the same counters.
func TestTheCountersOfTheDropAlertAreThere(t *testing.T) {
	f := snapshotOf(allOn(), nil)
	d := sampleOf().Driver
	for name, want := range map[string]uint64{
		"n_evts": d.Seen, "n_drops": d.Drops(), "n_drops_buffer_total": d.DropsRing, "n_drops_scratch_map": d.DropsScratch,
		"n_drops_page_faults": d.DropsPage, "n_drops_bug": d.DropsRecursion,
		"n_drops_buffer_open_exit": d.DropsByClass[scap.DropOpen], "n_drops_buffer_proc_exit": d.DropsByClass[scap.DropProcExit],
		"n_drops_buffer_other_interest_exit": d.DropsByClass[scap.DropOther],
	} {
		if got := f.value("scap." + name); got != strconv.FormatUint(want, 10) {
			t.Errorf("scap.%s is %s, want %d", name, got, want)
		}
	}
}

func TestNamespaceIsMadeAName(t *testing.T) {
	conf, s := allOn(), sampleOf()
	for _, c := range []struct{ namespace, want string }{{"", "tiercel"}, {"falcosecurity", "falcosecurity"}, {"my-own", "my_own"}, {"9lives", "_9lives"}} {
		conf.Namespace = c.namespace
		if _, _, body := scrape(t, serviceOf(t, conf, &s)); !strings.Contains(body, "\n"+c.want+"_scap_n_evts_total 1000\n") {
			t.Errorf("namespace %q: no %s_scap_n_evts_total", c.namespace, c.want)
		}
	}
}

func BenchmarkScrape(b *testing.B) {
	s := sampleOf()
	info := *s.Info
	info.Rules = nil
	s.Rules = nil
	for i := range 100 {
		info.Rules = append(info.Rules, RuleInfo{Name: fmt.Sprint("Rule ", i), Source: "syscall", Tags: []string{"a", "b", "c"}})
		s.Rules = append(s.Rules, RuleCount{Matches: 1, Evaluations: 1})
	}
	s.Info = &info
	for t := range scap.EventType(400) {
		s.EventCounts.ByType[t] = 1
	}
	svc := serviceOf(b, allOn(), &s)
	b.ReportAllocs()
	for b.Loop() {
		scrape(b, svc)
	}
}

func BenchmarkPublish(b *testing.B) {
	svc, s := serviceOf(b, allOn(), nil), sampleOf()
	s.Time = time.Now()
	b.ReportAllocs()
	for b.Loop() {
		publish(svc, &s)
	}
}
