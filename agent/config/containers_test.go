// SPDX-License-Identifier: Apache-2.0

package config

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tiercel/tiercel/sinsp/container"
)

func TestContainersAreOnWithoutAWord(t *testing.T) {
	if d := cmp.Diff(container.DefaultConfig(), must(t, main("")).Containers); d != "" {
		t.Error(d)
	}
}

func TestThePluginContainerConfiguresTheBuiltInSupport(t *testing.T) {
	want := container.DefaultConfig()
	want.LabelMaxLen, want.WithSize, want.Hooks = 7, true, []string{"create"}
	want.Wait, want.Queue = 20*time.Millisecond, 9
	want.Engines.Docker.Enabled = false
	want.Engines.CRI.Sockets = []string{"/run/a.sock", "/run/b.sock"}
	want.Engines.BPM.Enabled = false
	want.Engines.Static = container.StaticConfig{Enabled: true, ID: "abc", Name: "n", Image: "i"}
	asMap := `label_max_len: 7, with_size: true, hooks: [create], engines: {docker: {enabled: false}, cri: {enabled: true, sockets: [/run/a.sock, /run/b.sock]},
    bpm: {enabled: no}, static: {enabled: true, container_id: abc, container_name: n, container_image: i}}`
	asJSON := `'{"label_max_len":7,"with_size":true,"hooks":["create"],"engines":{"docker":{"enabled":false},"cri":{"sockets":["/run/a.sock","/run/b.sock"]},"bpm":{"enabled":false},"static":{"enabled":true,"container_id":"abc","container_name":"n","container_image":"i"}}}'`
	for name, init := range map[string]string{"a map": "{" + asMap + "}", "a JSON text": asJSON} {
		t.Run(name, func(t *testing.T) {
			c := must(t, main("plugins:\n  - {name: container, library_path: libcontainer.so, init_config: "+init+"}\n"), "containers.wait_ms=20", "containers.queue=9")
			if d := cmp.Diff(want, c.Containers); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestTheOldBlockOfContainerEnginesWorks(t *testing.T) {
	c := must(t, main("container_engines:\n  docker: {enabled: false}\n  cri: {enabled: true, sockets: [/run/x.sock]}\n"))
	if c.Containers.Engines.Docker.Enabled || c.Containers.Engines.CRI.Sockets[0] != "/run/x.sock" || len(c.Warnings) != 1 {
		t.Errorf("%+v %q", c.Containers.Engines, c.Warnings)
	}
}

func TestContainerSettingsThatMakeNoSenseAreErrors(t *testing.T) {
	for init, want := range map[string]string{
		"{label_max_len: 0}":                         "label_max_len is a number from 1 to 65535",
		"{with_size: perhaps}":                       "with_size is true or false",
		"{hooks: [begin]}":                           `hooks: "begin" is none of create, start, remove`,
		"{engines: [docker]}":                        "engines is a map of engines",
		"{engines: {docker: {enabled: 1}}}":          "docker.enabled is true or false",
		"{engines: {docker: {sockets: [run.sock]}}}": `engines.docker.sockets: "run.sock" is not the absolute path of a socket`,
		"{engines: {static: {enabled: true}}}":       "engines.static: container_id is missing",
		"'{'":                                        "yaml",
	} {
		_, err := load(t, main("plugins:\n  - {name: container, library_path: x.so, init_config: "+init+"}\n"))
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "main.yaml:2") {
			t.Errorf("%s: %v, want %s", init, err, want)
		}
	}
}

func TestUnknownContainerSettingsAreWarnedAbout(t *testing.T) {
	c := must(t, main("plugins:\n  - {name: container, library_path: x.so, init_config: {engines: {dokcer: {enabled: true}}}}\n"))
	want := `plugin 'container' at main.yaml:2:56: init_config[engines]: unknown key "dokcer". Did you mean "docker"? (line 2, column 67)`
	if len(c.Warnings) != 1 || c.Warnings[0] != want {
		t.Errorf("%q", c.Warnings)
	}
}

func TestPluginsAreGivenTheirInitConfig(t *testing.T) {
	for init, want := range map[string]string{
		"{a: 1, b: true, c: 'true', d: [x, 2.5], e: null, f: {g: 'h\"'}}": `{"a":1,"b":true,"c":"true","d":["x",2.5],"e":null,"f":{"g":"h\""}}`,
		"'plain text'": "plain text",
		"null":         "",
	} {
		c := must(t, main("plugins: [{name: x, library_path: /x.so, init_config: "+init+", open_params: '  p  '}]\nload_plugins: []\n"))
		if p := c.Plugins[0]; p.InitConfig != want || p.OpenParams != "p" {
			t.Errorf("%s: %q, %q", init, p.InitConfig, p.OpenParams)
		}
	}
}
