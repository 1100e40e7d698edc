import { expect, test } from "bun:test";
import { codeBlocks } from "../../support/readme.ts";
import { type Bench, describeRelay, NOT_CONNECTED } from "./support.ts";

// The README's recipes, word for word, in a machine that has what they ask for: the executable and
// a `minio.service` that listens on port 9000, here a web server.
const blocks = codeBlocks("sh");
const recipes = blocks.filter((block) => block.includes(" units "));
const [LOCK = "", PORT_AGAIN = "", ONLY_A_PORT = "", ON_DEMAND = ""] = recipes;
const CURL = blocks.find((block) => block.startsWith("curl ")) ?? "";

const MINIO = `
[Service]
ExecStart=python3 -m http.server --bind 127.0.0.1 --directory /srv/www 9000
DynamicUser=yes

[Install]
WantedBy=multi-user.target
`;
const PAGE = "the page\n";
const SOCKET = "/run/minio-relay/socket";
const FETCH = "curl --silent --show-error --fail --max-time 30";
const VIA_SOCKET = `${FETCH} --unix-socket ${SOCKET} http://x`;
const VIA_PORT = `${FETCH} http://127.0.0.1:9000`;

test("the README has the four recipes", () => {
  expect(recipes).toHaveLength(4);
  expect(CURL).not.toBe("");
});

for (const unit of [MINIO, MINIO.replace("DynamicUser=yes\n", "")]) {
  const kind = unit === MINIO ? "with a user of its own" : "as root";
  await describeRecipe(`a Unix socket, and a port again; the service ${kind}`, unit, (bench) => {
    test("before, everybody reaches the service", async () => {
      expect(await fetchPage(bench, VIA_PORT, "stranger")).toBe(PAGE);
    });

    test("locked, it is reached through the socket", async () => {
      await bench.machine.succeed(["bash", "-ec", LOCK]);
      expect(await bench.machine.succeed(CURL)).toContain("page");
      expect(await fetchPage(bench, VIA_SOCKET, "member")).toBe(PAGE);
      // Once more with another relay.
      await bench.systemctl("restart", "relay-minio.service");
      expect(await fetchPage(bench, VIA_SOCKET, "member")).toBe(PAGE);
    });

    test("and in no other way, nor by others", async () => {
      const { machine } = bench;
      expect(await machine.run(`${VIA_PORT}/page`)).toMatchObject({ code: NOT_CONNECTED });
      expect(await machine.succeed("ss -HltnO")).not.toContain(":9000");
      const stranger = await machine.run(`${VIA_SOCKET}/page`, { user: "stranger" });
      expect(stranger).toMatchObject({ code: NOT_CONNECTED });
      expect(await machine.succeed(`stat --format='%U %G %a' ${SOCKET}`)).toBe(
        "root www-data 660\n",
      );
    });

    test("a second relay makes a port of the socket again", async () => {
      await bench.machine.succeed(["bash", "-ec", PORT_AGAIN]);
      expect(await fetchPage(bench, VIA_PORT, "stranger")).toBe(PAGE);
    });

    test("both carry a large file whole", async () => {
      const hash = await bench.machine.succeed(
        "head -c 100000000 /dev/urandom > /srv/www/large && sha256sum < /srv/www/large",
      );
      for (const curl of [VIA_SOCKET, VIA_PORT])
        expect(await bench.machine.succeed(`${curl}/large | sha256sum`)).toBe(hash);
    });

    test("it comes and goes with the service, and comes back after SIGKILL", async () => {
      await bench.systemctl("restart", "minio.service");
      expect(await fetchPage(bench, VIA_PORT, "stranger")).toBe(PAGE);
      await bench.systemctl("kill", "--signal=KILL", "relay-minio.service");
      expect(await fetchPage(bench, VIA_SOCKET, "member")).toBe(PAGE);
      await bench.systemctl("stop", "minio.service");
      await bench.machine.reaches("relay-minio.service", "ActiveState", "inactive");
      expect(await bench.machine.show("relay-minio.service", "Result")).toBe("success");
      expect(await fetchPage(bench, VIA_PORT, "stranger")).toBe(PAGE);
    });
  });
}

await describeRecipe("only a port", MINIO, (bench) => {
  test("the service is locked in, and the port of the host leads to it", async () => {
    await bench.machine.succeed(["bash", "-ec", ONLY_A_PORT]);
    expect(await fetchPage(bench, VIA_PORT, "stranger")).toBe(PAGE);
    const listeners = (await bench.machine.succeed("ss -HltnpO")).split("\n");
    const [listener, ...others] = listeners.filter((line) => line.includes(":9000"));
    expect(others).toEqual([]);
    expect(listener).toContain("systemd");
    expect(listener).not.toContain("python3");
  });
});

await describeRecipe("on demand", MINIO, (bench) => {
  test("the first client starts the service, which is locked in", async () => {
    const { machine } = bench;
    await machine.succeed(["bash", "-ec", ON_DEMAND]);
    expect(await machine.show("minio.service", "ActiveState")).toBe("inactive");
    expect(await machine.show("minio.service", "UnitFileState")).toBe("disabled");
    expect(await fetchPage(bench, VIA_SOCKET, "member")).toBe(PAGE);
    expect(await machine.show("minio.service", "ActiveState")).toBe("active");
    expect(await machine.run(`${VIA_PORT}/page`)).toMatchObject({ code: NOT_CONNECTED });
  });
});

/** A machine with the service, running as a fresh installation would have it. */
function describeRecipe(title: string, unit: string, body: (bench: Bench) => void): Promise<void> {
  return describeRelay(`the recipe: ${title}`, (bench) => {
    test("there is a service", async () => {
      const { machine } = bench;
      await machine.write("/srv/www/page", PAGE);
      await machine.succeed("useradd --system --groups www-data member");
      await machine.succeed("useradd --system stranger");
      await bench.install({ "minio.service": unit });
      await bench.systemctl("enable", "--now", "minio.service");
      await machine.succeed(
        `${FETCH} --retry 50 --retry-connrefused --retry-delay 1 http://127.0.0.1:9000`,
      );
    });
    body(bench);
  });
}

function fetchPage(bench: Bench, curl: string, user: string): Promise<string> {
  return bench.machine.succeed(`${curl}/page`, { user });
}
