import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { chmodSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MACHINE_NEEDS } from "../../support/machine/machine.ts";
import { describeNeeding, program } from "../../support/machine/parts.ts";
import { type Container, startContainer } from "../../support/packaging/container.ts";
import { buildImage, type Image } from "../../support/packaging/image.ts";
import { RELEASE_NEEDS, releaseFolder } from "../../support/packaging/release.ts";
import { RELEASE_MS } from "../../support/packaging/tree-copy.ts";
import { blockWith } from "../../support/readme.ts";
import { connectEcho, startEcho } from "../../support/sockets/echo.ts";

const PACKAGING = join(import.meta.dir, "../../../src/packaging");
const MEMORY = 128 * 1_024 ** 2;
const NEEDS = [...MACHINE_NEEDS, ...RELEASE_NEEDS, ...["runc", "socat", "curl"].map(program)];

await describeNeeding("the container image", NEEDS, () => {
  setDefaultTimeout(RELEASE_MS);
  let scratch = "";
  let image: Image;

  beforeAll(async () => {
    scratch = mkdtempSync(join(tmpdir(), "container-test-"));
    image = await buildImage(await releaseFolder(), scratch);
  });
  afterAll(() => rmSync(scratch, { recursive: true }));

  /** Starts a container that shares a folder of this machine, which all users may write to. */
  async function start(
    args: readonly string[],
    place: string,
    as: Image = image,
  ): Promise<{ readonly container: Container; readonly folder: string }> {
    const folder = mkdtempSync(join(scratch, "shared-"));
    chmodSync(folder, 0o777);
    const mounts = { [place]: folder };
    const container = await startContainer(as, scratch, { args, memory: MEMORY, mounts });
    return { container, folder };
  }

  /** Starts an echo service that a container's user may connect to. */
  function echoAt(path: string) {
    const echo = startEcho(path);
    chmodSync(path, 0o666);
    return echo;
  }

  test("has the executable, the C library and no shell", () => {
    const files = [...new Bun.Glob("**").scanSync({ cwd: image.root, dot: true, onlyFiles: true })];
    expect(files).toContain("usr/bin/simpletcpunixrelay");
    expect(files.filter((file) => /\bbin\//.test(file))).toHaveLength(1);
    expect(files.length).toBeLessThan(20);
  });

  describe("as PID 1, without root, capabilities and a writable root, in 128 MB", () => {
    let container: Container;
    let folder = "";
    beforeAll(async () => {
      const args = ["--mode=0666", "--connect-retry=20s", "/shared/source", "/shared/destination"];
      ({ container, folder } = await start(args, "/shared"));
    });
    afterAll(() => container[Symbol.asyncDispose]());

    test("it has no rights", () => {
      const status = readFileSync(`/proc/${container.pid}/status`, "utf8");
      expect(status).toMatch(/^NSpid:\t\d+\t1$/m);
      expect(status).toMatch(/^Uid:\t65532\t65532\t65532\t65532$/m);
      for (const set of ["CapPrm", "CapEff", "CapBnd", "CapAmb"])
        expect(status).toMatch(new RegExp(`^${set}:\\t0+$`, "m"));
      expect(status).toMatch(/^NoNewPrivs:\t1$/m);
    });

    test("it calls the C library", () => {
      expect(container.log()).not.toContain("FFI");
    });

    test("200 clients are served while its health check runs", async () => {
      using _echo = echoAt(join(folder, "destination"));
      const clients = await Promise.all(
        Array.from({ length: 200 }, () => connectEcho(join(folder, "source"))),
      );
      for (let round = 0; round < 3; round += 1) {
        const asked = Promise.all(clients.map((client) => client.ask("x".repeat(1_000))));
        expect(await container.exec(image.healthcheck)).toMatchObject({ code: 0 });
        await asked;
      }
      for (const client of clients) client[Symbol.dispose]();
      expect((await container.memory()).most).toBeLessThanOrEqual(MEMORY);
    });

    test("HUP hands over to a new process within the same memory", async () => {
      process.kill(container.pid, "SIGHUP");
      await container.logged("took over from process 1");
      expect(await container.exec(image.healthcheck)).toMatchObject({ code: 0 });
    });

    test("its health check fails once the source's file is gone", async () => {
      rmSync(join(folder, "source"));
      expect(await container.exec(image.healthcheck)).toMatchObject({ code: 1 });
    });

    test("TERM ends it with status 0", async () => {
      expect(await container.stop()).toBe(0);
    });
  });

  test("another user runs it: docker run --user", async () => {
    const as = { ...image, uid: 1_234, gid: 1_234 };
    const { container, folder } = await start([":8080", "/run/app/socket"], "/run/app", as);
    await using _container = container;
    using _echo = echoAt(join(folder, "socket"));
    expect(await ask(container, 8_080)).toBe("hello\n");
    expect(await container.exec(image.healthcheck)).toMatchObject({ code: 0 });
  });

  test("the README's commands make and run the image", async () => {
    const [build = "", run = ""] = blockWith("docker build ").split("\n");
    const [, dockerfile = ""] = / --file (\S+) dist\/release$/.exec(build) ?? [];
    expect(join(PACKAGING, "../..", dockerfile)).toBe(join(PACKAGING, "Dockerfile"));
    const [options = "", args = ""] = run.split(" simpletcpunixrelay ");
    // How these tests run every container, and the folder that this one shares.
    for (const option of [
      "--read-only",
      "--cap-drop=ALL",
      "--memory=128m",
      "--volume=/run/app:/run/app",
    ])
      expect(options.split(" ")).toContain(option);
    const { container, folder } = await start(args.split(" "), "/run/app");
    await using _container = container;
    using _echo = echoAt(join(folder, "socket"));
    expect(await ask(container, 8_080)).toBe("hello\n");
  });

  test("the compose file's relay leads a port to the service's socket", async () => {
    const file = Bun.YAML.parse(readFileSync(join(PACKAGING, "compose.yaml"), "utf8"));
    const relay = at(file, "services", "relay");
    expect(relay).toMatchObject({
      image: "simpletcpunixrelay",
      read_only: true,
      cap_drop: ["ALL"],
      security_opt: ["no-new-privileges:true"],
      mem_limit: "128m",
      volumes: ["socket:/run/postgresql:ro"],
    });
    const { container, folder } = await start(texts(at(relay, "command")), "/run/postgresql");
    await using _container = container;
    using _echo = echoAt(join(folder, ".s.PGSQL.5432"));
    expect(await ask(container, 5_432)).toBe("hello\n");
    expect(await container.exec(image.healthcheck)).toMatchObject({ code: 0 });
  });

  test("the Kubernetes sidecar leads its port to the application, and answers the probes", async () => {
    const file = Bun.YAML.parse(readFileSync(join(PACKAGING, "kubernetes.yaml"), "utf8"));
    expect(file).toMatchObject({ apiVersion: "apps/v1", kind: "Deployment" });
    const pod = at(file, "spec", "template", "spec");
    const relay = at(pod, "initContainers", "0");
    // A sidecar: https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/
    expect(relay).toMatchObject({
      restartPolicy: "Always",
      securityContext: {
        runAsUser: image.uid,
        runAsGroup: image.gid,
        readOnlyRootFilesystem: true,
        allowPrivilegeEscalation: false,
        capabilities: { drop: ["ALL"] },
      },
      resources: { limits: { memory: "128Mi" } },
    });
    expect(at(relay, "volumeMounts", "1", "mountPath")).toBe(image.volume);
    const [ports, volumes] = [at(relay, "ports"), at(pod, "volumes")];
    expect(volumes).toMatchObject([{ name: "socket" }, { name: "relay" }]);
    expect(ports).toMatchObject([
      { name: "app", containerPort: 8_080 },
      { name: "metrics", containerPort: 9_100 },
    ]);
    const { container, folder } = await start(texts(at(relay, "args")), "/run/app");
    await using _container = container;
    using _echo = echoAt(join(folder, "socket"));
    expect(await ask(container, 8_080)).toBe("hello\n");
    for (const probe of ["startupProbe", "readinessProbe", "livenessProbe"]) {
      const request = at(relay, probe, "httpGet");
      expect(request).toMatchObject({ port: "metrics" });
      const url = `http://127.0.0.1:9100${String(at(request, "path"))}`;
      expect(await container.inNetwork(["curl", "--fail", "--silent", url])).toMatchObject({
        code: 0,
      });
    }
  });
});

/** What a service behind a port of the container sends back. */
async function ask(container: Container, port: number): Promise<string> {
  const words = ["socat", "-t", "5", "-", `TCP:127.0.0.1:${port}`];
  return (await container.inNetwork(words, "hello\n")).stdout;
}

/** A member of a document, by its keys. */
function at(value: unknown, ...path: readonly string[]): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return value;
  if (typeof value !== "object" || value === null) throw new Error(`no ${path.join(".")}`);
  return at(Object.entries(value).find(([name]) => name === key)?.[1], ...rest);
}

function texts(value: unknown): readonly string[] {
  if (!Array.isArray(value)) throw new Error("not a list");
  return value.map(String);
}
