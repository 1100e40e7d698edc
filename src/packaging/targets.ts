/**
 * The systems that an executable is built for. Bun's name of a target is `bun-` followed by this
 * name.
 */
export const TARGETS = [
  "linux-x64",
  "linux-arm64",
  "linux-x64-musl",
  "linux-arm64-musl",
  "darwin-x64",
  "darwin-arm64",
] as const;

export type Target = (typeof TARGETS)[number];
