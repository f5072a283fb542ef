/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Everything that the three drivers share. A driver includes its backend
 * (which defines the vocabulary that fillers are written in), then this.
 */
#ifndef TCL_PROBE_H
#define TCL_PROBE_H

#include "gen/codes.h"
#include "gen/flags.h"
#include "gen/syscalls.h"

#include "ctx.h"
#include "put.h"
#include "convert.h"
#include "file.h"
#include "task.h"
#include "args.h"
#include "cgroup.h"
#include "path.h"
#include "sock.h"
#include "quota.h"
#include "tracepoint.h"

#include "fill_exec.h"
#include "fill_exit.h"
#include "fill_misc.h"
#include "fill_net.h"
#include "fill_open.h"

#include "fill_enter.h"

#include "gen/fillers.h"
#include "gen/list.h"

#endif
