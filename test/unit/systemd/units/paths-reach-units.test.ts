import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { printAddress } from "../../../../src/address/address.ts";
import {
  folderOf,
  hiderOf,
  runtimeDirectory,
} from "../../../../src/systemd/units/directives-for-paths.ts";
import { endsAsWritten, hasControls } from "../../../../src/systemd/units/unit-escaping.ts";
import { readBinds, readDirectories, readExec, readPaths, readWhole } from "./unit-reader.ts";
import { holds } from "../../../support/property.ts";
import { address, PROGRAM, read, relay, TCP, value, wanted } from "./wanted-units.ts";

describe("any paths", () => {
  const nasty = fc.string({ unit: fc.constantFrom(..." \"'\\%$:;#=@[]ax20é日/."), maxLength: 30 });
  const folder = fc.constantFrom("/srv/", "/run/app/", "/run/", "/home/me/", "/tmp/", "/");
  const path = fc
    .tuple(folder, nasty)
    .map(([start, rest]) => start + rest)
    .filter((text) => !text.endsWith("/") && !hasControls(text) && Buffer.byteLength(text) < 108);

  test("reach the relay and its settings as they are", () => {
    holds(
      import.meta.path,
      fc.property(path, path, fc.boolean(), (source, destination, socket) => {
        if (socket && !endsAsWritten(source)) return;
        const [from, to] = [address(source), address(destination)];
        const ends = { source: from, destination: to };
        const units = read({
          ...wanted(TCP, TCP, { socket }),
          relays: [relay(TCP, TCP, ends)],
        });
        const [exec = ""] = units.service.get("Service.ExecStart") ?? [];
        const first = socket ? "systemd:source" : printAddress(from);
        expect(readExec(exec)).toEqual([PROGRAM, first, printAddress(to)]);
        expect(value(units.service, "Service.Type")).toBe("notify");
        expect(value(units.service, "Service.UMask")).toBe("0077");
        const [description = ""] = units.service.get("Unit.Description") ?? [];
        expect(readWhole(description)).toContain(printAddress(to));
        const listed = (key: string, reader: (text: string) => string[]) =>
          reader(value(units.service, key) ?? "");
        if (socket) {
          expect(readWhole(value(units.socket ?? new Map(), "Socket.ListenStream") ?? "")).toBe(
            source,
          );
        } else {
          const made = [
            ...listed("Service.RuntimeDirectory", readDirectories).map((name) => `/run/${name}`),
            ...listed("Service.ReadWritePaths", readPaths),
            ...listed("Service.BindPaths", readBinds),
          ];
          expect(made).toEqual([folderOf(source)]);
        }
        if (hiderOf(folderOf(destination)) === undefined) return;
        const visible = [
          ...listed("Service.BindPaths", readBinds),
          ...listed("Service.BindReadOnlyPaths", readBinds),
        ];
        expect(visible.some((folder) => `${folderOf(destination)}/`.startsWith(`${folder}/`))).toBe(
          true,
        );
      }),
      { runs: 1_000 },
    );
  });
});

describe("the folder that systemd makes", () => {
  test.each([
    ["/run/app/socket", "app"],
    ["/run/a/b/socket", "a/b"],
    ["/var/run/app/socket", "app"],
    ["/run/socket", undefined],
    ["/run/../etc/socket", undefined],
    ["/srv/run/app/socket", undefined],
    ["/running/app/socket", undefined],
    ["/run/user/1000/socket", undefined],
    ["/run/lock/socket", undefined],
  ])("of %s is %p", (path, folder) => {
    expect(runtimeDirectory(path)).toBe(folder);
  });
});
