// SPDX-License-Identifier: Apache-2.0

package fields

import (
	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/sinsp/state"
)

// notKnown is what names of users and groups print when the databases lack
// the id. It counts as a value, so that conditions can compare with it.
const notKnown = "<NA>"

func userClass() Class {
	return Class{
		Name:      "user",
		ShortDesc: "the user that runs the thread",
		Doc:       "The user that runs the thread, and the one who logged in. Names are those of the host or, in a container, of the container.",
		Fields: []*Field{
			field("user.uid", scap.PTUint32, scap.PFID, ofThreadNum(func(t *state.Thread) uint64 { return uint64(t.UID) }), "User id (the effective one)."),
			text("user.name", ofUser(func(u *state.User) string { return u.Name }, "root"), "Name of the user."),
			text("user.homedir", ofUser(func(u *state.User) string { return u.Home }, notKnown), "Home directory of the user."),
			text("user.shell", ofUser(func(u *state.User) string { return u.Shell }, notKnown), "Login shell of the user."),
			id("user.loginuid", userLoginUID, "User id of whoever logged in, whatever the process became since; -1 when nobody did."),
			text("user.loginname", userLoginName, "Name of whoever logged in."),
		},
	}
}

func groupClass() Class {
	return Class{
		Name:      "group",
		ShortDesc: "the group that runs the thread",
		Doc:       "The group that runs the thread.",
		Fields: []*Field{
			field("group.gid", scap.PTUint32, scap.PFID, ofThreadNum(func(t *state.Thread) uint64 { return uint64(t.GID) }), "Group id."),
			text("group.name", groupNameField, "Name of the group."),
		},
	}
}

// lookupUser finds the user of an id as the event's thread sees it.
func lookupUser(e *state.Engine, t *state.Thread, uid uint32) *state.User {
	if e == nil || uid == state.NoUID {
		return nil
	}
	return e.User(t, uid)
}

// ofUser asks the user that runs the thread; forRoot stands in for uid 0
// without an entry.
func ofUser(get func(*state.User) string, forRoot string) extractor {
	return func(ev *state.Event, _ *Arg, out *Value) bool {
		t := ev.Thread
		if t == nil {
			return false
		}
		if u := lookupUser(ev.Engine, t, t.UID); u != nil {
			return out.setText(get(u))
		}
		if t.UID == 0 {
			return out.setText(forRoot)
		}
		return out.setText(notKnown)
	}
}

func userName(e *state.Engine, t *state.Thread, uid uint32) string {
	if u := lookupUser(e, t, uid); u != nil {
		return u.Name
	}
	if uid == 0 {
		return "root"
	}
	return notKnown
}

func userLoginUID(ev *state.Event, _ *Arg, out *Value) bool {
	return ev.Thread != nil && out.setInt(int64(int32(ev.Thread.LoginUID)))
}

func userLoginName(ev *state.Event, _ *Arg, out *Value) bool {
	if ev.Thread == nil {
		return false
	}
	return out.setText(userName(ev.Engine, ev.Thread, ev.Thread.LoginUID))
}

func groupNameField(ev *state.Event, _ *Arg, out *Value) bool {
	return ev.Thread != nil && out.setText(groupName(ev.Engine, ev.Thread, ev.Thread.GID))
}

func groupName(e *state.Engine, t *state.Thread, gid uint32) string {
	if e == nil || gid == state.NoUID {
		return notKnown
	}
	if g := e.UserGroup(t, gid); g != nil {
		return g.Name
	}
	return notKnown
}
