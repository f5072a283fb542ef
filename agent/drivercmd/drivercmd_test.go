// SPDX-License-Identifier: Apache-2.0

package drivercmd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tiercel/tiercel/agent/cmdline"
	"github.com/tiercel/tiercel/drivers"
	"github.com/tiercel/tiercel/kmod"
)

// fake is a kernel, and a host with at most one module file.
type fake struct {
	is      bool // loaded
	says    kmod.Info
	noInfo  error
	path    string   // of the module's file
	more    []string // files that fit, but come later
	inDKMS  []kmod.DKMS
	holds   kmod.File
	refuses error // of load and unload
	did     []string
}

func (f *fake) loaded() bool { return f.is }
func (f *fake) info() (kmod.Info, error) {
	return f.says, f.noInfo
}
func (f *fake) files(release string) []string {
	if f.path == "" {
		return nil
	}
	return append([]string{f.path}, f.more...)
}
func (f *fake) dkms(release string) []kmod.DKMS { return f.inDKMS }
func (f *fake) file(path string) (kmod.File, error) {
	if slices.Contains(f.more, path) {
		s, err := kmod.Schema()
		return kmod.File{Release: "6.1", Version: "1.0", API: strconv.Itoa(int(api)), Schema: s}, err
	}
	if path != f.path {
		return kmod.File{}, fs.ErrNotExist
	}
	if !strings.HasSuffix(path, ".ko") {
		return kmod.File{}, kmod.ErrCompressed
	}
	return f.holds, nil
}
func (f *fake) load(path string) error {
	f.did = append(f.did, "load "+path)
	f.is = f.refuses == nil
	return f.refuses
}
func (f *fake) unload() error {
	f.did = append(f.did, "unload")
	return f.refuses
}

// api is the number of the interface that this program speaks.
var api = func() uint32 {
	var e *kmod.VersionError
	if !errors.As(kmod.Info{}.Check(), &e) {
		panic("a module of no version fits")
	}
	return e.API
}()

