// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"context"
	"net/http"
	"sync"

	"go.uber.org/zap"

	"github.com/tiercel/tiercel/agent/config"
	"github.com/tiercel/tiercel/agent/output"
)

// Options configure a Service.
type Options struct {
	Config     config.Metrics
	Prometheus bool // webserver.prometheus_metrics_enabled
	HostRoot   string
	Log        *zap.Logger
	// Env answers for FALCO_CGROUP_MEM_PATH; nil: no environment.
	Env func(string) (string, bool)
	// Programs calls yield with the kernel's run count and run time of each
	// attached program; nil: there are none.
	Programs func(yield func(name string, runs, ns uint64)) error

	statsOn bool // as if the kernel counted programs (tests)
}

// Service makes snapshots and answers Prometheus, from what is on its board.
// It lives as long as the agent.
type Service struct {
	board  *Board
	alerts chan *output.Alert

	mu   sync.Mutex // guards what follows, against Reconfigure and Close
	opts Options
	stop context.CancelFunc
	done chan struct{}

	handler http.Handler // for the options in force; nil: none
}

// New starts a service. Close ends it.
func New(o Options) *Service {
	s := &Service{board: NewBoard(), alerts: make(chan *output.Alert, 4)}
	s.Reconfigure(o)
	return s
}

// Board is where the event loop leaves its samples.
func (s *Service) Board() *Board { return s.board }

// Alerts are the snapshots that metrics.output_rule asks for. The event loop
// takes them at its ticks, without waiting, and offers them to the outputs. One
// that nobody takes in time is left out.
func (s *Service) Alerts() <-chan *output.Alert { return s.alerts }

// Reconfigure applies a new configuration. Counters go on.
func (s *Service) Reconfigure(o Options) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.halt()
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	s.opts, s.handler = o, nil
	if !o.Config.Enabled {
		return
	}
	if o.Prometheus {
		s.handler = newHandler(s.board, o)
	}
	if interval := config.ParseInterval(o.Config.Interval); interval > 0 && (o.Config.OutputRule || o.Config.OutputFile != "") {
		var ctx context.Context
		ctx, s.stop = context.WithCancel(context.Background())
		s.done = make(chan struct{})
		go newRecorder(s.board, o, s.alerts).run(ctx, interval, s.done)
	}
}

// halt ends the recorder. The caller holds mu.
func (s *Service) halt() {
	if s.stop == nil {
		return
	}
	s.stop()
	<-s.done
	s.stop = nil
}

// Close ends the service.
func (s *Service) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.halt()
	s.handler = nil
}

// ServeHTTP answers a scrape; 404 while the configuration does not ask for it,
// and until there are numbers.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	h := s.handler
	s.mu.Unlock()
	if h == nil || s.board.empty() {
		http.NotFound(w, r)
		return
	}
	h.ServeHTTP(w, r)
}
