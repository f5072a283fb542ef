// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// WriteMarkdown writes the table of all metrics for the documentation, in
// order of their names in Prometheus; those that only snapshots have come last.
func WriteMarkdown(w io.Writer) error {
	var b strings.Builder
	b.WriteString("| Prometheus, behind the namespace | type | field of snapshots | meaning |\n|---|---|---|---|\n")
	rows := map[string]string{} // by what they are sorted by
	for i := range Table {
		m := &Table[i]
		key, kind := m.Prom, [...]string{"counter", "gauge"}[m.Kind]
		if len(m.Labels) > 0 {
			var labels []string
			for _, l := range m.Labels {
				labels = append(labels, fmt.Sprintf("%s=%q", l[0], l[1]))
			}
			key += "{" + strings.Join(labels, ",") + "}"
		}
		name := key
		if name == "" {
			key, name, kind = "~"+m.Field, "-", "-"
		}
		rows[key] = fmt.Sprintf("| `%s` | %s | `%s` | %s |\n", name, kind, fieldName(m), m.Help)
	}
	for name, text := range help {
		kind := "gauge"
		if strings.HasSuffix(name, "_total") && name != "falco_host_num_cpus_total" {
			kind = "counter"
		}
		rows[name] = fmt.Sprintf("| `%s` | %s | - | %s |\n", name, kind, text)
	}
	for _, key := range slices.Sorted(maps.Keys(rows)) {
		b.WriteString(strings.ReplaceAll(rows[key], "`-`", "-"))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// fieldName is the field with the unit that it has by default.
func fieldName(m *Metric) string {
	switch {
	case m.Field == "":
		return "-"
	case m.Unit == Memory, m.Unit == Bytes:
		return m.Field + "_mb"
	}
	return m.Field
}
