import { expect, test } from "bun:test";
import { describeRelay, RELAY } from "./support.ts";

// A service that can only listen on TCP, locked in; a relay that shares its network and offers it
// as a file; a relay of the host's network that offers that file as a port again.
const LOCKED = `
[Service]
ExecStart=python3 -m http.server --bind 127.0.0.1 --directory /srv/www 8080
ExecStartPost=sh -c "until curl --silent --output /dev/null http://127.0.0.1:8080; do sleep 0.02; done"
PrivateNetwork=yes
DynamicUser=yes
`;
const RELAY_IN = `
[Unit]
JoinsNamespaceOf=locked.service
BindsTo=locked.service
After=locked.service

[Service]
Type=notify
ExecStart=${RELAY} --mode=0660 --group=clients /run/relay-in/socket 127.0.0.1:8080
PrivateNetwork=yes
User=relay
SupplementaryGroups=clients
RuntimeDirectory=relay-in
`;
const RELAY_OUT = `
[Unit]
After=relay-in.service

[Service]
Type=notify
ExecStart=${RELAY} 127.0.0.1:8081 /run/relay-in/socket
User=relay
SupplementaryGroups=clients
`;

const SOCKET = "/run/relay-in/socket";
const VIA_SOCKET = `curl --silent --show-error --fail --max-time 10 --unix-socket ${SOCKET} http://x/page`;
const VIA_PORT = "curl --silent --show-error --fail --max-time 10 http://127.0.0.1:8081/page";

await describeRelay("the recipe: a locked-in service, its relay, its outer port", (bench) => {
  test("is up", async () => {
    await bench.machine.write("/srv/www/page", "the page\n");
    await bench.install({
      "locked.service": LOCKED,
      "relay-in.service": RELAY_IN,
      "relay-out.service": RELAY_OUT,
    });
    await bench.systemctl("start", "locked.service", "relay-in.service", "relay-out.service");
  });

  test("is reached through the Unix socket and through the outer port", async () => {
    expect(await bench.machine.succeed(VIA_SOCKET)).toBe("the page\n");
    expect(await bench.machine.succeed(VIA_PORT)).toBe("the page\n");
  });

  test("carries a large file whole, by both", async () => {
    const hash = await bench.machine.succeed(
      "head -c 100000000 /dev/urandom > /srv/www/large && sha256sum < /srv/www/large",
    );
    for (const curl of [VIA_SOCKET, VIA_PORT])
      expect(await bench.machine.succeed(`${curl.replace("page", "large")} | sha256sum`)).toBe(
        hash,
      );
  });

  test("is not reached in any other way", async () => {
    const { code } = await bench.machine.run("curl --silent http://127.0.0.1:8080/page");
    const couldNotConnect = 7;
    expect(code).toBe(couldNotConnect);
    expect(await bench.machine.succeed("ss -HltnO")).not.toContain(":8080");
  });

  test("lets in whom the file's owner and mode let in", async () => {
    const inside = bench.machine;
    expect(await inside.succeed(`stat --format='%U %G %a %F' ${SOCKET}`)).toBe(
      "relay clients 660 socket\n",
    );
    await inside.succeed("useradd --system --groups clients member && useradd --system stranger");
    expect(await inside.succeed(["sh", "-c", VIA_SOCKET], { user: "member" })).toBe("the page\n");
    const { code, stderr } = await inside.run(["sh", "-c", VIA_SOCKET], { user: "stranger" });
    expect({ code, stderr }).toMatchObject({ code: 7 });
  });

  test("survives a restart of its relay", async () => {
    await bench.systemctl("restart", "relay-in.service");
    expect(await bench.machine.succeed(VIA_SOCKET)).toBe("the page\n");
    expect(await bench.machine.succeed(VIA_PORT)).toBe("the page\n");
  });

  test("goes and comes with the service", async () => {
    await bench.systemctl("restart", "locked.service");
    await bench.systemctl("start", "relay-in.service");
    expect(await bench.machine.succeed(VIA_PORT)).toBe("the page\n");
    await bench.systemctl("stop", "locked.service");
    await bench.machine.reaches("relay-in.service", "ActiveState", "inactive");
    expect(await bench.machine.show("relay-in.service", "Result")).toBe("success");
    await bench.systemctl("start", "locked.service", "relay-in.service");
    expect(await bench.machine.succeed(VIA_PORT)).toBe("the page\n");
  });

  test("starts again after SIGKILL, over the file that was left", async () => {
    const inside = bench.machine;
    // Kept over the death of the service, so that the stale socket is there to be met.
    const kept = "[Service]\nRuntimeDirectoryPreserve=yes\n";
    await inside.write("/etc/systemd/system/relay-in.service.d/kept.conf", kept);
    await inside.succeed("systemctl daemon-reload");
    await bench.systemctl("kill", "--signal=KILL", "relay-in.service");
    await inside.reaches("relay-in.service", "ActiveState", "failed");
    expect(await inside.show("relay-in.service", "Result")).toBe("signal");
    await inside.succeed(`test -S ${SOCKET}`);
    await bench.systemctl("start", "relay-in.service");
    expect(await inside.succeed(VIA_PORT)).toBe("the page\n");
  });

  test("stops with success, and its file goes", async () => {
    const inside = bench.machine;
    await bench.systemctl("stop", "relay-out.service", "relay-in.service");
    for (const unit of ["relay-out.service", "relay-in.service"]) {
      expect(await inside.show(unit, "ActiveState")).toBe("inactive");
      expect(await inside.show(unit, "Result")).toBe("success");
    }
    await inside.succeed(`test ! -e ${SOCKET}`);
  });
});
