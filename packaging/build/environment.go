// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// pinned is what of Go's settings changes the packages. Each may stand in the
// builder's environment or in the file of `go env -w`, which is not read.
var pinned = []string{
	"CGO_ENABLED=0", "GOAMD64=v1", "GOARM64=v8.0", "GOEXPERIMENT=", "GOFIPS140=off", "GOFLAGS=", "GOWORK=off",
	"GO_EXTLINK_ENABLED=", "GO_LDSO=", "GOENV=off",
}

// kept are the settings that only say where modules and toolchains come from; those
// of the file that is not read go on to hold.
var kept = []string{"GOPROXY", "GONOPROXY", "GOSUMDB", "GONOSUMDB", "GOPRIVATE", "GOINSECURE", "GOVCS", "GOAUTH", "GOTOOLCHAIN", "GOPATH", "GOMODCACHE", "GOCACHE"}

// environ is the environment of the programs that the build runs; passphrases are in
// none of it.
func (o *options) environ(ctx context.Context) ([]string, error) {
	if o.env != nil {
		return o.env, nil
	}
	out, err := exec.CommandContext(ctx, "go", append([]string{"env", "-json"}, kept...)...).Output()
	if err != nil {
		return nil, fmt.Errorf("go env: %w", err)
	}
	var settings map[string]string
	if err := json.Unmarshal(out, &settings); err != nil {
		return nil, fmt.Errorf("go env says %q: %w", out, err)
	}
	env := slices.DeleteFunc(os.Environ(), func(e string) bool { return strings.HasPrefix(e, passphraseName+"=") })
	for _, name := range kept {
		env = append(env, name+"="+settings[name])
	}
	o.env = append(append(env, pinned...), fmt.Sprintf("SOURCE_DATE_EPOCH=%d", o.epoch))
	return o.env, nil
}
