// SPDX-License-Identifier: Apache-2.0

package rules

// Code says what kind of fault or doubt an issue is. The words are interface:
// tools that read validation reports look for them.
type Code string

// Errors.
const (
	ErrFileRead         Code = "LOAD_ERR_FILE_READ"
	ErrYAMLParse        Code = "LOAD_ERR_YAML_PARSE"
	ErrYAMLValidate     Code = "LOAD_ERR_YAML_VALIDATE"
	ErrCompileCondition Code = "LOAD_ERR_COMPILE_CONDITION"
	ErrCompileOutput    Code = "LOAD_ERR_COMPILE_OUTPUT"
	ErrValidate         Code = "LOAD_ERR_VALIDATE"
	ErrExtension        Code = "LOAD_ERR_EXTENSION"
)

// Warnings.
const (
	WarnUnknownSource          Code = "LOAD_UNKNOWN_SOURCE"
	WarnUnsafeNACheck          Code = "LOAD_UNSAFE_NA_CHECK"
	WarnNoEventType            Code = "LOAD_NO_EVTTYPE"
	WarnUnknownFilter          Code = "LOAD_UNKNOWN_FILTER"
	WarnUnusedMacro            Code = "LOAD_UNUSED_MACRO"
	WarnUnusedList             Code = "LOAD_UNUSED_LIST"
	WarnUnknownItem            Code = "LOAD_UNKNOWN_ITEM"
	WarnDeprecatedItem         Code = "LOAD_DEPRECATED_ITEM"
	WarnExtension              Code = "LOAD_WARNING_EXTENSION"
	WarnAppendNoValues         Code = "LOAD_APPEND_NO_VALUES"
	WarnExceptionNameNotUnique Code = "LOAD_EXCEPTION_NAME_NOT_UNIQUE"
	WarnInvalidMacroName       Code = "LOAD_INVALID_MACRO_NAME"
	WarnInvalidListName        Code = "LOAD_INVALID_LIST_NAME"
	WarnCompileCondition       Code = "LOAD_COMPILE_CONDITION"
	WarnUnknownKey             Code = "LOAD_UNKNOWN_KEY"
)

// codeText is the short description of each code, as reports print it, and a
// sentence for warnings, which JSON reports carry.
var codeText = map[Code]struct{ short, sentence string }{
	ErrFileRead:         {"File read error", ""},
	ErrYAMLParse:        {"YAML parse error", ""},
	ErrYAMLValidate:     {"Error validating internal structure of YAML file", ""},
	ErrCompileCondition: {"Error compiling condition", ""},
	ErrCompileOutput:    {"Error compiling output", ""},
	ErrValidate:         {"Error validating rule/macro/list/exception objects", ""},
	ErrExtension:        {"Error in extension item", ""},

	WarnUnknownSource: {"Unknown event source",
		"The rule is for an event source that is not loaded, so it is left out."},
	WarnUnsafeNACheck: {"Unsafe <NA> comparison in condition",
		"The condition compares with <NA>; ask with exists whether the field has a value."},
	WarnNoEventType: {"Condition has no event-type restriction",
		"The condition can match so many event types that it costs much; add a check of evt.type."},
	WarnUnknownFilter: {"Unknown field or event-type in condition or output",
		"The rule names a field or an event type that is not known, and asks to be left out then."},
	WarnUnusedMacro: {"Unused macro", "No rule and no other macro uses the macro."},
	WarnUnusedList:  {"Unused list", "No rule, no macro and no other list uses the list."},
	WarnUnknownItem: {"Unknown rules file item",
		"The item is neither a rule, a macro, a list nor a version requirement; it is left out."},
	WarnDeprecatedItem: {"Used deprecated item", "The item or field is going to disappear."},
	WarnExtension:      {"Warning in extension item", "An extension item is doubtful."},
	WarnAppendNoValues: {"Overriding/appending with no values",
		"An exception is appended to without a value, which changes nothing."},
	WarnExceptionNameNotUnique: {"Multiple exceptions defined with the same name",
		"Two exceptions of one rule have the same name."},
	WarnInvalidMacroName: {"Invalid macro name", "No condition can use a macro of this name."},
	WarnInvalidListName:  {"Invalid list name", "No condition can use a list of this name."},
	WarnCompileCondition: {"Warning in rule condition", "The condition may not mean what it seems to."},
	WarnUnknownKey:       {"Unknown key in item definition", "The key is not known and has no effect."},
}

// Describe returns the short description of the code.
func (c Code) Describe() string { return codeText[c].short }

// Sentence returns what a warning means, in a sentence; for errors the short
// description.
func (c Code) Sentence() string {
	if t := codeText[c]; t.sentence != "" {
		return t.sentence
	}
	return codeText[c].short
}
