/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Parameters of quotactl: which of them a command fills depends on the command
 * (linux/quota.h). Those that it has no use for are 0 or empty.
 */
#ifndef TCL_QUOTA_H
#define TCL_QUOTA_H

#include "values.h"

/* The command stands above the type of quota. */
TCL_INLINE u32 tcl_conv_quotactl_cmd(u64 v)
{
	return tcl_conv_quota_subcmd((u32)v >> 8);
}

TCL_INLINE u32 tcl_conv_quotactl_type(u64 v)
{
	u32 k = v & 0xff;

	if (k == 0)
		return TCL_QUOTACTL_TYPES_USRQUOTA;
	return k == 1 ? TCL_QUOTACTL_TYPES_GRPQUOTA : 0;
}

TCL_INLINE u32 tcl_conv_quota_fmt(u32 v)
{
	if (v == 1)
		return TCL_QUOTACTL_QUOTA_FMTS_QFMT_VFS_OLD;
	if (v == 2)
		return TCL_QUOTACTL_QUOTA_FMTS_QFMT_VFS_V0;
	return v == 4 ? TCL_QUOTACTL_QUOTA_FMTS_QFMT_VFS_V1 : TCL_QUOTACTL_QUOTA_FMTS_QFMT_NOT_USED;
}

/* Whether the structure at addr is this command's, and holds something by now. */
TCL_INLINE bool tcl_quota_has(struct tcl_ctx *c, u64 cmd, const u32 get, const u32 set)
{
	u32 k = tcl_conv_quotactl_cmd(cmd);

	return k == set || (k == get && TCL_RET(c) >= 0);
}

TCL_INLINE int tcl_p_quota_path(struct tcl_ctx *c, u64 cmd, u64 addr)
{
	if (tcl_conv_quotactl_cmd(cmd) != TCL_QUOTACTL_CMDS_Q_QUOTAON)
		return tcl_put_empty(c);
	return tcl_put_ustr(c, addr);
}

/* struct if_dqblk: eight u64, then a mask of those that are valid. */
#define TCL_OFF_DQB_VALID 64

/* Field i of the limits; the mask has one bit for a pair of limits, one for all others. */
TCL_INLINE int tcl_p_quota_block(struct tcl_ctx *c, u64 cmd, u64 addr, const u32 i)
{
	const u32 bit = i < 2 ? 1 : i == 2 ? 2 : i < 5 ? 4 : i == 5 ? 8 : i == 6 ? 16 : 32;
	u64 v = 0;
	u32 valid = 0;

	if (!tcl_quota_has(c, cmd, TCL_QUOTACTL_CMDS_Q_GETQUOTA, TCL_QUOTACTL_CMDS_Q_SETQUOTA) ||
	    tcl_uread(&valid, sizeof(valid), addr + TCL_OFF_DQB_VALID) || !(valid & bit) ||
	    tcl_uread(&v, sizeof(v), addr + 8 * i))
		v = 0;
	return tcl_put_u64(c, v);
}

/* struct if_dqinfo: two u64, the flags, then a mask of those that are valid. */
#define TCL_OFF_DQI_FLAGS 16
#define TCL_OFF_DQI_VALID 20
#define TCL_IIF_FLAGS	  4

TCL_INLINE int tcl_p_quota_info(struct tcl_ctx *c, u64 cmd, u64 addr, const u32 i)
{
	u64 v = 0;
	u32 valid = 0;

	if (!tcl_quota_has(c, cmd, TCL_QUOTACTL_CMDS_Q_GETINFO, TCL_QUOTACTL_CMDS_Q_SETINFO) ||
	    tcl_uread(&valid, sizeof(valid), addr + TCL_OFF_DQI_VALID) || !(valid >> i & 1) ||
	    tcl_uread(&v, sizeof(v), addr + 8 * i))
		v = 0;
	return tcl_put_u64(c, v);
}

TCL_INLINE int tcl_p_quota_info_flags(struct tcl_ctx *c, u64 cmd, u64 addr)
{
	u32 v[2] = {0, 0}; /* flags and mask */

	if (!tcl_quota_has(c, cmd, TCL_QUOTACTL_CMDS_Q_GETINFO, TCL_QUOTACTL_CMDS_Q_SETINFO) ||
	    tcl_uread(v, sizeof(v), addr + TCL_OFF_DQI_FLAGS) || !(v[1] & TCL_IIF_FLAGS))
		return tcl_put_u8(c, 0);
	return tcl_put_u8(c,
			  v[0] & 1 ? TCL_QUOTACTL_DQI_FLAGS_V1_DQF_RSQUASH : TCL_QUOTACTL_DQI_FLAGS_DQF_NONE);
}

TCL_INLINE int tcl_p_quota_fmt_out(struct tcl_ctx *c, u64 cmd, u64 addr)
{
	u32 v = 0;

	if (tcl_conv_quotactl_cmd(cmd) != TCL_QUOTACTL_CMDS_Q_GETFMT || TCL_RET(c) < 0 ||
	    tcl_uread(&v, sizeof(v), addr))
		v = 0;
	return tcl_put_u8(c, tcl_conv_quota_fmt(v));
}

/* Whose quota it is about. */
TCL_INLINE int tcl_p_quota_id(struct tcl_ctx *c, u64 cmd, u64 id)
{
	const u32 about_one = TCL_QUOTACTL_CMDS_Q_GETQUOTA | TCL_QUOTACTL_CMDS_Q_SETQUOTA |
			      TCL_QUOTACTL_CMDS_Q_XGETQUOTA | TCL_QUOTACTL_CMDS_Q_XSETQLIM;

	return tcl_put_u32(c, tcl_conv_quotactl_cmd(cmd) & about_one ? id : 0);
}

/* To turn quotas on, the id is the format of their file. */
TCL_INLINE int tcl_p_quota_fmt(struct tcl_ctx *c, u64 cmd, u64 id)
{
	bool on = tcl_conv_quotactl_cmd(cmd) == TCL_QUOTACTL_CMDS_Q_QUOTAON;

	return tcl_put_u8(c, tcl_conv_quota_fmt(on ? id : 0));
}

#endif
