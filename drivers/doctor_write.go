// SPDX-License-Identifier: Apache-2.0

package drivers

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// WriteDoctor writes what Doctor finds, as a table or as JSON.
func WriteDoctor(w io.Writer, asJSON bool) error {
	d := Doctor()
	if asJSON {
		return d.WriteJSON(w)
	}
	return d.WriteText(w)
}

// WriteJSON writes the diagnosis as one indented JSON object.
func (d *Diagnosis) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(d)
}

// WriteText writes the diagnosis for people: first what would be chosen, then
// the drivers, the findings, and what can be done.
func (d *Diagnosis) WriteText(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	chosen := "auto would take " + d.Chosen
	if d.Chosen == "" {
		chosen = "auto finds no driver that is sure to run"
	}
	fmt.Fprintf(t, "%s: %s.\n", chosen, d.Why)
	fmt.Fprintf(t, "\nDRIVER\t\tREASON\n")
	for _, v := range d.Drivers {
		fmt.Fprintf(t, "%s\t%s\t%s\n", v.Driver, v.Status, oneLine(v.Reason))
	}
	fmt.Fprintf(t, "\nOFFERED\t\tDETAIL\n")
	for _, f := range d.Findings {
		fmt.Fprintf(t, "%s\t%s\t%s\n", f.Name, f.Status, oneLine(f.Detail))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	return d.writeAdvice(w)
}

// writeAdvice lists what can be done, each thing once.
func (d *Diagnosis) writeAdvice(w io.Writer) error {
	var order []string
	names := map[string][]string{}
	for _, f := range d.Findings {
		if f.Advice == "" || f.Status == OK {
			continue
		}
		if names[f.Advice] == nil {
			order = append(order, f.Advice)
		}
		names[f.Advice] = append(names[f.Advice], f.Name)
	}
	if len(order) == 0 {
		return nil
	}
	if _, err := fmt.Fprintf(w, "\nWHAT CAN BE DONE\n"); err != nil {
		return err
	}
	for _, advice := range order {
		if _, err := fmt.Fprintf(w, "- %s: %s\n", strings.Join(names[advice], ", "), advice); err != nil {
			return err
		}
	}
	return nil
}

// oneLine keeps the lines of a joined error in one row of the table.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
