import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { releaseDate } from "../release-date.ts";
import { manualPages } from "./manual-pages.ts";

// Writes the manual pages into a folder: bun run manuals FOLDER.
const folder = Bun.argv[2] ?? "dist/man";
mkdirSync(folder, { recursive: true });
for (const { file, text } of manualPages(releaseDate())) {
  await Bun.write(join(folder, file), text);
  process.stdout.write(`${join(folder, file)}\n`);
}
