// SPDX-License-Identifier: Apache-2.0

package webserver

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/tiercel/tiercel/agent/config"
)

// maxAnswer bounds what Ask reads: somebody else may listen there.
const maxAnswer = 4 << 10

// Ask asks the agent on this host that listens as c says whether events flow,
// and returns why not. It is the client of healthz: a new connection from this
// host, so that the agent has to see the calls of the client itself.
func Ask(c *config.Webserver, timeout time.Duration) error {
	if !c.Enabled {
		return errors.New("there is nobody to ask: webserver.enabled is false in this configuration")
	}
	if timeout <= 0 {
		return errors.New("--timeout has to be longer than nothing: a health check that waits for ever tells nobody")
	}
	scheme := "http"
	transport := &http.Transport{DisableKeepAlives: true}
	if c.SSL {
		scheme = "https"
		// The certificate is made for the names that others use. What is asked is
		// no secret, and the address is one of this host.
		transport.TLSClientConfig = &tls.Config{InsecureSkipVerify: true}
	}
	// The zone of a link-local address has to be escaped, and goes into no header.
	u := url.URL{Scheme: scheme, Host: localAddress(c), Path: "/" + strings.TrimPrefix(c.Healthz, "/")}
	client := &http.Client{Transport: transport, Timeout: timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }} // the agent sends nobody elsewhere
	resp, err := client.Get(u.String())
	if err != nil {
		return fmt.Errorf("no answer: %w (is the agent running with this configuration?)", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("no answer: %w", err)
	}
	var answer struct{ Status, Reason string }
	switch err := json.Unmarshal(body, &answer); {
	case resp.StatusCode == http.StatusOK && err == nil && answer.Status == "ok":
		return nil
	case err == nil && answer.Reason != "":
		return fmt.Errorf("not healthy: %s", answer.Reason)
	}
	return fmt.Errorf("%s answers %s: this is not the health of an agent (webserver.k8s_healthz_endpoint)", &u, resp.Status)
}

// localAddress is where a client on this host reaches the server: one that
// listens everywhere is asked on loopback.
func localAddress(c *config.Webserver) string {
	host := strings.TrimSpace(c.Address)
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		host = "127.0.0.1"
		if err == nil && ip.Is6() {
			host = "::1"
		}
	}
	return net.JoinHostPort(host, strconv.FormatUint(uint64(c.Port), 10))
}
