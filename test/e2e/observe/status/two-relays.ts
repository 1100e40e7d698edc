import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { startRelay } from "../../../support/process/executable.ts";

/** Starts the relays `web`, which works, and `db`, whose destination is missing. */
export async function startTwo(folder: string, server: { readonly address: string }) {
  const admin = join(folder, "admin");
  const file = join(folder, "relays.toml");
  const [web, db, missing] = ["web", "db", "missing"].map((name) => join(folder, name));
  writeFileSync(
    file,
    `admin = "${admin}"\n[relay.web]\nsource = "${web}"\ndestination = "${server.address}"\n` +
      `[relay.db]\nsource = "${db}"\ndestination = "${missing}"\n`,
  );
  const relay = await startRelay([`--config=${file}`]);
  await relay.logged(/"relay":"db","event":"listening"|"event":"listening".*"relay":"db"/);
  return { relay, admin, web: web ?? "", db: db ?? "" };
}
