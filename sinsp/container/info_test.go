// SPDX-License-Identifier: Apache-2.0

package container

import (
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"github.com/tiercel/tiercel/scap"
)

const fullID = "2400edb296c5d631fef083a30c680f71801b0409a9676ee546c084d0087d7c7d"

// full has every member.
func full() *Info {
	i := &Info{
		Type: Docker, FullID: fullID, Name: "sharp", Image: "reg:5000/team/app:v1", ImageID: "0ca0fed353fb", ImageDigest: "sha256:b9ff",
		User: "app", IP: "172.17.0.2", CNIJSON: `{"a":1}`,
		Privileged: Yes, HostPID: No, HostNetwork: Yes, HostIPC: NotKnown,
		Labels: MakeLabels(map[string]string{"b": "2", "a": "1", labelPodName: "pod", labelPodNS: "ns", labelPodUID: "uid"}, 0),
		Env:    []string{"A=1", "B="},
		Mounts: []Mount{{Source: "/home/x", Dest: "/x", Mode: "z", RDWR: true, Propagation: "rprivate"}},
		Ports:  []Port{{HostIP: netip.MustParseAddr("127.0.0.1"), HostPort: 8080, ContainerPort: 80}},

		PodSandboxID: strings.Repeat("ab", 32), PodLabels: Labels{{"app", "web"}},
		MemoryLimit: 1, SwapLimit: 2, CPUShares: 3, CPUQuota: 4, CPUPeriod: 5, CPUSetCPUCount: 6, CreatedTime: 7, Size: 8,
		Healthcheck: &Probe{"/check", []string{"-a"}}, LivenessProbe: &Probe{Exe: "/live"}, ReadinessProbe: &Probe{"/ready", []string{"x"}},
	}
	i.Finish()
	return i
}

func TestWhatIsWrittenIsReadBack(t *testing.T) {
	for name, want := range map[string]*Info{
		"full":    full(),
		"nothing": {Type: LXC, ID: "web", FullID: "web", Name: "web", Size: -1, Env: []string{}, Mounts: []Mount{}, Ports: []Port{}},
		"sandbox": {Type: CRIO, ID: ShortID(fullID), FullID: fullID, IsPodSandbox: true, PodSandboxID: fullID, IP: "fe80::1", PodIP: "fe80::1", Size: -1, Env: []string{}, Mounts: []Mount{}, Ports: []Port{}},
	} {
		got, err := Parse(want.AppendJSON(nil))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got.Env == nil {
			got.Env = []string{}
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\ngot  %+v\nwant %+v", name, got, want)
		}
	}
}

func TestTheNamesOfAPodSurviveACapture(t *testing.T) {
	i := &Info{Type: CRI, FullID: fullID, PodName: "p", PodNamespace: "n", PodUID: "u"}
	i.Finish()
	got, err := Parse(i.AppendJSON(nil))
	if err != nil || got.PodName != "p" || got.PodNamespace != "n" || got.PodUID != "u" {
		t.Fatalf("%+v %v", got, err)
	}
}

