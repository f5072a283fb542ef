// SPDX-License-Identifier: Apache-2.0

package capture

import (
	_ "embed" // the table of upgrades
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/tiercel/tiercel/scap"
)

//go:embed upgrades.txt
var upgradesText string

// upgrades is the table of upgrades.txt, made when the first capture is read.
var upgrades = sync.OnceValue(func() upgradeTable {
	t, err := parseUpgrades(upgradesText)
	if err != nil {
		// The text is part of the program, and a test parses it.
		panic("capture: " + err.Error())
	}
	return t
})

// upgradeTable finds rules by event type; a type has a few, one for each
// number of parameters.
type upgradeTable [][]upgrade

// upgrade is what becomes of an event with a certain number of parameters.
type upgrade struct {
	nparams int
	store   bool
	pass    bool
	to      scap.EventType // the type afterwards
	keep    bool           // the parameters stay in front of the new ones
	params  []newParam
}

// newParam is where a parameter comes from.
type newParam struct {
	from  source
	n     int    // which one of the event, or of the remembered enter event
	value []byte // what it is without one
}

type source uint8

const (
	fromEvent source = iota
	fromEnter
	fromNothing // always value
	fromContainer
)

// The values of parameters that nobody knows.
var (
	zeros [16]byte
	ones  = []byte{0xff, 0xff, 0xff, 0xff}
)

// maxStoredParams is how many parameters an enter event that is remembered has
// at most.
const maxStoredParams = 6

func (t upgradeTable) find(e scap.EventType, nparams int) *upgrade {
	rules := t[e]
	for i := range rules {
		if rules[i].nparams == nparams {
			return &rules[i]
		}
	}
	return nil
}

func parseUpgrades(text string) (upgradeTable, error) {
	names := make(map[string]scap.EventType, len(scap.Events))
	for i := range scap.Events {
		names[strings.TrimPrefix(scap.Events[i].Enum, "PPME_")] = scap.EventType(i)
	}
	table := make(upgradeTable, len(scap.Events))
	line := 0
	for l := range strings.Lines(text) {
		line++
		l, _, _ = strings.Cut(l, "#")
		if strings.TrimSpace(l) == "" {
			continue
		}
		from, u, err := parseUpgrade(l, names)
		if err == nil && table.find(from, u.nparams) != nil {
			err = fmt.Errorf("%s with %d parameters is there twice", from.Info().Enum, u.nparams)
		}
		if err != nil {
			return nil, fmt.Errorf("upgrades.txt:%d: %w", line, err)
		}
		table[from] = append(table[from], u)
	}
	return table, nil
}

func parseUpgrade(line string, names map[string]scap.EventType) (from scap.EventType, u upgrade, err error) {
	head, tail, ok := strings.Cut(line, ":")
	h, words := strings.Fields(head), strings.Fields(tail)
	if !ok || len(h) != 2 || len(words) == 0 {
		return 0, u, fmt.Errorf("not an upgrade: %q", strings.TrimSpace(line))
	}
	if from, ok = names[h[0]]; !ok {
		return 0, u, fmt.Errorf("no event %q", h[0])
	}
	if u.nparams, err = strconv.Atoi(h[1]); err != nil || u.nparams < 0 || u.nparams > scap.MaxParams {
		return 0, u, fmt.Errorf("%q is no number of parameters", h[1])
	}
	u.to = from
	switch action := words[0]; action {
	case "store", "pass":
		u.store = action == "store"
		u.pass = action == "pass" || len(words) == 2 && words[1] == "pass"
		if u.store && u.nparams > maxStoredParams {
			return 0, u, fmt.Errorf("at most %d parameters can be stored", maxStoredParams)
		}
		return from, u, nil
	case "add":
		u.keep, words = true, words[1:]
	case "become":
		if len(words) < 2 {
			return 0, u, fmt.Errorf("become what?")
		}
		if u.to, ok = names[words[1]]; !ok {
			return 0, u, fmt.Errorf("no event %q", words[1])
		}
		words = words[2:]
	default:
		return 0, u, fmt.Errorf("no action %q", action)
	}
	return from, u, u.addParams(words)
}

func (u *upgrade) addParams(words []string) error {
	for _, w := range words {
		w, count := cutCount(w)
		first, last, isRange := strings.Cut(w, "-")
		if !isRange {
			last = first
		}
		lo, errLo := strconv.Atoi(first)
		hi, errHi := strconv.Atoi(last)
		if errLo == nil && errHi == nil {
			for n := lo; n <= hi; n++ {
				if err := u.addParam(newParam{from: fromEvent, n: n}, "none"); err != nil {
					return err
				}
			}
			continue
		}
		p, without := newParam{from: fromNothing}, w
		if enter, ok := strings.CutPrefix(w, "e"); ok {
			p.from, without = fromEnter, "zero"
			if n, ok := strings.CutSuffix(enter, "?"); ok {
				enter, without = n, "none"
			}
			var err error
			if p.n, err = strconv.Atoi(enter); err != nil {
				return fmt.Errorf("no parameter %q", w)
			}
		} else if w == "json" {
			p.from, without = fromContainer, "none"
		}
		for range count {
			if err := u.addParam(p, without); err != nil {
				return err
			}
		}
	}
	return nil
}

// cutCount cuts "none*3" into "none" and 3.
func cutCount(w string) (string, int) {
	if name, n, ok := strings.Cut(w, "*"); ok {
		if count, err := strconv.Atoi(n); err == nil {
			return name, count
		}
	}
	return w, 1
}

func (u *upgrade) addParam(p newParam, without string) error {
	at := len(u.params)
	if u.keep {
		at += u.nparams
	}
	params := u.to.Info().Params
	if at >= len(params) {
		return fmt.Errorf("%s has only %d parameters", u.to.Info().Enum, len(params))
	}
	if p.from == fromEvent && p.n >= u.nparams || p.from == fromEnter && p.n >= maxStoredParams {
		return fmt.Errorf("no parameter %d to take", p.n)
	}
	switch without {
	case "none":
		p.value = zeros[:0]
	case "zero":
		p.value = unknownValue(params[at].Type)
	default:
		return fmt.Errorf("no parameter %q", without)
	}
	u.params = append(u.params, p)
	return nil
}

// unknownValue is what a parameter has whose value nobody knows: a zero of its
// width, nobody for users and groups, and nothing where the width varies.
func unknownValue(t scap.ParamType) []byte {
	if t == scap.PTUID || t == scap.PTGID {
		return ones
	}
	w, _ := t.Width()
	return zeros[:w]
}
