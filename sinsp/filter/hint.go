// SPDX-License-Identifier: Apache-2.0

package filter

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// expectation is what the parser looked for when it gave up.
type expectation uint8

const (
	wantCheck    expectation = iota // a check, a macro or a bracket
	wantOperator                    // of a check
	wantString                      // a value
	wantNumber
	wantList
	wantElement  // of a list
	wantClose    // a closing bracket
	wantJoin     // "and", "or" or the end
	wantBlank    // behind "and" or "or"
	wantField    // inside val()
	wantOperand  // of a transformer
	wantArgument // of a field
	wantEscape   // a known one
	wantLess     // nesting
)

// withHint adds to an error what was probably meant.
func withHint(text string, err error) error {
	var e *Error
	if errors.As(err, &e) {
		e.Hint = e.hint(text)
	}
	return err
}

func (e *Error) hint(text string) string {
	before, rest := text[:e.Pos.Offset], text[e.Pos.Offset:]
	word := firstWord(rest)
	if h := quoteHint(e, before, rest); h != "" {
		return h
	}
	if h := symbolHint(before, rest); h != "" {
		return h
	}
	switch e.wanted {
	case wantOperator:
		return operatorHint(word)
	case wantString:
		if strings.HasPrefix(rest, "(") {
			return "for a list write: in (...), or = anyof (...)"
		}
		if word == "" {
			return `an empty value is written ""`
		}
	case wantNumber:
		return "the operators <, <=, > and >= take numbers"
	case wantList:
		if word != "" {
			return fmt.Sprintf("put the values into brackets: (%s)", word)
		}
		return "a list is written (a, b)"
	case wantElement:
		if strings.HasPrefix(rest, ")") || strings.HasPrefix(rest, ",") {
			return "is there a comma too many?"
		}
	case wantClose:
		return closeHint(before, rest)
	case wantJoin:
		return joinHint(before, rest, word)
	case wantBlank:
		if rest == "" {
			return "there is nothing behind it"
		}
		return "'and', 'or' and 'not' are words of their own"
	case wantCheck:
		return checkHint(rest, word)
	case wantField:
		return "val() takes one field, and no transformer"
	case wantOperand:
		if strings.HasPrefix(rest, "val(") {
			return "inside of a transformer a field needs no val()"
		}
		if strings.HasPrefix(rest, ")") {
			return "a transformer needs an argument"
		}
		return `text inside of a transformer needs quotes`
	case wantArgument:
		return "an argument with blanks, quotes or brackets needs quotes of its own"
	case wantEscape:
		return `a backslash is written \\`
	case wantLess:
		return "are all these brackets needed?"
	}
	return ""
}

