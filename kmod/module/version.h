/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Replaced by the one that the agent writes beside the sources when it puts them together. */
#ifndef TCL_VERSION_H
#define TCL_VERSION_H

#define TCL_VERSION "unknown"
#define TCL_SCHEMA  "unknown"

#endif
