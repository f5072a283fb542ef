// SPDX-License-Identifier: Apache-2.0

package kubernetes

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"testing"
	"time"
)

// boxImage is what the pods run that are watched. Its first process sleeps, so
// that it serves as the sandbox of pods, too.
const boxImage = "docker.io/library/box:v1"

// boxArchive makes the archive that ctr imports.
func boxArchive(t *testing.T) []byte {
	t.Helper()
	path, err := exec.LookPath("busybox")
	if err != nil {
		t.Fatal("no busybox here (apt-get install busybox-static)")
	}
	program, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	layer := archive(t,
		file{"bin/busybox", program, ""}, file{"bin/sh", nil, "busybox"}, file{"bin/cat", nil, "busybox"}, file{"bin/sleep", nil, "busybox"},
		file{"etc/passwd", []byte("root:x:0:0::/:/bin/sh\n"), ""}, file{"etc/shadow", []byte("root:*:1::::::\n"), ""},
	)
	sum := sha256.Sum256(layer)
	config := marshal(t, map[string]any{
		"architecture": "amd64", "os": "linux", "created": "2026-01-01T00:00:00Z",
		"config": map[string]any{"Cmd": []string{"/bin/sleep", "1000000"}, "Env": []string{"PATH=/bin"}},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{"sha256:" + hex.EncodeToString(sum[:])}},
	})
	manifest := marshal(t, []map[string]any{{"Config": "config.json", "RepoTags": []string{boxImage}, "Layers": []string{"layer.tar"}}})
	return archive(t, file{"config.json", config, ""}, file{"layer.tar", layer, ""}, file{"manifest.json", manifest, ""})
}

// file is one of an archive; one with a target is a link.
type file struct {
	name   string
	data   []byte
	target string
}

func archive(t *testing.T, files ...file) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range files {
		h := &tar.Header{Name: f.name, Mode: 0o755, Size: int64(len(f.data)), Typeflag: tar.TypeReg, ModTime: time.Unix(1e9, 0)}
		if f.target != "" {
			h.Typeflag, h.Linkname = tar.TypeSymlink, f.target
		}
		err := w.WriteHeader(h)
		if err == nil && f.target == "" {
			_, err = w.Write(f.data)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func marshal(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
