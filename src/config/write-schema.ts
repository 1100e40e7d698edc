import { join } from "node:path";
import { configSchema } from "./json-schema.ts";

// Writes the schema that editors read; a test fails while it is not the one of the option table.
const file = join(import.meta.dir, "simpletcpunixrelay.schema.json");
await Bun.write(file, `${JSON.stringify(configSchema(), null, 2)}\n`);
