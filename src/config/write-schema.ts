import { join } from "node:path";
import { configSchema } from "./json-schema.ts";

// Writes the schema file that editors read. A test fails if the file differs from the option table.
const file = join(import.meta.dir, "simpletcpunixrelay.schema.json");
await Bun.write(file, `${JSON.stringify(configSchema(), null, 2)}\n`);
