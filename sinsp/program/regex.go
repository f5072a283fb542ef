// SPDX-License-Identifier: Apache-2.0

package program

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
	"unicode/utf8"
)

// compileRegex compiles a pattern of the RE2 library's POSIX mode so that it
// matches whole values. Go's syntax package is the same language; only the
// texts of its errors differ. With both ends anchored, leftmost-longest and
// leftmost-first cannot be told apart.
func compileRegex(pattern string) (*regexp.Regexp, error) {
	tree, err := syntax.Parse(pattern, syntax.POSIX)
	if err != nil {
		return nil, fmt.Errorf("invalid regex pattern: %s", regexProblem(err))
	}
	re, err := regexp.Compile(`\A(?:` + tree.String() + `)\z`)
	if err != nil {
		return nil, fmt.Errorf("invalid regex pattern: %s", regexProblem(err))
	}
	return re, nil
}

var regexProblems = map[syntax.ErrorCode]string{
	syntax.ErrInvalidCharClass:      "invalid character class",
	syntax.ErrInvalidCharRange:      "invalid character class range",
	syntax.ErrInvalidEscape:         "invalid escape sequence",
	syntax.ErrInvalidNamedCapture:   "invalid named capture group",
	syntax.ErrInvalidPerlOp:         "invalid perl operator",
	syntax.ErrInvalidRepeatOp:       "bad repetition operator",
	syntax.ErrInvalidRepeatSize:     "invalid repetition size",
	syntax.ErrInvalidUTF8:           "invalid UTF-8",
	syntax.ErrMissingBracket:        "missing ]",
	syntax.ErrMissingParen:          "missing )",
	syntax.ErrMissingRepeatArgument: "no argument for repetition operator",
	syntax.ErrTrailingBackslash:     `trailing \`,
	syntax.ErrUnexpectedParen:       "unexpected )",
}

// regexProblem puts an error into the words of the reference.
func regexProblem(err error) string {
	var e *syntax.Error
	if !errors.As(err, &e) {
		return err.Error()
	}
	text, ok := regexProblems[e.Code]
	if !ok {
		text = string(e.Code)
	}
	if e.Expr != "" {
		text += ": " + e.Expr
	}
	return text
}

// isPlainRegex reports whether a simpler operator could do what the pattern
// does: it has no special characters but anchors and a repeated dot at its
// ends.
func isPlainRegex(pattern string) bool {
	for i := 0; i < len(pattern); i++ {
		c := pattern[i]
		if i == 0 && c == '^' || i == len(pattern)-1 && c == '$' {
			continue
		}
		atEnd := i == 0 && len(pattern) > 1 || i == len(pattern)-2
		if atEnd && c == '.' && strings.IndexByte("+*?", pattern[i+1]) >= 0 {
			i++
			continue
		}
		if strings.IndexByte(`.+*?^$()[]{}|\`, c) >= 0 {
			return false
		}
	}
	return true
}

// regexAtoms returns texts of which at least one is in every value that the
// pattern matches, nil when there are none.
func regexAtoms(left int32, pattern string) []atom {
	tree, err := syntax.Parse(pattern, syntax.POSIX)
	if err != nil {
		return nil
	}
	return requiredTexts(left, tree.Simplify())
}

const maxRegexAtoms = 32

func requiredTexts(left int32, re *syntax.Regexp) []atom {
	switch re.Op {
	case syntax.OpLiteral:
		a := atom{value: left, how: atomInside, text: string(re.Rune)}
		if re.Flags&syntax.FoldCase != 0 || !utf8.ValidString(a.text) || strings.ContainsRune(a.text, utf8.RuneError) {
			return nil
		}
		return []atom{a}
	case syntax.OpCapture, syntax.OpPlus:
		return requiredTexts(left, re.Sub[0])
	case syntax.OpRepeat:
		if re.Min > 0 {
			return requiredTexts(left, re.Sub[0])
		}
	case syntax.OpConcat:
		var best []atom
		for _, sub := range re.Sub {
			if a := requiredTexts(left, sub); a != nil && (best == nil || shortest(a) > shortest(best)) {
				best = a
			}
		}
		return best
	case syntax.OpAlternate:
		var all []atom
		for _, sub := range re.Sub {
			a := requiredTexts(left, sub)
			if a == nil || len(all)+len(a) > maxRegexAtoms {
				return nil
			}
			all = append(all, a...)
		}
		return all
	}
	return nil
}

// shortest is the length of the shortest text, less the more texts there are.
func shortest(atoms []atom) float64 {
	n := len(atoms[0].text)
	for _, a := range atoms {
		n = min(n, len(a.text))
	}
	return float64(n) - float64(len(atoms))/8
}
