// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Begin and end of the table in the chart's README.
const (
	tableBegin = "<!-- values -->"
	tableEnd   = "<!-- end of values -->"
)

// Readme returns the chart's README with the table of values as values.yaml
// has it.
func Readme() (string, error) {
	text, err := os.ReadFile(filepath.Join(ChartDir, "README.md"))
	if err != nil {
		return "", err
	}
	before, rest, ok1 := strings.Cut(string(text), tableBegin)
	_, after, ok2 := strings.Cut(rest, tableEnd)
	if !ok1 || !ok2 {
		return "", fmt.Errorf("the chart's README.md lacks the marks %s and %s", tableBegin, tableEnd)
	}
	table, err := valuesTable()
	if err != nil {
		return "", err
	}
	return before + tableBegin + "\n" + table + tableEnd + after, nil
}

// valuesTable is a row for each value whose comment begins with `# --`.
func valuesTable() (string, error) {
	text, err := os.ReadFile(filepath.Join(ChartDir, "values.yaml"))
	if err != nil {
		return "", err
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString("| value | default | meaning |\n|---|---|---|\n")
	if err := addValues(&b, "", doc.Content[0]); err != nil {
		return "", err
	}
	return b.String(), nil
}

// addValues adds the rows below a map. A value is told of by its own comment,
// or by those of the values in it.
func addValues(b *strings.Builder, prefix string, node *yaml.Node) error {
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		name := prefix + key.Value
		if _, doc, ok := strings.Cut(key.HeadComment, "# -- "); ok {
			var v any
			if err := value.Decode(&v); err != nil {
				return err
			}
			text, err := json.Marshal(v)
			if err != nil {
				return err
			}
			doc = strings.Join(strings.Fields(strings.ReplaceAll(doc, "\n# ", " ")), " ")
			fmt.Fprintf(b, "| `%s` | `%s` | %s |\n", name, text, strings.ReplaceAll(doc, "|", "\\|"))
			continue
		}
		if value.Kind != yaml.MappingNode {
			return fmt.Errorf("values.yaml:%d: %s has no comment that begins with `# --`", key.Line, name)
		}
		if err := addValues(b, name+".", value); err != nil {
			return err
		}
	}
	return nil
}
