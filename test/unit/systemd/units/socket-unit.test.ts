import { describe, expect, test } from "bun:test";
import { writeUnits } from "../../../../src/systemd/units/write-units.ts";
import {
  type Changes,
  JOINED,
  RUN,
  socketUnit,
  TCP,
  TEMPLATE,
  USERS,
  value,
  wanted,
} from "./wanted-units.ts";

describe("a socket unit", () => {
  test.each<[string, Changes, string, string | undefined]>([
    [TCP, {}, "Socket.ListenStream", TCP],
    [TCP, {}, "Socket.FileDescriptorName", "source"],
    [TCP, {}, "Socket.SocketMode", undefined],
    [TCP, {}, "Socket.FreeBind", undefined],
    [TCP, {}, "Socket.Backlog", undefined],
    [TCP, { backlog: 0 }, "Socket.Backlog", "0"],
    [TCP, {}, "Install.WantedBy", "sockets.target"],
    [TCP, JOINED, "Install.WantedBy", "sockets.target app.service"],
    [TCP, {}, "Unit.JoinsNamespaceOf", undefined],
    [TCP, {}, "Unit.Description", "127.0.0.1:8080, the source of relay-app.service"],
    [":80", {}, "Socket.ListenStream", "80"],
    [":80", {}, "Socket.BindIPv6Only", "both"],
    ["[::]:80", {}, "Socket.BindIPv6Only", "both"],
    ["[::1]:80", {}, "Socket.ListenStream", "[::1]:80"],
    ["[::1]:80", {}, "Socket.BindIPv6Only", undefined],
    ["[fe80::1%eth0]:80", {}, "Socket.ListenStream", "[fe80::1%%eth0]:80"],
    ["192.0.2.1:80", {}, "Socket.FreeBind", "yes"],
    [TCP, { freebind: true }, "Socket.FreeBind", "yes"],
    ["0.0.0.0:80", {}, "Socket.FreeBind", undefined],
    ["@name", {}, "Socket.ListenStream", "@name"],
    ["@name", {}, "Socket.SocketMode", undefined],
    [RUN, {}, "Socket.ListenStream", RUN],
    [RUN, {}, "Socket.SocketMode", "0600"],
    [RUN, {}, "Socket.RemoveOnStop", "yes"],
    [RUN, {}, "Socket.TriggerLimitIntervalSec", "5s"],
    [RUN, {}, "Socket.TriggerLimitBurst", "6"],
    ["/run/%i/s", TEMPLATE, "Socket.ListenStream", "/run/%i/s"],
    ["/run/%i/s", TEMPLATE, "Unit.Description", "/run/%i/s, the source of relay@%i.service"],
    ["%t/app/s", USERS, "Socket.ListenStream", "%t/app/s"],
    ["%t/app/s", {}, "Socket.ListenStream", "%%t/app/s"],
    [RUN, { file: { mode: "0666" } }, "Socket.SocketMode", "0666"],
    [RUN, { file: { owner: "www", group: "4" } }, "Socket.SocketUser", "www"],
    [RUN, { file: { owner: "www", group: "4" } }, "Socket.SocketGroup", "4"],
    [RUN, { file: { directoryMode: "0700" } }, "Socket.DirectoryMode", "0700"],
    [RUN, {}, "Socket.DirectoryMode", undefined],
  ])("on %s with %j: %s=%s", (source, changes, key, expected) => {
    expect(value(socketUnit(source, "127.0.0.1:9", changes), key)).toBe(expected);
  });

  test("comes first, as the one to enable", () => {
    const names = writeUnits(wanted(RUN, TCP, { socket: true })).map(({ name }) => name);
    expect(names).toEqual(["relay-app.socket", "relay-app.service"]);
  });
});
