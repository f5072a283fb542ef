// SPDX-License-Identifier: Apache-2.0

package webserver

import (
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/tiercel/tiercel/drivers"
	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/test/live"
)

// askEnv makes the test binary a client: it asks this address and prints the
// answer. The agent's own process is left out of the events, so that a client
// has to be another one.
const askEnv = "TIERCEL_TEST_ASK"

func TestMain(m *testing.M) {
	if url := os.Getenv(askEnv); url != "" {
		os.Exit(ask(url))
	}
	os.Exit(m.Run())
}

func ask(url string) int {
	resp, err := http.Get(url)
	if err != nil {
		os.Stderr.WriteString(err.Error())
		return 1
	}
	defer resp.Body.Close()
	os.Stdout.WriteString(resp.Status + " ")
	if _, err := io.Copy(os.Stdout, resp.Body); err != nil {
		return 1
	}
	return 0
}

// askAsAnother asks from a process of its own.
func askAsAnother(t *testing.T, url string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), askEnv+"="+url)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return string(out)
}

// With a real driver: healthy while the probe is attached, also when only the
// client itself does something; not healthy when it is not.
func TestHealthFollowsTheProbe(t *testing.T) {
	live.Require(t)
	drv, err := drivers.Open(drivers.Auto, drivers.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := drv.SetInterestingSyscalls(scap.Selection{Exit: scap.ParseSyscallSet("socket", "connect")}); err != nil {
		t.Fatal(err)
	}
	if err := drv.Start(); err != nil {
		t.Fatal(err)
	}
	s := start(t, nil)
	s.health.Witness(true)
	done := make(chan error, 1)
	go func() { done <- beatFrom(drv, s.health) }()
	url := s.base + "/healthz"
	if got := askAsAnother(t, url); !strings.HasPrefix(got, "200 ") {
		t.Errorf("attached: %s", got)
	}
	if err := drv.Stop(); err != nil {
		t.Fatal(err)
	}
	var got string
	for try := 0; try < 5 && !strings.HasPrefix(got, "503 "); try++ { // what lies in the rings still comes
		s.health.last.Store(time.Now().Add(-time.Minute).UnixNano()) // as after a quiet minute
		got = askAsAnother(t, url)
	}
	if !strings.HasPrefix(got, "503 ") || !strings.Contains(got, "none of its calls was seen") {
		t.Errorf("detached: %s", got)
	}
	if err := drv.Start(); err != nil {
		t.Fatal(err)
	}
	if got := askAsAnother(t, url); !strings.HasPrefix(got, "200 ") {
		t.Errorf("attached again: %s", got)
	}
	if err := drv.Close(); err != nil {
		t.Error(err)
	}
	if err := <-done; !errors.Is(err, io.EOF) {
		t.Errorf("the loop ended with %v", err)
	}
}

// beatFrom is an event loop that only counts.
func beatFrom(drv scap.Driver, h *Health) error {
	var b scap.Batch
	var st scap.Stats
	var events uint64
	for {
		err := drv.Next(&b, 50*time.Millisecond)
		events += uint64(len(b.Events))
		drv.Release(&b)
		if err != nil {
			return err
		}
		if drv.Stats(&st) == nil {
			h.Beat(time.Now(), events, st.Seen-st.DropsRecursion)
		}
	}
}
