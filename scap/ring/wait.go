// SPDX-License-Identifier: Apache-2.0

package ring

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// waiter sleeps until a producer asks for attention, somebody calls wake, or
// the time is up.
//
// A ring is readable for epoll as long as anything is in it, which would turn
// waiting for more into spinning. Edge-triggered, only a wake-up that the
// producer asked for ends the sleep (BPF_RB_FORCE_WAKEUP on a fill level, or
// the kernel's own when the reader had caught up).
type waiter struct {
	epoll  int
	event  int // eventfd behind wake
	events [8]unix.EpollEvent
}

func newWaiter(rings []*Ring) (*waiter, error) {
	ep, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("create epoll for rings: %w", err)
	}
	ev, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		_ = unix.Close(ep)
		return nil, fmt.Errorf("create eventfd for rings: %w", err)
	}
	w := &waiter{epoll: ep, event: ev}
	err = w.add(ev, unix.EPOLLIN)
	for _, r := range rings {
		if r.fd >= 0 && err == nil {
			err = w.add(r.fd, unix.EPOLLIN|unix.EPOLLET)
		}
	}
	if err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

func (w *waiter) add(fd int, what uint32) error {
	e := unix.EpollEvent{Events: what, Fd: int32(fd)}
	if err := unix.EpollCtl(w.epoll, unix.EPOLL_CTL_ADD, fd, &e); err != nil {
		return fmt.Errorf("add descriptor %d to epoll of rings: %w", fd, err)
	}
	return nil
}

// sleep waits for at most d, rounded up to whole milliseconds. It reports
// whether a ring (and not the time) ended it.
func (w *waiter) sleep(d time.Duration) (hurry bool, err error) {
	ms := int((d + time.Millisecond - 1) / time.Millisecond)
	n, err := unix.EpollWait(w.epoll, w.events[:], ms)
	if errors.Is(err, unix.EINTR) {
		return false, nil // a signal of the Go runtime: an early end does no harm
	}
	if err != nil {
		return false, fmt.Errorf("wait for rings: %w", err)
	}
	for _, e := range w.events[:n] {
		if int(e.Fd) != w.event {
			hurry = true
		}
	}
	return hurry, nil
}

// nap waits for d, whatever the rings do; only wake ends it early.
func (w *waiter) nap(d time.Duration) error {
	fds := []unix.PollFd{{Fd: int32(w.event), Events: unix.POLLIN}}
	_, err := unix.Poll(fds, int((d+time.Millisecond-1)/time.Millisecond))
	if err != nil && !errors.Is(err, unix.EINTR) {
		return fmt.Errorf("wait for rings: %w", err)
	}
	return nil
}

// wake ends this or the next sleep, from any goroutine, for good: the eventfd
// is never read.
func (w *waiter) wake() {
	one := binary.NativeEndian.AppendUint64(nil, 1)
	_, _ = unix.Write(w.event, one)
}

func (w *waiter) close() {
	_ = unix.Close(w.epoll)
	_ = unix.Close(w.event)
}
