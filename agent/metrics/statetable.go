// SPDX-License-Identifier: Apache-2.0

package metrics

import "github.com/tiercel/tiercel/sinsp/state"

// stateMetric makes the metric of one counter of the model of the host. A
// field that begins with n_ is one of the reference.
func stateMetric(field string, kind Kind, help string, count func(*state.Counters) uint64) Metric {
	m := Metric{Group: State, Kind: kind, Help: help, count: func(r *reading) uint64 { return count(&r.now.State) }}
	if len(field) > 2 && field[:2] == "n_" {
		m.Field, m.Prom = "falco."+field, "scap_"+field+"_total"
		return m
	}
	m.Field, m.Prom = "tiercel.state_"+field, "agent_state_"+field
	if kind == Counter {
		m.Prom += "_total"
	}
	return m
}

// stateMetrics are the model of the host.
var stateMetrics = []Metric{
	stateMetric("n_threads", Gauge, "Threads that are known.", func(c *state.Counters) uint64 { return c.Threads }),
	stateMetric("n_fds", Gauge, "Open descriptors that are known.", func(c *state.Counters) uint64 { return c.FDs }),
	stateMetric("n_noncached_fd_lookups", Counter, "Events on another known descriptor than the thread's last.", func(c *state.Counters) uint64 { return c.FDHits }),
	stateMetric("n_cached_fd_lookups", Counter, "Events on the descriptor that the thread used before.", func(c *state.Counters) uint64 { return c.FDCacheHits }),
	stateMetric("n_failed_fd_lookups", Counter, "Events on a descriptor that is not known.", func(c *state.Counters) uint64 { return c.FDMisses }),
	stateMetric("n_added_fds", Counter, "Descriptors added.", func(c *state.Counters) uint64 { return c.FDsAdded }),
	stateMetric("n_removed_fds", Counter, "Descriptors removed.", func(c *state.Counters) uint64 { return c.FDsRemoved }),
	stateMetric("n_stored_evts", Counter, "Enter events remembered for their exit.", func(c *state.Counters) uint64 { return c.EnterStored }),
	stateMetric("n_store_evts_drops", Counter, "Enter events too big to be remembered.", func(c *state.Counters) uint64 { return c.EnterTooBig }),
	stateMetric("n_retrieved_evts", Counter, "Enter events used by their exit.", func(c *state.Counters) uint64 { return c.EnterUsed }),
	stateMetric("n_retrieve_evts_drops", Counter, "Enter events overtaken by another one.", func(c *state.Counters) uint64 { return c.EnterDropped }),
	stateMetric("n_noncached_thread_lookups", Counter, "Searches for a thread that the table answered.", func(c *state.Counters) uint64 { return c.ThreadMapHits }),
	stateMetric("n_cached_thread_lookups", Counter, "Searches for a thread that the cache answered.", func(c *state.Counters) uint64 { return c.ThreadCacheHits }),
	stateMetric("n_failed_thread_lookups", Counter, "Searches for a thread that is not in the table.", func(c *state.Counters) uint64 { return c.ThreadMisses }),
	stateMetric("n_added_threads", Counter, "Threads added.", func(c *state.Counters) uint64 { return c.ThreadsAdded }),
	stateMetric("n_removed_threads", Counter, "Threads removed.", func(c *state.Counters) uint64 { return c.ThreadsRemoved }),
	stateMetric("n_drops_full_threadtable", Counter, "Threads not added because the table was full.", func(c *state.Counters) uint64 { return c.ThreadsRefused }),

	stateMetric("processes", Gauge, "Processes that are known.", func(c *state.Counters) uint64 { return c.Processes }),
	stateMetric("threads_evicted", Counter, "Threads forgotten to make room.", func(c *state.Counters) uint64 { return c.ThreadsEvicted }),
	stateMetric("threads_stale", Counter, "Threads found out of date when their id was used again.", func(c *state.Counters) uint64 { return c.ThreadsStale }),
	stateMetric("threads_gone", Counter, "Threads forgotten because their process is gone.", func(c *state.Counters) uint64 { return c.ThreadsGone }),
	stateMetric("placeholders", Counter, "Threads added of which nothing but the id was known.", func(c *state.Counters) uint64 { return c.Placeholders }),
	stateMetric("fds_evicted", Counter, "Descriptors forgotten to make room.", func(c *state.Counters) uint64 { return c.FDsEvicted + c.FDsEvictedTotal }),
	stateMetric("late_events", Counter, "Events older than the one before.", func(c *state.Counters) uint64 { return c.LateEvents }),
	stateMetric("duplicate_events", Counter, "Events that came twice.", func(c *state.Counters) uint64 { return c.DuplicateEvents }),
	stateMetric("absurd_events", Counter, "Events with numbers that no kernel hands out.", func(c *state.Counters) uint64 { return c.AbsurdEvents }),
	stateMetric("lost_events", Counter, "Lost events that the model was told of.", func(c *state.Counters) uint64 { return c.LostEvents }),
	stateMetric("heals", Counter, "Processes read again after a loss.", func(c *state.Counters) uint64 { return c.Heals }),
	stateMetric("heals_denied", Counter, "Processes not read again because of the limit.", func(c *state.Counters) uint64 { return c.HealsDenied }),
	stateMetric("proc_lookups", Counter, "Threads looked up in /proc.", func(c *state.Counters) uint64 { return c.Lookups }),
	stateMetric("proc_lookups_failed", Counter, "Threads looked up in /proc and not found.", func(c *state.Counters) uint64 { return c.LookupsFailed }),
	stateMetric("proc_lookups_denied", Counter, "Threads and descriptors not looked up because of the limit.", func(c *state.Counters) uint64 { return c.LookupsDenied }),
	stateMetric("proc_fd_lookups", Counter, "Descriptors looked up in /proc.", func(c *state.Counters) uint64 { return c.FDLookups }),
	stateMetric("text_bytes", Gauge, "Bytes of arguments and environments held.", func(c *state.Counters) uint64 { return c.TextBytes + c.InternBytes }),
	stateMetric("envs_evicted", Counter, "Environments forgotten to make room.", func(c *state.Counters) uint64 { return c.EnvsEvicted + c.EnvsRefused }),
}
