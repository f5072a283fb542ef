// SPDX-License-Identifier: Apache-2.0

package output

import (
	"bytes"
	"hash/maphash"
	"strconv"
	"sync/atomic"
	"time"
)

// Suppression says which alerts are duplicates: those of the same rule with the
// same message, or the same Alert.Key, within a window that the first one
// opens. The first is always shown. When the window ends and there were others,
// the last of them is shown too, with their number behind its message.
type Suppression struct {
	Window time.Duration // in event time; 0: nothing is suppressed
	// MaxKeys bounds how many windows may be open; the oldest makes room.
	// 0: 4096.
	MaxKeys int
}

// Bounds of the memory that open windows take.
const (
	defaultKeys   = 4096
	maxKeysBytes  = 8 << 20
	maxKeptMemory = 4 << 10 // that a window leaves to the next one in its place
)

// window is what is known of one alert that may come again.
type window struct {
	hash  uint64
	key   []byte
	ends  uint64 // event time
	count uint64 // suppressed
	last  Alert  // of those suppressed; its memory is the window's own
}

func (w *window) size() int {
	return cap(w.key) + cap(w.last.Message) + cap(w.last.Fields)
}

// suppressor finds duplicates. All windows are equally long, so they end in the
// order in which they began: a queue of them is all that is needed.
type suppressor struct {
	length  uint64 // of a window, ns
	windows []window
	first   int
	count   int
	bytes   int
	byHash  map[uint64]int // place in windows
	seed    maphash.Seed
	scratch []byte
	total   atomic.Uint64
}

func newSuppressor(o Suppression) *suppressor {
	n := o.MaxKeys
	if n <= 0 {
		n = defaultKeys
	}
	return &suppressor{length: uint64(o.Window), windows: make([]window, n), byHash: make(map[uint64]int, n), seed: maphash.MakeSeed()}
}

func (s *suppressor) len() int { return s.count }

// key returns what makes two alerts the same. It lives until the next call.
func (s *suppressor) key(a *Alert) []byte {
	s.scratch = append(append(s.scratch[:0], a.Rule...), 0)
	if a.Key != nil {
		s.scratch = append(s.scratch, a.Key...)
	} else {
		s.scratch = append(s.scratch, a.Message...)
	}
	return s.scratch
}

// hides reports whether the alert is a duplicate, and counts it.
func (s *suppressor) hides(a *Alert) bool {
	key := s.key(a)
	i, ok := s.byHash[maphash.Bytes(s.seed, key)]
	if !ok || !bytes.Equal(s.windows[i].key, key) {
		return false
	}
	w := &s.windows[i]
	s.bytes -= w.size()
	w.count++
	s.total.Add(1)
	message, fields := w.last.Message, w.last.Fields
	w.last = *a
	w.last.Key = nil
	w.last.Message = append(message[:0], a.Message...)
	w.last.Fields = append(fields[:0], a.Fields...)
	s.bytes += w.size()
	return true
}

// crowded reports whether a window has to end early to make room for another.
func (s *suppressor) crowded() bool {
	return s.count > 0 && (s.count == len(s.windows) || s.bytes > maxKeysBytes)
}

// remember opens a window for an alert that was not hidden.
func (s *suppressor) remember(a *Alert) {
	key := s.key(a)
	hash := maphash.Bytes(s.seed, key)
	if _, taken := s.byHash[hash]; taken {
		return // another key with the same hash: it is shown each time
	}
	i := (s.first + s.count) % len(s.windows)
	w := &s.windows[i]
	w.hash, w.ends, w.count = hash, a.TimeNS+s.length, 0
	w.key = append(w.key[:0], key...)
	s.byHash[hash] = i
	s.bytes += w.size()
	s.count++
}

// oldestEnds reports whether the oldest window has ended by now.
func (s *suppressor) oldestEnds(now uint64) bool {
	return s.count > 0 && s.windows[s.first].ends <= now
}

// pop ends the oldest window. It returns what is to be told of it, nil when
// nothing was suppressed. The alert lives until the next call of any method.
func (s *suppressor) pop() *Alert {
	w := &s.windows[s.first]
	s.first = (s.first + 1) % len(s.windows)
	s.count--
	s.bytes -= w.size()
	delete(s.byHash, w.hash)
	defer w.trim()
	if w.count == 0 {
		return nil
	}
	a := w.last
	m := append(a.Message, " (suppressed "...)
	m = strconv.AppendUint(m, w.count, 10)
	a.Message = append(m, " times)"...)
	if len(a.Fields) > 2 { // keys are in order, and hardly any comes before this one
		f := append([]byte(nil), `{"alert.suppressed":`...)
		f = append(strconv.AppendUint(f, w.count, 10), ',')
		a.Fields = append(f, a.Fields[1:]...)
	}
	return &a
}

// trim lets go of memory that an unusually large alert took.
func (w *window) trim() {
	if w.size() > maxKeptMemory {
		w.key, w.last = nil, Alert{}
	}
}