// quoteHint is about quotes that do not end where they should.
func quoteHint(e *Error, before, rest string) string {
	if rest == "" {
		return ""
	}
	if e.wanted == wantJoin && before != "" && isQuote(before[len(before)-1]) && !isBlank(rest[0]) && rest[0] != ')' {
		return `a quote inside of a value needs quotes of the other kind around it: "it's"`
	}
	if !isQuote(rest[0]) {
		return ""
	}
	switch {
	case lenQuoted(rest) == 0 && strings.HasSuffix(strings.TrimRight(rest, " \t\r\n"), `\`+rest[:1]):
		return fmt.Sprintf(`the quote does not end here: a backslash before %s at the end is written \x5c`, rest[:1])
	case lenQuoted(rest) == 0:
		return fmt.Sprintf("the quote at column %d does not end", e.Pos.Col)
	case e.wanted == wantJoin:
		return "quotes go around a whole value"
	case e.wanted == wantNumber:
		return "numbers have no quotes here"
	}
	return ""
}

func isQuote(c byte) bool { return c == '"' || c == '\'' }

// symbolHint is about operators of other languages that begin like one of
// ours.
func symbolHint(before, rest string) string {
	behind := strings.TrimRight(before, " \t\r\n")
	for _, o := range []struct{ before, rest, meant string }{
		{"=~", "", "regex"}, {"!~", "", "not ... regex"}, {"=<", "", "<="}, {"=>", "", ">="}, {"<", ">", "!="}, {"!=", "=", "!="}, {"==", "=", "="},
	} {
		if strings.HasSuffix(behind, o.before) && strings.HasPrefix(rest, o.rest) {
			return fmt.Sprintf("did you mean %s?", o.meant)
		}
	}
	return ""
}

// otherOperators are operators of other languages and what they are here.
var otherOperators = map[string]string{
	"=~": "regex", "~": "regex", "~=": "regex", "matches": "regex", "match": "regex", "rlike": "regex",
	"like": "glob", "ilike": "iglob", "is": "=", "eq": "=", "equals": "=", "===": "=", "ne": "!=", "<>": "!=", "!==": "!=",
	"gt": ">", "ge": ">=", "lt": "<", "le": "<=", "=>": ">=", "=<": "<=", "has": "contains", "includes": "contains",
	"prefix": "startswith", "suffix": "endswith", "any": "intersects", "subset": "in",
}

func operatorHint(word string) string {
	lower := strings.ToLower(word)
	switch {
	case word == "":
		return "a field needs an operator, such as = or exists"
	case lower == "not":
		return "not stands before the field: not fd.name in (...)"
	case slices.Contains(modOps, lower):
		return fmt.Sprintf("%s stands behind an operator: = %s (...)", lower, lower)
	case lower != word && slices.Contains(Operators(), lower):
		return fmt.Sprintf("operators are in lower case: %s", lower)
	case otherOperators[lower] != "":
		return fmt.Sprintf("did you mean %s?", otherOperators[lower])
	}
	for _, op := range wordOps {
		if strings.HasPrefix(lower, op) {
			return fmt.Sprintf("%s needs a blank behind it", op)
		}
	}
	if meant := nearest(lower, Operators()); meant != "" {
		return fmt.Sprintf("did you mean %s?", meant)
	}
	return ""
}

func closeHint(before, rest string) string {
	if rest == "" {
		if open := lastOpen(before); open >= 0 {
			return fmt.Sprintf("the bracket at column %d does not end", open-strings.LastIndexAny(before[:open], "\r\n"))
		}
		return ""
	}
	if strings.HasPrefix(rest, "=") {
		if open := lastOpen(before); open > 0 && isLetter(before[open-1]) {
			return fmt.Sprintf("the bracket at column %d does not end", open-strings.LastIndexAny(before[:open], "\r\n"))
		}
		return "a value with = in it needs quotes"
	}
	if strings.HasPrefix(rest, "(") {
		return "elements of a list are plain text; a value with a bracket in it needs quotes"
	}
	return "values of a list are separated by commas, checks by 'and' or 'or'"
}

// lastOpen returns the innermost bracket of a text that does not end, -1 when
// there is none.
func lastOpen(text string) int {
	var open []int
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"', '\'':
			if n := lenQuoted(text[i:]); n > 0 {
				i += n - 1
			}
		case '(':
			open = append(open, i)
		case ')':
			if len(open) > 0 {
				open = open[:len(open)-1]
			}
		}
	}
	if len(open) == 0 {
		return -1
	}
	return open[len(open)-1]
}

func joinHint(before, rest, word string) string {
	behind := strings.TrimRight(before, " \t\r\n\b")
	start := strings.LastIndexAny(behind, " \t\r\n\b(),=") + 1
	last, lower := behind[start:], strings.ToLower(word)
	switch {
	case slices.Contains(keywords, last):
		return fmt.Sprintf("there is no check before or behind '%s'", last)
	case strings.HasPrefix(rest, ")"):
		return "there is a closing bracket too many"
	case strings.HasPrefix(rest, "("):
		if meant := nearestCall(last); meant == "val" {
			return "val() stands on the right side of an operator"
		} else if meant != "" {
			return fmt.Sprintf("did you mean %s(...)?", meant)
		}
		if startsCheck(behind[:start]) {
			return "the transformers are " + strings.Join(Transformers(), ", ")
		}
		return "a value with a bracket in it needs quotes"
	case isIdentifier(last) && startsCheck(behind[:start]) && (operatorNext(rest) || operatorNext(word)):
		return "the name of a field has a dot in it, such as proc.name"
	case strings.HasPrefix(rest, ",") || strings.HasPrefix(rest, "="):
		return fmt.Sprintf("a value with %s in it needs quotes", rest[:1])
	case strings.HasPrefix(rest, "&&"):
		return "did you mean 'and'?"
	case strings.HasPrefix(rest, "||"):
		return "did you mean 'or'?"
	case lower != word && slices.Contains(keywords, lower):
		return fmt.Sprintf("keywords are in lower case: '%s'", lower)
	case strings.HasPrefix(rest, "["):
		return "only a field takes something in square brackets"
	case strings.HasPrefix(rest, "."):
		return "the name of a field is words with single dots between them"
	}
	return "is 'and' or 'or' missing here?"
}

// startsCheck reports whether a check may begin behind a text.
func startsCheck(before string) bool {
	before = strings.TrimRight(before, " \t\r\n\b")
	last := before[strings.LastIndexAny(before, " \t\r\n\b()")+1:]
	return before == "" || strings.HasSuffix(before, "(") || slices.Contains(keywords, last)
}

// nearestCall returns the transformer that was probably meant, "" when none
// was.
func nearestCall(name string) string {
	all := append(Transformers(), "val")
	if i := slices.IndexFunc(all, func(t string) bool { return len(name) >= 4 && strings.HasSuffix(t, strings.ToLower(name)) }); i >= 0 {
		return all[i]
	}
	return nearest(strings.ToLower(name), all)
}

func checkHint(rest, word string) string {
	switch {
	case word == "" && strings.TrimLeft(rest, ")") == rest:
		return "there is nothing where a check should be"
	case strings.HasPrefix(rest, ")"):
		return "the brackets are empty"
	case strings.HasPrefix(rest, "!"):
		return "did you mean not?"
	case strings.HasPrefix(rest, "."), strings.HasPrefix(rest, "%"), strings.HasPrefix(rest, "$"):
		return "a check begins with the name of a field, such as proc.name"
	}
	return "a check begins with a field or the name of a macro"
}

// firstWord is what stands at the start of a text, up to a blank or bracket.
func firstWord(s string) string {
	if i := strings.IndexAny(s, " \t\r\n(),"); i >= 0 {
		return s[:i]
	}
	return s
}

func isIdentifier(s string) bool { return s != "" && lenIdentifier(s) == len(s) }

// operatorNext reports whether s starts with an operator.
func operatorNext(s string) bool {
	for _, op := range Operators() {
		if rest, ok := strings.CutPrefix(s, op); ok && (!isLetter(op[0]) || rest == "" || isBlank(rest[0])) {
			return true
		}
	}
	return false
}

// nearest returns the candidate that differs least from a word, "" when none
// is close.
func nearest(word string, candidates []string) string {
	best, least := "", max(1, len(word)/3)+1
	for _, c := range candidates {
		if d := distance(word, c); d < least {
			best, least = c, d
		}
	}
	return best
}

// distance is the number of single-byte changes (insert, delete, replace) that
// make b of a.
func distance(a, b string) int {
	if len(a) > 32 {
		return len(a)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diag := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diag
			if a[i] != b[j] {
				cost++
			}
			diag = row[j+1]
			row[j+1] = min(cost, diag+1, row[j]+1)
		}
	}
	return row[len(b)]
}
