// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"
)

// calm is how long a runtime's state has to last before the next change of it is
// told: one that flaps would fill the log.
const calm = time.Minute

// runtimeNews tells of container runtimes that begin or cease to answer.
type runtimeNews struct {
	log  *zap.Logger
	calm time.Duration

	mu    sync.Mutex
	paths map[string]*runtimeState
}

type runtimeState struct {
	known, answers bool // what was told
	err            error
	changes        int         // since then
	timer          *time.Timer // runs while nothing is told
}

func newRuntimeNews(log *zap.Logger, calm time.Duration) *runtimeNews {
	return &runtimeNews{log: log, calm: calm, paths: make(map[string]*runtimeState)}
}

// changed takes the news that a runtime answers (nil) or does not. It is called
// by any goroutine.
func (n *runtimeNews) changed(path string, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	s := n.paths[path]
	if s == nil {
		s = &runtimeState{}
		n.paths[path] = s
	}
	s.err = err
	s.changes++
	if s.timer == nil {
		n.tell(path, s)
	}
}

// tell says a runtime's state if it is another one than what was said last.
// The caller holds mu.
func (n *runtimeNews) tell(path string, s *runtimeState) {
	s.timer = nil
	changes, answers := s.changes, s.err == nil
	s.changes = 0
	if changes == 0 || s.known && s.answers == answers && changes < 2 {
		return
	}
	s.known, s.answers = true, answers
	often := ""
	if changes > 1 {
		often = fmt.Sprintf(" (%d changes in %v)", changes, n.calm)
	}
	if answers {
		n.log.Info(fmt.Sprintf("Container runtime %s answers%s", path, often))
	} else {
		n.log.Warn(fmt.Sprintf("Container runtime %s does not answer%s: %v; details of its containers are missing until it does", path, often, s.err))
	}
	s.timer = time.AfterFunc(n.calm, func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.tell(path, s)
	})
}