func TestParseTakesWhatOthersWrote(t *testing.T) {
	for _, tt := range []struct {
		text string
		get  func(*Info) any
		want any
	}{
		{`{"type":0}`, func(i *Info) any { return i.Type }, Docker},
		{`{"type":"11"}`, func(i *Info) any { return i.Type }, Podman},
		{`{}`, func(i *Info) any { return i.Type }, Unknown},
		{`{"type":70000}`, func(i *Info) any { return i.Type }, Unknown},
		{`{}`, func(i *Info) any { return i.Privileged }, NotKnown},
		{`{"privileged":true}`, func(i *Info) any { return i.Privileged }, Yes},
		{`{"privileged":0}`, func(i *Info) any { return i.Privileged }, No},
		{`{"privileged":"maybe"}`, func(i *Info) any { return i.Privileged }, NotKnown},
		{`{"ip":"10.0.0.7"}`, func(i *Info) any { return i.IP }, "10.0.0.7"},
		{`{"ip":167772167}`, func(i *Info) any { return i.IP }, "10.0.0.7"},
		{`{"ip":0}`, func(i *Info) any { return i.IP }, ""},
		{`{"labels":null,"pod_sandbox_labels":null}`, func(i *Info) any { return len(i.Labels) }, 0},
		{`{"labels":{"b":1,"a":"x"}}`, func(i *Info) any { return fmt.Sprint(i.Labels) }, "[{a x} {b 1}]"},
		{`{"labels":["a"]}`, func(i *Info) any { return len(i.Labels) }, 0},
		{`{"port_mappings":[{"HostIp":2130706433,"HostPort":80,"ContainerPort":8080}]}`, func(i *Info) any { return fmt.Sprint(i.Ports) }, "[{127.0.0.1 80 8080}]"},
		{`{"port_mappings":[{"HostIp":"127.0.0.1","HostPort":"80","ContainerPort":99999}]}`, func(i *Info) any { return fmt.Sprint(i.Ports) }, "[{127.0.0.1 80 0}]"},
		{`{"memory_limit":"5","cpu_quota":1e3,"size":null}`, func(i *Info) any { return []int64{i.MemoryLimit, i.CPUQuota, i.Size} }, []int64{5, 1000, -1}},
		{`{"Mounts":[{"Source":"/a","Destination":"/b","Mode":"","RW":true,"Propagation":"rslave"}]}`, func(i *Info) any { return i.Mounts }, []Mount{{"/a", "/b", "", "rslave", true}}},
		{`{"Mounts":{"x":1}}`, func(i *Info) any { return len(i.Mounts) }, 0},
		{`{"Healthcheck":{"exe":"/bin/x","args":["a",1]}}`, func(i *Info) any { return *i.Healthcheck }, Probe{"/bin/x", []string{"a", "1"}}},
		{`{"Healthcheck":{}}`, func(i *Info) any { return i.Healthcheck == nil }, true},
		{`{"lookup_state":1,"metadata_deadline":0,"mesos_task_id":"x"}`, func(i *Info) any { return i.ID }, "abc"},
		{`{"image":"a/b:1@sha256:ff"}`, func(i *Info) any { return []string{i.ImageRepo, i.ImageTag, i.ImageDigest} }, []string{"a/b", "1", "sha256:ff"}},
		{`{"full_id":"` + fullID + `"}`, func(i *Info) any { return i.ID }, "abc"},
	} {
		text := `{"container":{"id":"abc",` + strings.TrimPrefix(tt.text, "{") + "}\x00"
		text = strings.Replace(text, `,}`, `}`, 1)
		i, err := Parse([]byte(text))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := tt.get(i); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: got %#v, want %#v", text, got, tt.want)
		}
	}
	for _, text := range []string{"", "{", "null", "[]", `{"container":null}`, `{"container":{}}`, `{"container":{"name":"x"}}`, `{"container":[]}`} {
		if i, err := Parse([]byte(text)); err == nil {
			t.Errorf("%q: %+v", text, i)
		}
	}
	if _, err := Parse(make([]byte, maxJSON+1)); err == nil {
		t.Error("a text without bound was read")
	}
}

func TestWhatAContainerSaysIsBounded(t *testing.T) {
	labels := map[string]string{labelPodName: "pod"}
	for n := range 3 * maxLabels {
		labels[fmt.Sprintf("a%06d", n)] = "x"
	}
	long := strings.Repeat("ä", maxText)
	i := &Info{FullID: fullID, Name: long, Labels: MakeLabels(labels, 0), Env: make([]string, 3*maxEnv), Mounts: make([]Mount, 3*maxMounts), Healthcheck: &Probe{Exe: long, Args: make([]string, 1000)}}
	i.Finish()
	if len(i.Labels) > maxLabels+1 || i.PodName != "pod" || len(i.Env) != maxEnv || len(i.Mounts) != maxMounts || len(i.Healthcheck.Args) != maxArgs {
		t.Errorf("labels %d (pod %q), env %d, mounts %d, arguments %d", len(i.Labels), i.PodName, len(i.Env), len(i.Mounts), len(i.Healthcheck.Args))
	}
	if len(i.Name) > maxText || !strings.HasPrefix(long, i.Name) {
		t.Errorf("name of %d bytes", len(i.Name))
	}
	if l := MakeLabels(map[string]string{"a": "12345", "b": "1234"}, 4); len(l) != 1 || l[0].Key != "b" {
		t.Errorf("labels %v", l)
	}
}

func TestEventOfACapture(t *testing.T) {
	want := full()
	raw, err := want.AppendEvent(nil, 77, false)
	if err != nil {
		t.Fatal(err)
	}
	var ev scap.Event
	if err := ev.DecodeLarge(raw); err != nil {
		t.Fatal(err)
	}
	if ev.Type() != scap.EvAsynceventE || ev.Timestamp() != 77 || ev.TID() != -1 {
		t.Fatalf("type %d time %d thread %d", ev.Type(), ev.Timestamp(), ev.TID())
	}
	if name := string(ev.Param(1)); name != "container\x00" {
		t.Fatalf("name %q", name)
	}
	if got, err := Parse(ev.Param(2)); err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("%+v %v", got, err)
	}
}

