// SPDX-License-Identifier: Apache-2.0

package hold

import (
	"errors"
	"io"
	"testing"
	"time"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/scap/scaptest"
)

func started(t *testing.T, events int) *scaptest.Driver {
	t.Helper()
	d := new(scaptest.Driver)
	for i := range events {
		d.Play(event(uint64(i)))
	}
	if _, err := d.SetInterestingSyscalls(scap.Selection{Exit: scap.NewSyscallSet(scap.SCClose)}); err != nil {
		t.Fatal(err)
	}
	if err := d.Start(); err != nil {
		t.Fatal(err)
	}
	return d
}

func event(ts uint64) *scap.Event {
	return scaptest.Named(scap.EvCloseX, 1000+ts, 7, scaptest.P{"res": 0, "fd": 3})
}

// read takes n events and wants them in order from first on.
func read(t *testing.T, s *Source, first, n uint64) {
	t.Helper()
	var b scap.Batch
	for got := uint64(0); got < n; {
		if err := s.Next(&b, time.Second); err != nil {
			t.Fatal(err)
		}
		if len(b.Events) == 0 {
			t.Fatalf("%d of %d events came", got, n)
		}
		for i := range b.Events {
			if ts := b.Events[i].Timestamp(); ts != 1000+first+got {
				t.Fatalf("event %d has the time %d", first+got, ts)
			}
			got++
		}
		s.Release(&b)
	}
}

func TestEventsThatCameMeanwhileComeFirst(t *testing.T) {
	played := make(chan struct{})
	d := started(t, 600).Count(func(*scap.Stats) { close(played) })
	s := New(d, 1<<20)
	failed := errors.New("what was done failed")
	err := s.While(func() error {
		<-played
		return failed
	})
	if !errors.Is(err, failed) {
		t.Errorf("the error of what was done is %v", err)
	}
	if s.Held() != 600 {
		t.Fatalf("%d events are held", s.Held())
	}
	d.Play(event(600))
	read(t, s, 0, 601)
	if s.Held() != 0 || s.bytes != nil {
		t.Error("memory of events that were handed out is kept")
	}
}

func TestTheRoomIsBounded(t *testing.T) {
	d := started(t, 100)
	s := New(d, 10*len(event(0).Raw()))
	s.Gather(make(chan struct{})) // ends by itself
	if s.Held() != 10 {
		t.Errorf("%d events are held", s.Held())
	}
	read(t, s, 0, 100)
}

func TestAnEndIsToldBehindTheLastEvent(t *testing.T) {
	for name, want := range map[string]error{"end": io.EOF, "failure": errors.New("broken")} {
		d := started(t, 3).Fail(want)
		s := New(d, 1<<20)
		s.Gather(make(chan struct{}))
		read(t, s, 0, 3)
		var b scap.Batch
		if err := s.Next(&b, 0); !errors.Is(err, want) || len(b.Events) != 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWithoutGatheringItIsTheSourceItself(t *testing.T) {
	d := started(t, 5)
	s := New(d, 1<<20)
	read(t, s, 0, 5)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	var b scap.Batch
	if err := s.Next(&b, 0); !errors.Is(err, io.EOF) {
		t.Errorf("after Close: %v", err)
	}
}
