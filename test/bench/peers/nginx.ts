import { existsSync } from "node:fs";
import { join } from "node:path";
import { printAddress } from "../../../src/index.ts";
import type { Address } from "../load/messages.ts";
import { findProgram, outputOf, versionIn } from "../programs.ts";
import { BACKLOG, MOST_CONNECTIONS, type Peer, type Task } from "./peer.ts";

/** nginx's stream module with one worker, half-close on and buffers of 64 KiB. */
export async function findNginx(): Promise<Peer | undefined> {
  const program = findProgram("nginx");
  if (program === undefined) return undefined;
  const about = await outputOf(program, "-V");
  const module = streamModule(about);
  if (module === undefined) return undefined;
  return {
    version: versionIn(about),
    async command(task) {
      const file = `${task.path}.conf`;
      await Bun.write(file, module + configuration(task));
      return [program, "-e", "stderr", "-c", file];
    },
  };
}

function configuration({ source, destination, path }: Task): string {
  // A worker of root's nginx would be `nobody`, whom the destination's file keeps out.
  return `
${process.getuid?.() === 0 ? "user root;" : ""}
daemon off;
worker_processes 1;
pid ${path}.pid;
events { worker_connections ${2 * MOST_CONNECTIONS + 100}; }
stream {
  proxy_buffer_size 64k;
  proxy_half_close on;
  proxy_timeout 1h;
  server {
    listen ${nameOf(source)} backlog=${BACKLOG};
    proxy_pass ${nameOf(destination)};
  }
}
`;
}

function nameOf(address: Address): string {
  return address.kind === "tcp" ? printAddress(address) : `unix:${address.path}`;
}

/** What the configuration has to begin with; `undefined` where this nginx has no streams. */
function streamModule(about: string): string | undefined {
  if (!/--with-stream(=dynamic)?(\s|$)/.test(about)) return undefined;
  if (!about.includes("--with-stream=dynamic")) return "";
  const folder = /--modules-path=(\S+)/.exec(about)?.[1] ?? "/usr/lib/nginx/modules";
  const file = join(folder, "ngx_stream_module.so");
  return existsSync(file) ? `load_module ${file};\n` : undefined;
}