func schema(t *testing.T) string {
	t.Helper()
	s, err := kmod.Schema()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// run runs a command on a host with kernel 6.1.
func run(f *fake, refused, unbuildable []drivers.Finding, args ...string) (string, error) {
	o, err := cmdline.Parse(append([]string{"driver"}, args...))
	if err != nil {
		return "", err
	}
	var out bytes.Buffer
	err = Run(System{
		Stdout: &out, Version: "1.0", module: f,
		release:   func() (string, error) { return "6.1", nil },
		obstacles: func() ([]drivers.Finding, []drivers.Finding) { return refused, unbuildable },
	}, o)
	return out.String(), err
}

var locked = []drivers.Finding{{Name: "module signatures", Status: drivers.Missing, Detail: "required (lockdown, Secure Boot is on)", Advice: "sign the module"}}

func TestCommands(t *testing.T) {
	ours := kmod.Info{API: api, Schema: schema(t), Version: "1.0"}
	fits := kmod.File{Release: "6.1", Version: "1.0", API: strconv.Itoa(int(api)), Schema: schema(t)}
	other := kmod.Info{API: api, Schema: "old", Version: "0.9"}
	for _, c := range []struct {
		name    string
		host    fake
		refused []drivers.Finding
		lacks   []drivers.Finding
		args    string
		says    string // what it prints, or its error
		fails   bool
		did     string
	}{
		{"a module that fits is loaded", fake{path: "/m/tiercel.ko", holds: fits, says: ours}, nil, nil, "load kmod", "loaded /m/tiercel.ko, version 1.0", false, "load /m/tiercel.ko"},
		{"another file", fake{path: "/x.ko", holds: fits, says: ours}, nil, nil, "load kmod --file /x.ko", "loaded /x.ko", false, "load /x.ko"},
		{"there is none", fake{}, nil, nil, "load kmod", "tiercel driver build kmod makes one", true, ""},
		{"that of DKMS is stale, ours fits", fake{path: "/dkms/tiercel.ko", holds: kmod.File{Release: "6.1", Version: "0.9", Schema: "old"}, more: []string{"/ours/tiercel.ko"}, says: ours}, nil, nil, "load kmod", "loaded /ours/tiercel.ko", false, "load /ours/tiercel.ko"},
		{"a compressed one tells only once it is loaded", fake{path: "/m/tiercel.ko.xz", says: other}, nil, nil, "load kmod", "the module /m/tiercel.ko.xz is not for this agent and was unloaded again: the loaded module is of another version (0.9", true, "load /m/tiercel.ko.xz, unload"},
		{"there is none, and none can be built", fake{}, nil, []drivers.Finding{{Name: "kernel headers", Detail: "no /lib/modules/6.1/build", Advice: "install them"}}, "load --build kmod", "there is none that fits, and it cannot be built: build the module: it cannot be built here\nkernel headers: no /lib/modules/6.1/build; install them", true, ""},
		{"one that fits is not built again", fake{path: "/m/tiercel.ko", holds: fits, says: ours}, locked, nil, "load --build kmod", "loaded /m/tiercel.ko", false, "load /m/tiercel.ko"},
		{"it is of another release", fake{path: "/m/tiercel.ko", holds: kmod.File{Release: "6.1", Version: "0.9", Schema: "old"}}, nil, nil, "load kmod", "is of another version (0.9", true, ""},
		{"it is for another kernel", fake{path: "/m/tiercel.ko", holds: kmod.File{Release: "5.10", API: strconv.Itoa(int(api)), Schema: schema(t)}}, nil, nil, "load kmod", "was built for the kernel 5.10, not for 6.1", true, ""},
		{"loading twice is no failure", fake{is: true, says: ours}, nil, nil, "load kmod", "loaded already, version 1.0", false, ""},
		{"one of another release is loaded", fake{is: true, says: other}, nil, nil, "load kmod", "the loaded module is of another version (0.9", true, ""},
		{"somebody else's module has our name", fake{is: true, noInfo: errors.New("no device")}, nil, nil, "load kmod", "a module called tiercel is loaded already, but cannot be used: no device", true, ""},
		{"in a container without its device the agent asks the module", fake{path: "/m/tiercel.ko", holds: fits, noInfo: kmod.ErrNoDevice}, nil, nil, "load kmod", "loaded /m/tiercel.ko; its device is not in this container's /dev", false, "load /m/tiercel.ko"},
		{"in a container, loaded already", fake{is: true, noInfo: kmod.ErrNoDevice}, nil, nil, "load kmod", "is loaded already; its device is not in this container's /dev", false, ""},
		{"the kernel refuses it, and why", fake{path: "/m/tiercel.ko", holds: fits, refuses: unix.EKEYREJECTED}, locked, nil, "load kmod", "Secure Boot is on); sign the module", true, "load /m/tiercel.ko"},
		{"unload", fake{is: true}, nil, nil, "unload kmod", "unloaded the module", false, "unload"},
		{"it is in use", fake{is: true, refuses: errors.New("it is in use")}, nil, nil, "unload kmod", "it is in use", true, "unload"},
		{"there is nothing to unload", fake{}, nil, nil, "unload kmod", "the module is not loaded", false, ""},
		{"probes are not loaded by hand", fake{}, nil, nil, "load bpf", "loaded by the agent", false, ""},
		{"nor unloaded", fake{}, nil, nil, "unload bpf", "loaded by the agent", false, ""},
		{"modern_bpf needs no building", fake{}, nil, nil, "build modern_bpf", "nothing to build", false, ""},
		{"locked down: said before building", fake{}, locked, nil, "build kmod", "would not take it", true, ""},
		{"no headers: said before building", fake{}, nil, []drivers.Finding{{Name: "kernel headers", Detail: "no /lib/modules/6.1/build", Advice: "install them"}}, "build kmod", "kernel headers: no /lib/modules/6.1/build; install them", true, ""},
		{"what is there is not built again", fake{path: "/var/lib/tiercel/6.1/tiercel.ko", holds: fits}, nil, nil, "build kmod", "is there already", false, ""},
		{"a folder that cannot be made", fake{}, nil, nil, "build kmod -o /dev/null/x/tiercel.ko", "choose another with --output", true, ""},
		{"a folder that cannot be written", fake{}, nil, nil, "build kmod -o /proc/tiercel.ko", "--output", true, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, err := run(&c.host, c.refused, c.lacks, strings.Fields(c.args)...)
			if (err != nil) != c.fails {
				t.Fatalf("%v, printed %s", err, out)
			}
			if err != nil {
				out += err.Error()
			}
			if !strings.Contains(out, c.says) {
				t.Errorf("says %q, want %q", out, c.says)
			}
			if did := strings.Join(c.host.did, ", "); did != c.did {
				t.Errorf("did %q, want %q", did, c.did)
			}
		})
	}
}

