// SPDX-License-Identifier: Apache-2.0

package webserver

import (
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tiercel/tiercel/agent/config"
)

// at is the configuration of a server as a client knows it: with its real port.
func (r *running) at(change func(*config.Webserver)) *config.Webserver {
	c := &config.Webserver{Enabled: true, Address: "127.0.0.1", Healthz: "/healthz", Port: uint32(r.port())}
	if change != nil {
		change(c)
	}
	return c
}

func TestAskTellsWhetherEventsFlow(t *testing.T) {
	s := start(t, nil)
	if err := Ask(s.at(nil), time.Second); err != nil {
		t.Errorf("healthy: %v", err)
	}
	s.health.Fail("the probe is gone")
	if err := Ask(s.at(nil), time.Second); err == nil || err.Error() != "not healthy: the probe is gone" {
		t.Errorf("unhealthy: %v", err)
	}
}

func TestAskFindsTheServerWhereverItListens(t *testing.T) {
	t.Run("everywhere", func(t *testing.T) {
		s := start(t, func(o *Options) { o.Config.Address = "0.0.0.0" })
		if err := Ask(s.at(func(c *config.Webserver) { c.Address = "0.0.0.0" }), time.Minute); err != nil {
			t.Error(err)
		}
	})
	t.Run("at another path", func(t *testing.T) {
		s := start(t, func(o *Options) { o.Config.Healthz = "alive" })
		if err := Ask(s.at(func(c *config.Webserver) { c.Healthz = "alive" }), time.Minute); err != nil {
			t.Error(err)
		}
	})
	t.Run("with TLS, whatever name the certificate has", func(t *testing.T) {
		cert := filepath.Join(t.TempDir(), "c.pem")
		writeCert(t, cert, "elsewhere.example")
		s := start(t, func(o *Options) { o.Config.SSL, o.Config.Cert = true, cert })
		if err := Ask(s.at(func(c *config.Webserver) { c.SSL = true }), time.Minute); err != nil {
			t.Error(err)
		}
	})
}

func TestAskSaysWhatIsWrong(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	free := uint32(closed.Addr().(*net.TCPAddr).Port)
	closed.Close()
	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	elsewhere := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusFound))
	defer elsewhere.Close()
	for _, c := range []struct {
		name string
		cfg  config.Webserver
		want string
	}{
		{"no web server", config.Webserver{}, "webserver.enabled is false"},
		{"nobody listens", config.Webserver{Enabled: true, Address: "127.0.0.1", Port: free}, "is the agent running"},
		{"an address with a zone", config.Webserver{Enabled: true, Address: "fe80::1%lo", Port: free}, "is the agent running"},
		{"somebody who sends elsewhere", config.Webserver{Enabled: true, Address: "127.0.0.1", Port: uint32(elsewhere.Listener.Addr().(*net.TCPAddr).Port)}, "answers 302"},
		{"somebody else listens", config.Webserver{Enabled: true, Address: "127.0.0.1", Port: uint32(other.Listener.Addr().(*net.TCPAddr).Port)}, "not the health of an agent"},
	} {
		if err := Ask(&c.cfg, time.Minute); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q in it", c.name, err, c.want)
		}
	}
}

func TestAskDoesNotWaitForEver(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // takes connections and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	c := config.Webserver{Enabled: true, Address: "127.0.0.1", Port: uint32(silent.Addr().(*net.TCPAddr).Port)}
	for timeout, want := range map[time.Duration]string{0: "longer than nothing", -time.Second: "longer than nothing", 50 * time.Millisecond: "no answer"} {
		if err := Ask(&c, timeout); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: got %v, want %q in it", timeout, err, want)
		}
	}
}

func TestLocalAddress(t *testing.T) {
	for address, want := range map[string]string{
		"": "127.0.0.1:1", "0.0.0.0": "127.0.0.1:1", "::": "[::1]:1", "10.0.0.7": "10.0.0.7:1", " ::1 ": "[::1]:1",
	} {
		if got := localAddress(&config.Webserver{Address: address, Port: 1}); got != want {
			t.Errorf("%q: got %s, want %s", address, got, want)
		}
	}
}
