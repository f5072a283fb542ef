// SPDX-License-Identifier: Apache-2.0

// Package notify tells the service manager how the agent is: that events flow,
// that a reload is under way, that the event loop is alive (sd_notify(3)).
package notify

import (
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

const (
	// statusEvery is how often the text beside the service's name may change.
	statusEvery = 10 * time.Second
	// closeTimeout bounds the wait at the end for a manager that does not read.
	closeTimeout = time.Second
	// queued bounds the messages that wait for it.
	queued = 16
)

// Manager is the service manager that started the agent. All methods do nothing
// on a nil one: nobody is there to be told.
//
// A goroutine of its own writes, since a manager that does not read blocks the
// writer; it says nothing of itself.
type Manager struct {
	watchdog time.Duration // within which it wants to hear of the event loop; 0: never
	send     func(state string)
	messages chan string
	done     chan struct{}

	// Of the event loop.
	beat   time.Time
	status time.Time
	text   string
}

// FromEnvironment returns the manager that the environment names
// (NOTIFY_SOCKET), nil when there is none.
func FromEnvironment(env func(string) (string, bool)) *Manager {
	if socket, _ := env("NOTIFY_SOCKET"); socket == "" {
		return nil
	}
	// What cannot be understood is no watchdog.
	watchdog, _ := daemon.SdWatchdogEnabled(false)
	return start(watchdog, func(state string) {
		// A manager that cannot be told has its own timeouts.
		_, _ = daemon.SdNotify(false, state)
	})
}

func start(watchdog time.Duration, send func(string)) *Manager {
	m := &Manager{watchdog: watchdog, send: send, messages: make(chan string, queued), done: make(chan struct{})}
	go m.write()
	return m
}

func (m *Manager) write() {
	defer close(m.done)
	for state := range m.messages {
		m.send(state)
	}
}

// offer queues a message; one that finds no room is left out.
func (m *Manager) offer(state ...string) {
	select {
	case m.messages <- strings.Join(state, "\n"):
	default:
	}
}

// line makes a status of a text: one line, of which systemctl shows the
// beginning.
func line(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > maxStatus {
		text = strings.ToValidUTF8(text[:maxStatus], "") + " ..."
	}
	return "STATUS=" + text
}

const maxStatus = 800

// Status tells what the agent does.
func (m *Manager) Status(text string) {
	if m != nil {
		m.offer(line(text))
	}
}

// Ready tells that the agent does its work, after the start or after a reload.
func (m *Manager) Ready(text string) {
	if m != nil {
		m.offer(daemon.SdNotifyReady, line(text))
	}
}

// Reloading tells that configuration and rules are read again; Ready ends it.
func (m *Manager) Reloading() {
	if m != nil {
		m.offer(daemon.SdNotifyReloading, strings.TrimSpace(daemon.SdNotifyMonotonicUsec()), line("Reloading"))
	}
}

// Stopping tells that the end has begun.
func (m *Manager) Stopping(text string) {
	if m != nil {
		m.offer(daemon.SdNotifyStopping, line(text))
	}
}

// Beat is called by the event loop, and by nobody else, again and again: that
// it is called is what the watchdog wants to know. The status is asked for now
// and then. Beat never waits.
func (m *Manager) Beat(now time.Time, status func() string) {
	if m == nil {
		return
	}
	if m.watchdog > 0 && now.Sub(m.beat) >= m.watchdog/4 {
		m.beat = now
		m.offer(daemon.SdNotifyWatchdog)
	}
	if now.Sub(m.status) < statusEvery {
		return
	}
	m.status = now
	if text := status(); text != m.text {
		m.text = text
		m.Status(text)
	}
}

// Close waits until everything has been said, a short while at most.
func (m *Manager) Close() {
	if m == nil {
		return
	}
	close(m.messages)
	t := time.NewTimer(closeTimeout)
	defer t.Stop()
	select {
	case <-m.done:
	case <-t.C:
	}
}