func TestStatusTellsOfEveryDriver(t *testing.T) {
	f := &fake{path: "/m/tiercel.ko", holds: kmod.File{Release: "6.1", API: strconv.Itoa(int(api)), Schema: schema(t)}}
	out, err := run(f, nil, nil, "status", "-j")
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Kernel  string
		Drivers []State
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	if got.Kernel != "6.1" || len(got.Drivers) != 3 || got.Drivers[1].Loaded || !got.Drivers[1].Fits {
		t.Errorf("%+v", got)
	}
	f.is, f.says = true, kmod.Info{API: api, Schema: "old", Version: "0.9"}
	f.inDKMS = []kmod.DKMS{{Version: "0.9", State: kmod.DKMSFailed, Log: "/var/lib/dkms/tiercel/0.9/build/make.log"}}
	defer func() {
		if !strings.Contains(out, "DKMS: tiercel/0.9 failed to build for this kernel; /var/lib/dkms/tiercel/0.9/build/make.log says why") {
			t.Errorf("nothing of DKMS: %s", out)
		}
	}()
	if out, err = run(f, nil, nil, "status"); err != nil || !strings.Contains(out, "the loaded module is of another version (0.9") {
		t.Errorf("%v: %s", err, out)
	}
	for _, kind := range []string{"modern_bpf", "kmod", "bpf"} {
		if !strings.Contains(out, "\n"+kind+" ") {
			t.Errorf("nothing of %s: %s", kind, out)
		}
	}
}

func TestAProductAppearsWholeOrNotAtAll(t *testing.T) {
	dir := t.TempDir()
	to := filepath.Join(dir, "deep", "tiercel.ko")
	var out bytes.Buffer
	s := System{Stdout: &out}
	broken := errors.New("the compiler says no")
	var where string
	err := s.make(context.Background(), "it", "6.1", to, false, func(_ context.Context, dir string, _ io.Writer) (string, error) {
		where = dir
		return "", broken
	})
	if !errors.Is(err, broken) {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Dir(to)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a build that failed leaves an empty folder behind: %v", err)
	}
	err = s.make(context.Background(), "it", "6.1", to, true, func(_ context.Context, dir string, log io.Writer) (string, error) {
		if _, err := io.WriteString(log, "CC main.o\n"); err != nil {
			return "", err
		}
		product := filepath.Join(dir, "x")
		return product, os.WriteFile(product, []byte("module"), 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(to); err != nil || string(b) != "module" {
		t.Errorf("%q, %v", b, err)
	}
	left, err := os.ReadDir(filepath.Dir(to))
	if err != nil || len(left) != 1 {
		t.Errorf("%v, %v", left, err)
	}
	if _, err := os.Stat(where); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the build folder is still there: %v", err)
	}
	if !strings.Contains(out.String(), "CC main.o") || !strings.Contains(out.String(), "built "+to) {
		t.Error(out.String())
	}
}