func TestSplitImage(t *testing.T) {
	for name, want := range map[string][3]string{
		"busybox":                      {"busybox", "", ""},
		"busybox:1":                    {"busybox", "1", ""},
		"r:5000/a/b":                   {"r:5000/a/b", "", ""},
		"r:5000/a/b:t@sha256:0a":       {"r:5000/a/b", "t", "sha256:0a"},
		"a@sha256:0a":                  {"a", "", "sha256:0a"},
		"sha256:" + fullID:             {},
		"":                             {},
		"docker.io/library/x:v1.2-3_4": {"docker.io/library/x", "v1.2-3_4", ""},
	} {
		repo, tag, digest := SplitImage(name)
		if got := [3]string{repo, tag, digest}; got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestSpecification(t *testing.T) {
	text := `{"process":{"user":{"uid":7},"env":["A=1"],"capabilities":{"bounding":["CAP_KILL"]}},
		"mounts":[{"destination":"/proc","type":"proc","source":"proc"},{"destination":"/mnt","source":"/srv","options":["rbind","rslave","ro"]}],
		"linux":{"namespaces":[{"type":"pid"},{"type":"ipc","path":"/proc/1/ns/ipc"}],"maskedPaths":["/x"],
		"resources":{"memory":{"limit":9},"cpu":{"shares":2,"cpus":"0-3,7"}}}}`
	var i Info
	if err := i.FillFromSpec([]byte(text)); err != nil {
		t.Fatal(err)
	}
	want := Info{
		User: "7", Env: []string{"A=1"}, Mounts: []Mount{{Source: "/srv", Dest: "/mnt", Propagation: "rslave"}},
		HostPID: No, HostIPC: Yes, HostNetwork: Yes, Privileged: No, MemoryLimit: 9, CPUShares: 2, CPUSetCPUCount: 5,
	}
	if !reflect.DeepEqual(i, want) {
		t.Errorf("\ngot  %+v\nwant %+v", i, want)
	}
	var all Info
	if err := all.FillFromSpec([]byte(`{"process":{"capabilities":{"bounding":["CAP_SYS_ADMIN"]}},"linux":{"namespaces":[{"type":"network","path":"/proc/55/ns/net"}]}}`)); err != nil {
		t.Fatal(err)
	}
	if !all.Privileged.Yes() || all.HostNetwork.Known() || !all.HostPID.Yes() {
		t.Errorf("%+v", all)
	}
	if err := all.FillFromSpec([]byte("[")); err == nil {
		t.Error("no error")
	}
}

func TestProbes(t *testing.T) {
	for _, tt := range []struct {
		test []string
		want *Probe
	}{
		{[]string{"CMD", "/x", "a"}, &Probe{"/x", []string{"a"}}},
		{[]string{"CMD-SHELL", "x | y"}, &Probe{"/bin/sh", []string{"-c", "x | y"}}},
		{[]string{"NONE"}, nil},
		{[]string{"CMD"}, nil},
		{nil, nil},
	} {
		if got := HealthProbe(tt.test); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%q: %+v", tt.test, got)
		}
	}
	i := Info{Name: "b"}
	i.FillProbes(`{"spec":{"containers":[{"name":"a"},{"name":"b","livenessProbe":{"exec":{"command":["/l","1"]}},"readinessProbe":{"httpGet":{}}}]}}`)
	if !reflect.DeepEqual(i.LivenessProbe, &Probe{"/l", []string{"1"}}) || i.ReadinessProbe != nil {
		t.Errorf("%+v %+v", i.LivenessProbe, i.ReadinessProbe)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(full().AppendJSON(nil))
	f.Add([]byte(`{"container":{"id":"a","labels":{"x":[1]},"Mounts":[{}],"port_mappings":[1],"env":{"a":1}}}`))
	f.Add([]byte(`{"container":{"id":1,"type":"x","Healthcheck":[],"created_time":1e300}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		i, err := Parse(text)
		if err != nil {
			return
		}
		again, err := Parse(i.AppendJSON(nil))
		if err != nil {
			t.Fatalf("%q: what we wrote cannot be read: %v", text, err)
		}
		if again.ID != i.ID && i.ID == strings.ToValidUTF8(i.ID, "") || again.Privileged != i.Privileged || len(again.Mounts) != len(i.Mounts) {
			t.Fatalf("%q:\n%+v\n%+v", text, i, again)
		}
	})
}

func FuzzSpec(f *testing.F) {
	f.Add([]byte(`{"process":{"user":{"uid":7}},"mounts":[{"source":"/a","options":["ro"]}],"linux":{"namespaces":[{"type":"pid"}],"resources":{"cpu":{"cpus":"0-3,7"}}}}`))
	f.Fuzz(func(_ *testing.T, text []byte) {
		var i Info
		_ = i.FillFromSpec(text)
		i.FillProbes(string(text))
		i.Finish()
		CountCPUs(string(text))
	})
}
