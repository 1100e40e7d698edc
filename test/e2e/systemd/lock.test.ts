import { describe, expect, test } from "bun:test";
import { type Bench, describeRelay, NOT_CONNECTED, RELAY, UNITS } from "./support.ts";

const PORT = "127.0.0.1:9000";
const DROP_IN = `${UNITS}/app.service.d/50-private-network.conf`;

// Where the service has a user of its own, the relay of an open lock gets into the host's network;
// beside any other service it gets an empty one of its own (systemd 252).
const SERVICES = { dynamic: "DynamicUser=yes", plain: "User=relay" };

function app(user: string): string {
  return `
[Service]
ExecStart=python3 -m http.server --bind 127.0.0.1 --directory /srv/www 9000
${user}
`;
}

await describeRelay("a lock that is open", (bench) => {
  test.each(["socket", "no-socket"])("with --%s units: there is a service", async (kind) => {
    await bench.machine.write("/srv/www/page", "the page\n");
    for (const [name, user] of Object.entries(SERVICES)) {
      await bench.install({ "app.service": app(user) });
      await bench.systemctl("start", "app.service");
      const own = kind === "socket" ? [] : ["--no-socket"];
      const address = [`/run/${name}-${kind}/socket`, PORT];
      const words = [`--name=${name}-${kind}`, "--service=app", "--mode=0666", ...own, ...address];
      await bench.machine.succeed([RELAY, "units", `--output=${UNITS}`, ...words]);
    }
  });

  describe("because the service was not restarted, or does without the drop-in", () => {
    test("beside a service with a user of its own: the relay does not start", async () => {
      await open(bench, SERVICES.dynamic);
      const start = await bench.machine.run("systemctl start dynamic-no-socket.service");
      expect(start.code).not.toBe(0);
      await refuses(bench, "dynamic-no-socket.service");
    });

    test("and a client of its socket is not kept waiting", async () => {
      await open(bench, SERVICES.dynamic);
      await bench.systemctl("start", "dynamic-socket.socket");
      expect((await knock(bench, "/run/dynamic-socket/socket")).code).not.toBe(0);
      await bench.machine.reaches("dynamic-socket.socket", "Result", "trigger-limit-hit");
      await refuses(bench, "dynamic-socket.service");
    });

    test("beside another service: the log says that the service may be elsewhere", async () => {
      await open(bench, SERVICES.plain);
      const retry = "/connect-retry=20s/s//connect-retry=0/";
      await bench.machine.succeed(`sed -i '${retry}' ${UNITS}/plain-no-socket.service`);
      await bench.machine.succeed(
        "systemctl daemon-reload && systemctl start plain-no-socket.service",
      );
      expect((await knock(bench, "/run/plain-no-socket/socket")).code).not.toBe(0);
      const said = (await bench.said("plain-no-socket.service")).map(({ message }) => message);
      expect(said.at(-1)).toMatch(
        /refused.*private.*the service may not be in it.*PrivateNetwork=yes/,
      );
    });
  });

  test("is closed by a restart of the service with the drop-in, and all clients are served", async () => {
    for (const [name, user] of Object.entries(SERVICES)) {
      await open(bench, user);
      await bench.machine.write(DROP_IN, "[Service]\nPrivateNetwork=yes\n");
      await bench.machine.succeed("systemctl daemon-reload && systemctl reset-failed");
      await bench.systemctl("restart", "app.service");
      await bench.systemctl("restart", `${name}-socket.socket`);
      const page = await knock(bench, `/run/${name}-socket/socket`);
      expect(page).toMatchObject({ code: 0, stdout: "the page\n" });
      const direct = await bench.machine.run(`curl --silent http://${PORT}/page`);
      expect(direct.code).toBe(NOT_CONNECTED);
    }
  });

  test("on a machine whose own network is more than loopback names the interface", async () => {
    await bench.machine.succeed("ip link add seen0 type veth peer name seen1");
    const words = [RELAY, "--require-private-network", "@x", PORT];
    const { code, stderr } = await bench.machine.run(words);
    expect({ code, stderr }).toMatchObject({ code: 78 });
    expect(stderr).toContain("has the interfaces seen");
    await bench.machine.succeed("ip link delete seen0");
  });
});

await describeRelay("a private network", (bench) => {
  // Ends well as soon as it may start.
  const relay = `${RELAY} --require-private-network --exit-idle-time=50ms @x ${PORT}`;
  const tunnels = "ip link add sit0 type veth peer name tunl0";

  test.each([
    ["has only loopback", "true", 0],
    ["may have the kernel's fallback tunnels, which are down", tunnels, 0],
    ["has none of them up", `${tunnels}; ip link set sit0 up`, 78],
    ["has no other interface, be it down", "ip link add other type veth", 78],
  ])("%s", async (_, prepare, status) => {
    const { code } = await bench.machine.run(`unshare --net sh -ec '${prepare}; exec ${relay}'`);
    expect(code).toBe(status);
  });

  test("is not the service manager's own, even if that has only loopback", async () => {
    const { code, stderr } = await bench.machine.run(relay);
    expect(code).toBe(78);
    expect(stderr).toContain("is the one that the service manager runs in");
  });
});

await describeRelay("units of a service that is not there", (bench) => {
  test("are written, with a warning", async () => {
    const words = ["--service=nowhere", "/run/nowhere/socket", PORT];
    const outcome = await bench.machine.run([RELAY, "units", ...words]);
    expect(outcome.code).toBe(0);
    expect(outcome.stderr).toBe(
      "simpletcpunixrelay units: warning: this machine has no nowhere.service; the units need it\n",
    );
    expect(outcome.stdout).toContain("# nowhere.service.d/50-private-network.conf\n");
  });

  test("have no warning where it is there, be it an instance", async () => {
    await bench.install({ "many@.service": app("DynamicUser=yes") });
    for (const service of ["echo", "many@one", "systemd-journald.service"]) {
      const words = [`--service=${service}`, "/run/x/socket", PORT];
      expect((await bench.machine.run([RELAY, "units", ...words])).stderr).toBe("");
    }
  });

  test("warn of an admin port inside, and name what works", async () => {
    const words = ["--service=echo", "--admin=127.0.0.1:9999", "/run/x/socket", PORT];
    const { stderr } = await bench.machine.run([RELAY, "units", ...words]);
    for (const part of ["no client can connect", "--admin=/run/", "--admin-mode", "--admin-group"])
      expect(stderr).toContain(part);
  });
});

/** The service runs in the host's network, and nothing locks it in. */
async function open(bench: Bench, user: string): Promise<void> {
  await bench.machine.succeed(`rm -f ${DROP_IN}`);
  await bench.install({ "app.service": app(user) });
  await bench.systemctl("restart", "app.service");
  const curl = `curl --silent --retry 50 --retry-connrefused --retry-delay 1 http://${PORT}/page`;
  expect(await bench.machine.succeed(curl)).toBe("the page\n");
}

/** The service has failed for good, with one line that names cause and fix. */
async function refuses(bench: Bench, service: string): Promise<void> {
  const { machine } = bench;
  await machine.reaches(service, "ActiveState", "failed");
  expect(await machine.show(service, "NRestarts")).toBe("0");
  const said = (await bench.said(service)).map(({ message }) => message);
  expect(said.at(-1)).toMatch(/private.*give the service.*PrivateNetwork=yes.*restart it/);
}

function knock(bench: Bench, path: string) {
  return bench.machine.run(`curl --silent --max-time 30 --unix-socket ${path} http://x/page`);
}
