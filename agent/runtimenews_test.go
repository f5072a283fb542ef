// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	logtest "go.uber.org/zap/zaptest/observer"
)

func TestARuntimeThatFlapsDoesNotFillTheLog(t *testing.T) {
	gone := errors.New("connection refused")
	for _, tc := range []struct {
		name  string
		steps []error // one a second
		want  []string
	}{
		{"comes", []error{nil}, []string{"Container runtime /run/r.sock answers"}},
		{"comes and stays away", []error{nil, gone}, []string{
			"Container runtime /run/r.sock answers",
			"Container runtime /run/r.sock does not answer: connection refused; details of its containers are missing until it does",
		}},
		{"flaps", []error{nil, gone, nil, gone, nil, gone}, []string{
			"Container runtime /run/r.sock answers",
			"Container runtime /run/r.sock does not answer (5 changes in 1m0s): connection refused; details of its containers are missing until it does",
		}},
		{"flaps and is back where it was", []error{nil, gone, nil}, []string{
			"Container runtime /run/r.sock answers",
			"Container runtime /run/r.sock answers (2 changes in 1m0s)",
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				core, logged := logtest.New(zap.InfoLevel)
				news := newRuntimeNews(zap.New(core), time.Minute)
				for _, err := range tc.steps {
					news.changed("/run/r.sock", err)
					time.Sleep(time.Second)
				}
				time.Sleep(3 * time.Minute)
				synctest.Wait()
				var got []string
				for _, e := range logged.All() {
					got = append(got, e.Message)
				}
				if len(got) != len(tc.want) {
					t.Fatalf("logged %q, want %q", got, tc.want)
				}
				for i := range got {
					if got[i] != tc.want[i] {
						t.Errorf("line %d: %q, want %q", i, got[i], tc.want[i])
					}
				}
			})
		})
	}
}
