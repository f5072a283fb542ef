// SPDX-License-Identifier: Apache-2.0

package config

import (
	"bytes"
	"os"
	"testing"
)

func TestTheExampleIsUpToDate(t *testing.T) {
	have, err := os.ReadFile("tiercel.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(have, Example()) {
		t.Error("tiercel.yaml is not what the table of keys says: run make generate")
	}
}

func TestTheExampleSaysWhatNoConfigurationSays(t *testing.T) {
	c := must(t, main(string(Example())))
	if c.Reports[0].Status != "ok" || len(c.Warnings) != 0 {
		t.Errorf("%+v %q", c.Reports, c.Warnings)
	}
	if changed := Changed(must(t, main("")), c); changed != nil {
		t.Errorf("the example changes %v", changed)
	}
}
