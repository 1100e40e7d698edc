import type { Style } from "../../observe/log/terminal-style.ts";

/**
 * The durations of one request and of one upload, both through the same address of the chain: the
 * outer port or the Unix socket.
 */
export interface Trial {
  readonly through: string;
  readonly requestSeconds: number;
  readonly uploadBytes: number;
  readonly uploadSeconds: number;
}

/**
 * The figures of one relay: the address of its source, the number of its connections, and the
 * number of bytes in both directions together.
 */
export interface Leg {
  readonly address: string;
  readonly connections: number;
  readonly bytes: number;
}

/** The result of the demo. */
export interface Picture {
  readonly outer: Leg;
  readonly socket: Leg;
  readonly service: { readonly address: string };
  readonly trials: readonly Trial[];
}

/**
 * Draws the chain, from the outer port to the service, and the figures below it. Lines have at most
 * 80 columns if the socket is in /tmp.
 */
export function drawDemo({ outer, socket, service, trials }: Picture, look: Style): string {
  const { bold, dim, green, cyan } = look;
  const widest = Math.max(outer.address.length, socket.address.length, service.address.length);
  const place = (address: string, what: string) =>
    `  ${bold(cyan(address))}${" ".repeat(widest - address.length)}  ${dim(what)}`;
  const relay = ({ connections, bytes }: Leg) =>
    `      ${dim("│")}  ${green("relay")}  ${connections} connections, ${mebibytes(bytes)}\n      ${dim("▼")}`;
  const lines = [
    "",
    place(outer.address, "for clients that know only TCP"),
    relay(outer),
    place(socket.address, "file permissions say who may"),
    relay(socket),
    place(service.address, "a service that knows only TCP"),
    "",
    bold(row("sent through", "request", "upload", "rate", "sha256")),
    ...trials.map(
      ({ through, requestSeconds, uploadBytes, uploadSeconds }) =>
        `${row(
          through,
          `${(requestSeconds * 1_000).toFixed(1)} ms`,
          mebibytes(uploadBytes),
          `${(uploadBytes / 1e6 / uploadSeconds).toFixed(0)} MB/s`,
        )}    ${green("same")}`,
    ),
    "",
  ];
  return `${lines.join("\n")}\n`;
}

/**
 * The text about the next steps: a `curl` command for each of the two addresses to which a client
 * can connect. `open` is true if the demo keeps running, so that the user can connect now; false if
 * the demo ends and the user must first start it again with `--hold`.
 */
export function drawNextSteps({ outer, socket }: Picture, open: boolean, look: Style): string {
  const lines = [
    open
      ? `Both ways in stay open until ${look.bold("Ctrl-C")}; try:`
      : `Both ways in are closed again; with ${look.bold("--hold")} they stay open, for:`,
    `  ${look.cyan(`curl --unix-socket ${socket.address} http://localhost/`)}`,
    `  ${look.cyan(`curl http://${outer.address}/`)}`,
    "",
  ];
  return `${lines.join("\n")}\n`;
}

function row(through: string, request: string, upload: string, rate: string, check = ""): string {
  const cells = [request.padStart(9), upload.padStart(11), rate.padStart(11)].join("");
  return `  ${through.padEnd(17)}${cells}${check && `    ${check}`}`;
}

function mebibytes(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}
