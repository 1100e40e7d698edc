import { expect, test } from "bun:test";
import { packagedUnits } from "../../../../src/systemd/units/packaged-units.ts";
import { readUnit } from "./unit-reader.ts";

const [service = "", socket = ""] = packagedUnits("/usr/bin/simpletcpunixrelay").map(
  ({ text }) => text,
);

test("an instance of the packaged service reads its own file", () => {
  expect(service).toContain(
    "\nExecStart=/usr/bin/simpletcpunixrelay --config=/etc/simpletcpunixrelay/%i.toml\n",
  );
  expect(service).toContain("\nRuntimeDirectory=simpletcpunixrelay/%i\n");
  expect(service).toContain("\nDynamicUser=yes\n");
  expect(service).toContain("\nWantedBy=multi-user.target\n");
});

test("its sandbox leaves open what any file may need, and no more", () => {
  expect(service).toContain("\nCapabilityBoundingSet=CAP_NET_BIND_SERVICE\n");
  expect(service).toContain("\nRestrictAddressFamilies=AF_UNIX AF_INET AF_INET6\n");
  // Group of a socket's file, users of clients, other machines.
  expect(service).toContain("\nSystemCallFilter=@chown\n");
  for (const setting of ["PrivateUsers=", "PrivateNetwork=", "IPAddressDeny="])
    expect(service).not.toContain(`\n${setting}`);
  for (const setting of ["ProtectHome=yes", "PrivateDevices=yes", "RestrictNamespaces=yes"])
    expect(service).toContain(`\n${setting}\n`);
});

test("the packaged socket is outside the folder that goes with the service", () => {
  expect(readUnit(socket)).toBeDefined();
  expect(socket).toContain("\nListenStream=/run/simpletcpunixrelay/%i.socket\n");
  expect(socket).toContain("\nSocketMode=0600\n");
  expect(socket).toContain("\nWantedBy=sockets.target\n");
});
