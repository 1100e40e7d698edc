import { join } from "node:path";
import { ENVIRONMENT } from "../machine/container.ts";
import { machineRoot } from "../machine/machine-root.ts";
import { runProgram } from "../process/program.ts";
import { only, readDockerfile, words } from "./dockerfile.ts";

const DOCKERFILE = join(import.meta.dir, "../../../src/packaging/Dockerfile");

/** An image: its files, and how its containers run. */
export interface Image {
  /** The folder with its files. */
  readonly root: string;
  readonly uid: number;
  readonly gid: number;
  readonly volume: string;
  readonly entrypoint: readonly string[];
  readonly healthcheck: readonly string[];
}

// In a mount namespace of its own, so that the mounts end with the script. The first stage runs on
// a layer above Debian's files. A target that ends in a slash is a folder, which COPY makes.
const BUILD = `
set -e
lower=$1 work=$2 context=$3 copied=$4 target=$5 script=$6 result=$7
mount -t tmpfs tmpfs "$work"
mkdir "$work/upper" "$work/work" "$work/root"
mount -t overlay overlay -o "lowerdir=$lower,upperdir=$work/upper,workdir=$work/work" "$work/root"
mount -t proc proc "$work/root/proc"
mkdir -p "$work/root$(dirname "$target.")"
cp "$context"/$copied "$work/root$target"
chroot "$work/root" /bin/sh -ec "$script"
cp -a "$work/root$result" "$work/../rootfs"
`;

/**
 * Builds the image of src/packaging/Dockerfile without a registry: it carries out the instructions
 * on the Debian of the test machines, which is what the Dockerfile begins with.
 *
 * @param context - the folder that COPY copies from
 * @param folder - an empty folder for the result
 */
export async function buildImage(context: string, folder: string): Promise<Image> {
  const [files, image, ...others] = readDockerfile(DOCKERFILE);
  if (files?.base !== "debian:12-slim" || image?.base !== "scratch" || others.length > 0)
    throw new Error("the Dockerfile has other stages than this test carries out");
  const [copied = "", target = ""] = only(files, "COPY").split(" ");
  const [from, result = "", place] = only(image, "COPY").split(" ");
  if (from !== `--from=${files.name}` || place !== "/") throw new Error("an unknown COPY");
  const work = join(folder, "work");
  const command = [
    ...["unshare", "--mount", "sh", "-c", `mkdir "$2";${BUILD}`, "build", await machineRoot()],
    ...[work, context, copied, target],
    ...[only(files, "RUN"), result],
  ];
  const { code, stderr } = await runProgram(command, { env: ENVIRONMENT });
  if (code !== 0) throw new Error(`the Dockerfile fails: ${stderr}`);
  const [uid = 0, gid = 0] = only(image, "USER").split(":").map(Number);
  return {
    ...{ root: join(folder, "rootfs"), uid, gid, volume: only(image, "VOLUME") },
    entrypoint: words(only(image, "ENTRYPOINT")),
    healthcheck: words(only(image, "HEALTHCHECK")),
  };
}
